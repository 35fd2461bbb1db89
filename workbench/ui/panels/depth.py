"""`DepthPanel`: where along the network its error grows."""

import math
from typing import Any

import traitlets

from workbench.ui.charts.depth import depth_figure
from workbench.ui.panel import Panel, script, styles
from workbench.ui.state import State
from workbench.ui.study import Study
from workbench.ui.words import plain
from workbench.workflow.comparison import LOW_COSINE, TensorError
from workbench.workflow.depth import ErrorAlongDepth, along_depth

SMALL_DB = 0.05  # a drop that is not worth a word


class DepthPanel(Panel):
    """SQNR and cosine of every observed tensor in graph order, now and before the last change.

    Of all samples, or of the single one that "one_sample" is asked about.
    """

    _esm = script("depth.js")
    _css = styles("panels/depth.css")
    parts = ("measured", "before", "recipe", "selected", "calibrated", "asked", "answers")
    names: traitlets.List[str] = traitlets.List().tag(sync=True)  # apart from `view`: they stay the same

    def __init__(self, study: Study) -> None:
        self._one = study.topics["one_sample"]
        super().__init__(study)
        self._name(study.state)

    def moved(self, state: State) -> None:
        self._name(state)
        super().moved(state)

    def _name(self, state: State) -> None:
        depth, _ = self._shown(state)
        if depth is not None:
            self.names = list(depth.tensors)

    def look(self, state: State) -> dict[str, Any]:
        depth, present = self._shown(state)
        view: dict[str, Any] = {
            "missing": self._missing(state),
            "selected": state.selected,
            "sample": self._sample(state),
            "updating": not present,
            "rule": LOW_COSINE,
            "depth": [],
            "cosine": [],
            "before": None,
            "drop": None,
        }
        if depth is None:
            return view
        view["depth"] = [_decibels(error) for error in depth.tensors.values()]
        view["cosine"] = [_cosine(error) for error in depth.tensors.values()]
        if depth.before is not None:
            view["before"] = [_decibels(depth.before.get(name)) for name in depth.tensors]
        if depth.drop is not None:
            tensor, lost = depth.drop
            db = lost if math.isfinite(lost) else None  # there values overflow
            view["drop"] = {"at": list(depth.tensors).index(tensor), "db": db}
        return view

    def _sample(self, state: State) -> int | None:
        asked = self._one.options(state)
        return asked if isinstance(asked, int) and not isinstance(asked, bool) else None

    def _shown(self, state: State) -> tuple[ErrorAlongDepth | None, bool]:
        """(what there is to show, whether it is of the present recipe)."""
        sample = self._sample(state)
        if sample is not None:
            known = state.answers.get(self._one.name)
            if known is None or known.value.samples != (sample,):
                return None, False
            return known.value, self._one.present(state) is not None
        if state.measured is None:
            return None, False
        present = state.measured.recipe is state.recipe
        now = state.measured.comparison
        before = state.before.by_size.get(now.n_samples) if state.before is not None and present else None
        return along_depth(now, before), present

    def _missing(self, state: State) -> str:
        """Why there is nothing to see."""
        if self.study.evaluation is None:
            return "No data yet: wb.App(model, data) runs the network and compares."
        if state.measured is None:
            return "Comes after calibration."
        depth, _ = self._shown(state)
        if depth is None:
            return f"Running sample {self._sample(state)} through both networks…"
        return "Nothing is quantized: the network is exact."

    def picture(self) -> dict[str, Any] | None:
        view, state = self.view, self.study.state
        now = [_known(value) for value in view["depth"]]
        if not any(value is not None for value in now):
            return None
        drop, sample = view["drop"], view["sample"]
        n = 0 if state.measured is None else state.measured.comparison.n_samples
        what = f"{n:,} evaluation samples" if sample is None else f"sample {sample}"
        low = [i for i, value in enumerate(view["cosine"]) if value is not None and value < LOW_COSINE]
        return depth_figure(
            self.names,
            now,
            None if view["before"] is None else [_known(value) for value in view["before"]],
            low=[i for i in low if now[i] is not None],
            rule=LOW_COSINE,
            drop=None if drop is None or drop["db"] is None or drop["db"] < SMALL_DB else (drop["at"], drop["db"]),
            title=f"{self.study.model.name}: error along the depth",
            lines=(f"SQNR of {len(now)} tensors against the float network, in order · {what}",),
        )

    def on_select(self, content: Any) -> None:
        self.study.select(str(content["tensor"]))

    def on_all_samples(self, _content: Any) -> None:
        self.study.ask(self._one.name, False)


def _known(value: float | str | None) -> float | None:
    """A number; None where there is no error, or where it is not known."""
    return value if isinstance(value, float | int) else None


def _decibels(error: TensorError | None) -> float | str | None:
    """SQNR, dB; "inf" without error, None where it is not known."""
    return None if error is None else plain(error.sqnr_db)


def _cosine(error: TensorError) -> float | None:
    return None if math.isnan(error.cosine) else round(error.cosine, 6)
