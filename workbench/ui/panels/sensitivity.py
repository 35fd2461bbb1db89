"""`SensitivityPanel`: what each tensor or layer costs the network's output, weights and activations apart."""

from collections.abc import Iterable
from typing import Any, get_args

import traitlets

from workbench.numerics.formats.catalogue import FORMATS
from workbench.ui.panel import Panel, script, styles
from workbench.ui.state import State
from workbench.ui.study import Study
from workbench.ui.topics.sensitivity import Sensitivity, sensitivities_of
from workbench.ui.topics.sensitivity_estimates import Options, Sensitivities, SensitivityEstimates, options_of
from workbench.ui.words import FAMILIES, OWN, first_of_several, plain
from workbench.workflow.progress import duration
from workbench.workflow.ranking import SensitivityRow
from workbench.workflow.sensitivity_cases import AS_CHOSEN, HALF, By, Direction, Half

SIDES = ("weights", "activations")
USUAL = ("int8", "int4", "fp8_e4m3", "fp16")
MOST_FORMATS = 8
SAMPLES = (64, 256, 0)  # 0: all


class SensitivityPanel(Panel):
    """Two lists, worst first: bars for the present recipe, a heat table for a set of formats.

    lists: the rows, apart from `view`: they stay the same while other things change.
    """

    _esm = script("popup.js", "chips.js", "copying.js", "virtual.js", "sensitivity_table.js", "sensitivity.js")
    _css = styles("panels/sensitivity.css")
    parts = ("answers", "asked", "selected", "recipe", "calibrated", "whole", "catalogues")
    lists = traitlets.Dict().tag(sync=True)

    def __init__(self, study: Study) -> None:
        self.options = Options()
        self._listed: Sensitivities | None = None
        super().__init__(study, lists=_lists(None))

    def moved(self, state: State) -> None:
        if state.asked.get(Sensitivity.name) is True and self.options != Options():
            self.study.ask(Sensitivity.name, self.options)  # the page was opened again
        found = sensitivities_of(state)
        if found is not self._listed:
            self._listed, self.lists = found, _lists(found)
        super().moved(state)

    def look(self, state: State) -> dict[str, Any]:
        found = sensitivities_of(state)
        present = self.study.topics[SensitivityEstimates.name].present(state) is not None
        return {
            "options": self._options_view(),
            "formats": _formats() if Sensitivity.name in state.asked else [],
            "missing": self._missing(state, found),
            "selected": state.selected,
            "stale": not present,
            "running": present and found is not None and found.running,
            "complete": present and found is not None and found.n_missing == 0,
            "words": self._words(found) if present and found is not None else "",
            "time": duration(found.seconds) if present and found is not None and found.n_missing else "",
        }

    def _options_view(self) -> dict[str, Any]:
        one = self.options
        return {
            "by": one.by,
            "formats": list(one.formats),
            "usual": list(USUAL),
            "direction": one.direction,
            "half": list(one.half),
            "n": one.n_samples,
            "most": MOST_FORMATS,
            "n_all": 0 if self.study.evaluation is None else self.study.evaluation.n_samples,
        }

    def _missing(self, state: State, found: Sensitivities | None) -> str:
        """Why there is nothing to see."""
        if self.study.evaluation is None:
            return "No data yet: wb.App(model, data) runs the network and compares."
        if found is None:
            return "Estimates come in a moment." if state.calibrated and state.whole else "Comes after calibration."
        if not found.ranking.rows:
            return "Nothing is quantized: choose formats, or try a set of formats here."
        return ""

    def _words(self, found: Sensitivities) -> str:
        """How far it is, and what the figures are of."""
        total = len(found.ranking)
        done = total - found.n_missing
        if found.running:
            return f"{done} of {total}, {duration(found.seconds)} left"
        words = f"{done} of {total} measured" if done else "estimates"
        if not found.n_missing:
            words = f"measured, {found.ranking.n_samples:,} samples"
        output = first_of_several(self.study.model)
        return f"{output}: {words}" if output else words

    def on_set(self, content: Any) -> None:
        """One control was changed: {name: value}."""
        given = {name: content[name] for name in ("by", "direction", "half", "formats", "n") if name in content}
        options = self.options._replace(measure=None)
        if given.get("by") in get_args(By):
            options = options._replace(by=given["by"])
        if given.get("direction") in get_args(Direction):
            options = options._replace(direction=given["direction"])
        if "half" in given:
            options = options._replace(half=tuple(kind for kind in get_args(Half) if kind in given["half"]))
        if "formats" in given:
            wanted = tuple(str(name) for name in given["formats"] if name in FORMATS and name != "fp32")[:MOST_FORMATS]
            options = options._replace(formats=wanted)
        if given.get("n") in SAMPLES:
            options = options._replace(n_samples=given["n"])
        if options.direction == "all_but":  # leaves one tensor of the recipe float: nothing else is tried
            options = options._replace(formats=(), half=())
        self._ask(options)

    def on_measure(self, _content: Any) -> None:
        self._ask(self.options._replace(measure=True))

    def on_cancel(self, _content: Any) -> None:
        """What was measured so far stays."""
        self._ask(self.options._replace(measure=False))

    def on_select(self, content: Any) -> None:
        self.study.select(str(content["tensor"]))

    def _ask(self, options: Options) -> None:
        self.options = options
        if Sensitivity.name in self.study.state.asked and options_of(self.study.state) != options:
            self.study.ask(Sensitivity.name, options)
        self.refresh()


