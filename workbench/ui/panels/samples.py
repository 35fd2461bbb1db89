"""`SamplesPanel`: the evaluation samples whose answer changed, the worst first."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import traitlets

from workbench.ui.panel import Panel, script, styles
from workbench.ui.state import State
from workbench.ui.study import Study
from workbench.ui.thumbnails import as_picture
from workbench.ui.topics.samples import SamplesFound
from workbench.ui.words import plain
from workbench.workflow.samples import ChangedSamples
from workbench.workflow.tasks.catalogue import TASKS
from workbench.workflow.tasks.classes import ClassChange
from workbench.workflow.tasks.task import Change

MOST = 200  # samples that are listed


class SamplesPanel(Panel):
    """A card for each changed sample: its picture, both networks' answers, what was lost; how many there are."""

    _esm = script("popup.js", "samples.js")
    _css = styles("panels/samples.css")
    parts = ("answers", "asked", "recipe", "task", "calibrated", "input_report")
    rows: traitlets.List[Any] = traitlets.List().tag(sync=True)  # apart from `view`: they are many

    def __init__(self, study: Study) -> None:
        self._topic, self._shown = study.topics["samples"], object()
        self._wanted: set[int] = set()
        super().__init__(study)
        self._list(study.state)

    def moved(self, state: State) -> None:
        self._list(state)
        super().moved(state)
        self._send_pictures(state)

    def look(self, state: State) -> dict[str, Any]:
        known = self._found(state)
        found = None if known is None else known.found
        report = state.input_report
        return {
            "missing": self._missing(state),
            "updating": known is not None and self._topic.present(state) is None,
            "pictured": report is not None and any(as_picture(sample) is not None for sample in report.samples[:1]),
            "sample": self._opened(state),
            "n_changed": 0 if found is None else len(found),
            "n": 0 if found is None else found.figures.n_samples,
            "listed": 0 if found is None else min(len(found), MOST),
            "agreement": None if found is None else found.figures.agreement,
            "means": "" if found is None else found.figures.means,
            "task": self._task(state, known),
        }

    def _found(self, state: State) -> SamplesFound | None:
        known = state.answers.get(self._topic.name)
        return None if known is None else known.value

    def _opened(self, state: State) -> int | None:
        asked = state.asked.get("one_sample")
        return asked if isinstance(asked, int) and not isinstance(asked, bool) else None

    def _task(self, state: State, known: SamplesFound | None) -> dict[str, Any]:
        """The select of the task; what spoke for it."""
        guess, why_not = (None, {}) if known is None else (known.guess, known.tasks)
        guessed = {"value": "", "title": f"guessed: {guess.name}" if guess is not None else "guessed"}
        others = [
            {"value": name, "title": name, "disabled": bool(why_not.get(name)), "why": why_not.get(name, "")}
            for name in TASKS
        ]
        because = "Chosen by you." if state.task else guess.because if guess is not None else ""
        return {"value": state.task, "options": [guessed, *others], "because": because}

    def _missing(self, state: State) -> str:
        """Why no sample is listed; "" where some are."""
        if self.study.evaluation is None:
            return "No data yet: wb.App(model, data) runs the network on samples and compares the answers."
        known = self._found(state)
        if known is None:
            return "Looking for changed answers…" if state.calibrated and state.whole else "Comes after calibration."
        if known.found is None:
            return known.refused
        return "" if known.found else f"No answer changed on {known.found.figures.n_samples:,} samples."

    def _list(self, state: State) -> None:
        known = self._found(state)
        if known is not self._shown:
            self._shown = known
            self.rows = [] if known is None or known.found is None else self._cards(known.found, known.labels)

    def _cards(self, found: ChangedSamples, labels: np.ndarray | None) -> list[dict[str, Any]]:
        known, names = labels if found.task.name == "classes" else None, self.study.class_names
        return [_card(each, None if known is None else int(known[each.row]), names) for each in found[:MOST]]

    def on_task(self, content: Any) -> None:
        self.study.set_task(str(content["task"]))

    def on_open(self, content: Any) -> None:
        """Show one sample's error along the depth."""
        self.study.ask("one_sample", int(content["sample"]))
        self.turn_to("depth")

    def on_pictures(self, content: Any) -> None:
        """The page has come to samples whose pictures it does not have yet."""
        self._wanted = {int(sample) for sample in content["samples"][:MOST]}
        self.study.ask("pictures", tuple(sorted(self._wanted)))
        self._send_pictures(self.study.state)

    def _send_pictures(self, state: State) -> None:
        known = state.answers.get("pictures")
        ready = {} if known is None else {n: known.value[n] for n in sorted(self._wanted & known.value.keys())}
        if ready:
            self._wanted -= ready.keys()
            sizes = [[number, *((0, 0) if picture is None else picture.shape[:2])] for number, picture in ready.items()]
            pixels = b"".join(picture.tobytes() for picture in ready.values() if picture is not None)
            self.send({"kind": "pictures", "sizes": sizes}, [pixels])


def _card(change: Change, label: int | None, names: Mapping[int, str]) -> dict[str, Any]:
    """What the script shows of a sample, as JSON values. names: of classes."""
    card: dict[str, Any] = {
        "sample": change.sample,
        "label": label,
        "label_name": names.get(-1 if label is None else label, ""),
        "lost": plain(change.lost),
        "words": change.words,
        "float_right": change.float_right,
        "chosen_right": change.chosen_right,
    }
    if isinstance(change, ClassChange):
        card["unit"] = change.unit
        for network, scores in (("float", change.before), ("chosen", change.after)):
            card[network] = [[one.index, round(one.score, 4), names.get(one.index, "")] for one in scores]
    return card
