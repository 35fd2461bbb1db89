"""`InputsPanel`: what the model is fed, shown before anything is quantized, and everything else that was remarked."""

from typing import Any

import traitlets

from workbench.ui.panel import Panel, script
from workbench.ui.state import State
from workbench.ui.study import Study
from workbench.ui.thumbnails import as_picture
from workbench.ui.words import plain


class InputsPanel(Panel):
    """Three samples as the model sees them, their range, the float model's accuracy, the verdict; notices beside it."""

    _esm = script("inputs.js")
    parts = ("input_report", "notices", "measured", "calibrated", "trouble")
    pixels = traitlets.Bytes(b"").tag(sync=True)

    def __init__(self, study: Study) -> None:
        self._shown: object = None
        super().__init__(study)
        self._paint(study.state)

    def moved(self, state: State) -> None:
        self._paint(state)
        self.view = self.look(state)

    def _paint(self, state: State) -> None:
        report = state.input_report
        if report is None or report is self._shown:
            return
        self._shown = report
        self.pixels = b"".join(picture.tobytes() for picture in self._pictures(state))

    def _pictures(self, state: State) -> list[Any]:
        report = state.input_report
        pictures = [] if report is None else [as_picture(sample) for sample in report.samples]
        return [picture for picture in pictures if picture is not None]

    def look(self, state: State) -> dict[str, Any]:
        report, measured = state.input_report, state.measured
        notices = state.notices + (() if measured is None else measured.comparison.notices)
        view: dict[str, Any] = {
            "has_data": self.study.evaluation is not None,
            "report": None,
            "sizes": [list(picture.shape[:2]) for picture in self._pictures(state)],
            "notices": [str(notice) for notice in dict.fromkeys(notices)],
            "trouble": list(state.trouble.values()),
        }
        if report is not None:
            view["report"] = {
                "ok": bool(report.ok),
                "sentences": [str(sentence) for sentence in report.sentences],
                "low": plain(float(report.low)),
                "high": plain(float(report.high)),
                "mean": plain(float(report.mean)),
                "std": plain(float(report.std)),
                "accuracy": plain(report.accuracy),
                "n": report.n_samples,
            }
        return view