def _formats() -> list[list[str]]:
    """[name, title, family] of what can be tried."""
    return [
        [name, format.title, FAMILIES.get(format.family, OWN)]
        for name, format in FORMATS.items()
        if name != "fp32" and format.family != "pruning"
    ]


def _lists(found: Sensitivities | None) -> dict[str, Any]:
    """Columns, and the rows of both sides: [name, tensor to select, tensors, cells].

    A cell is [value, measured, why there is none]: output SQNR, dB, or what leaving it float gains, dB.
    """
    if found is None:
        return {"columns": [], "gain": False, "weights": [], "activations": []}
    gain = found.options.direction == "all_but"
    columns = [*(found.options.formats or (AS_CHOSEN,)), *(HALF[kind] for kind in found.options.half)]
    titles = {
        AS_CHOSEN: "gain dB" if gain else "output SQNR dB",
        HALF["values"]: "½ values",
        HALF["filters"]: "½ filters",
    }
    return {
        "columns": [
            {
                "title": titles.get(what) or FORMATS[what].title,
                "what": what,
                "side": "weights" if what in HALF.values() else "",
            }
            for what in columns
        ],
        "gain": gain,
        **{side: _rows(found, side, columns) for side in SIDES},
    }


def _rows(found: Sensitivities, side: str, columns: Iterable[str]) -> list[list[Any]]:
    by_tensors: dict[tuple[str, ...], dict[str, SensitivityRow]] = {}
    for row in found.ranking:
        if row.side == side:
            by_tensors.setdefault(row.tensors, {})[row.what] = row
    rows = []
    for tensors, by_what in by_tensors.items():
        name = next(iter(by_what.values())).name
        cells = [_cell(found, by_what.get(what), tensors, what) for what in columns]
        rows.append([name, tensors[0], list(tensors), cells])
    return rows


def _cell(found: Sensitivities, row: SensitivityRow | None, tensors: tuple[str, ...], what: str) -> list[Any]:
    if row is None:
        why = next((found.refused[name, what] for name in tensors if (name, what) in found.refused), "")
        return [None, False, why]
    return [plain(_figure(found, row)), row.measured, ""]


def _figure(found: Sensitivities, row: SensitivityRow) -> float:
    """Output SQNR, or the gain over the whole recipe: measured minus measured, estimated minus estimated."""
    if found.estimated_base_db is None:
        return row.sqnr_db
    base = found.ranking.base
    return row.sqnr_db - (base.sqnr_db if row.measured and base is not None else found.estimated_base_db)
