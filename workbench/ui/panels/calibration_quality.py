"""`CalibrationQualityPanel`: is the calibration set like the evaluation data, and large enough?"""

from typing import Any

import numpy as np

from workbench.ui.charts.calibration_quality import calibration_figure
from workbench.ui.panel import Panel, script, styles
from workbench.ui.state import State
from workbench.ui.topics.calibration_quality import CalibrationQuality, Quality
from workbench.ui.topics.evaluation_distributions import counted_of
from workbench.ui.words import method_title
from workbench.workflow.common_bins import CommonBins
from workbench.workflow.range_against_samples import RangeAgainstSamples

SEPARATE = "No separate evaluation data: wb.App(model, data, evaluation=...) compares them with the calibration data."


class CalibrationQualityPanel(Panel):
    """Both distributions over one another, the range against the number of samples, and the tensors that drift."""

    _esm = script("ticks.js", "calibration_quality_charts.js", "calibration_quality.js")
    _css = styles("panels/calibration_quality.css")
    parts = ("answers", "asked", "selected", "recipe", "calibrated")

    def look(self, state: State) -> dict[str, Any]:
        answer = state.answers.get(CalibrationQuality.name)
        if self.study.data is None:
            return {"missing": "No data yet: wb.App(model, data) calibrates.", "rows": []}
        if answer is None or CalibrationQuality.name not in state.asked:
            words = "Comes in a moment." if state.calibrated else "Comes after calibration."
            return {"missing": words, "rows": []}
        found: Quality = answer.value
        choice = state.recipe.choices.get(found.tensor)
        span = None
        if choice is not None and choice.variation.has_scale and np.ndim(choice.low) == 0:
            span = [float(choice.quantizer.low), float(choice.quantizer.high)]
        return {
            "missing": "",
            "stale": self.study.topics[CalibrationQuality.name].present(state) is None,
            "tensor": found.tensor,
            "n_calibration": 0 if state.calibration is None else state.calibration.n_samples,
            "n_evaluation": found.n_evaluation,
            "evaluation": self._evaluation(state),
            "verdict": self._verdict(state, found),
            "mark": self._mark(found),
            "bins": _bins_view(found.bins, found.n_evaluation > 0),
            "span": span,
            "against": _against_view(found.against),
            "method": method_title(found.method) if found.method else "",
            "note": found.note,
            "selected": state.selected,
            "rows": _rows(found),
        }

    def _evaluation(self, state: State) -> str:
        """How far the evaluation data are: "none", "counting" or "whole"."""
        if self.study.evaluation is None or self.study.evaluation is self.study.data:
            return "none"
        counted = counted_of(state)
        return "whole" if counted is not None and counted.whole else "counting"

    def _verdict(self, state: State, found: Quality) -> str:
        if found.drift is not None:
            return f"{found.drift} {found.moving[0]}"
        if self._evaluation(state) == "none":
            return f"{SEPARATE} {found.moving[0]}"
        return f"Counting the evaluation data, {found.n_evaluation:,} samples so far. {found.moving[0]}"

    def _mark(self, found: Quality) -> list[str] | None:
        """[mark, words] of the tensor that is shown."""
        if found.drift is None:
            return None
        row = next((row for row in found.drift if row.tensor == found.tensor), None)
        return None if row is None else [row.mark, row.words]

    def picture(self) -> dict[str, Any] | None:
        view = self.view
        bins: dict[str, Any] | None = view.get("bins")
        against: dict[str, Any] | None = view.get("against")
        if not bins:
            return None
        ends: list[np.ndarray] = []
        if against is not None and len(against["n"]) > 1:
            sides = [np.array(against["low"]), np.array(against["high"])]
            ends = [rows for rows in sides if np.abs(rows).max() > 0]
        tried: dict[str, Any] = against if against is not None and ends else {"n": (), "enough": None, "headline": ""}
        counts = [f"{view['n_calibration']:,} calibration samples"]
        counts += [f"{view['n_evaluation']:,} evaluation samples"] if bins["evaluation"] else []
        words = " · ".join([*counts, view["mark"][1] if view["mark"] else ""]).removesuffix(" · ")
        return calibration_figure(
            np.linspace(bins["low"], bins["high"], len(bins["calibration"]) + 1),
            np.array(bins["calibration"]),
            None if bins["evaluation"] is None else np.array(bins["evaluation"]),
            None if view["span"] is None else tuple(view["span"]),
            n_samples=tried["n"],
            ends=ends,
            enough=tried["enough"],
            title=f"{view['tensor']}: calibration data",
            lines=(words, f"{tried['headline']} ({view['method']})" if ends else ""),
        )

    def on_select(self, content: Any) -> None:
        self.study.select(str(content["tensor"]))


def _bins_view(bins: CommonBins | None, compared: bool) -> dict[str, Any] | None:
    if bins is None:
        return None
    view: dict[str, Any] = {
        "low": float(bins.edges[0]),
        "high": float(bins.edges[-1]),
        "calibration": _short(bins.first),
        "evaluation": _short(bins.second) if compared else None,
        "zeros": [float(share) for share in bins.zeros],
    }
    return view


def _against_view(against: RangeAgainstSamples | None) -> dict[str, Any] | None:
    if against is None:
        return None
    return {
        "n": against.n_samples.tolist(),
        "low": [_short(row) for row in against.low],
        "high": [_short(row) for row in against.high],
        "headline": against.headline,
        "enough": against.n_enough,
        "words": against.words,
    }


def _rows(found: Quality) -> list[list[Any]]:
    """[tensor, mark, figure, words], the worst first: drift, too narrow, a range that still moves, the rest."""
    moving = {one.tensor: one for one in found.moving[1]}
    if found.drift is None:
        return [[name, "moving", _share(one.away), one.words] for name, one in moving.items()]
    marked = [row for row in found.drift.worst if row.mark]
    rows = [[row.tensor, row.mark, f"{row.distance:.2f}", row.words] for row in marked]
    known = {row.tensor for row in marked}
    rows += [[name, "moving", _share(one.away), one.words] for name, one in moving.items() if name not in known]
    known |= moving.keys()
    rest = sorted((row for row in found.drift if row.tensor not in known), key=lambda row: -row.distance)
    return rows + [[row.tensor, "", f"{row.distance:.2f}", row.words] for row in rest]


def _share(away: np.ndarray) -> str:
    """How far the ends lie from those of all samples with half of them, as a share of the width."""
    return f"{away[-2]:.0%}" if away.size > 1 else "–"


def _short(values: np.ndarray) -> list[float]:
    return [float(f"{value:.5g}") for value in values]
