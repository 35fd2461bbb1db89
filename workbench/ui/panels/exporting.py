"""`ExportPanel`: target, file, what the target cannot express, and the self-check of what was written."""

from typing import Any

from workbench.messages import WorkbenchError
from workbench.ui.limits import DEFAULT_TARGET
from workbench.ui.panel import Panel, script
from workbench.ui.state import State
from workbench.ui.study import Study
from workbench.ui.words import plain
from workbench.workflow.export.catalogue import TARGETS

SHOWN = 4  # refusals that are spelled out


class ExportPanel(Panel):
    """A dialog that begins with the study's target; nothing is worked out while it is closed."""

    _esm = script("dialog.js", "exporting.js")
    parts = ("recipe", "exported", "history", "target")

    def __init__(self, study: Study) -> None:
        self._open = False
        self._target = study.state.target or DEFAULT_TARGET
        self._following = study.state.target
        super().__init__(study)

    def look(self, state: State) -> dict[str, Any]:
        if state.target != self._following:
            self._target, self._following = state.target or DEFAULT_TARGET, state.target
        name = self.study.model.name
        view: dict[str, Any] = {
            "targets": [{"value": t.name, "title": t.title} for t in TARGETS.values()],
            "target": self._target,
            "path": f"{name}.{self._target}{TARGETS[self._target].suffix}",
            "refusals": [],
            "more": 0,
            "all_fp16": False,
            "has_data": self.study.evaluation is not None,
            "done": None,
        }
        if self._open:
            refusals = self._refusals()
            view["refusals"], view["more"] = list(refusals[:SHOWN]), max(0, len(refusals) - SHOWN)
            view["all_fp16"] = bool(refusals) and self._target == "onnx_fp16"
        if state.exported is not None:
            view["done"] = _done(state)
        return view

    def _refusals(self) -> tuple[str, ...]:
        try:
            return self.study.refusals(self._target)
        except WorkbenchError as error:
            return (str(error),)

    def on_open(self, content: Any) -> None:
        self._open = bool(content["open"])
        self.refresh()

    def on_target(self, content: Any) -> None:
        self._target = TARGETS[str(content["target"])].name
        self.refresh()

    def on_all_fp16(self, _content: Any) -> None:
        study, name = self.study, self.study.state.selected
        study.in_background("choosing FP16", lambda: study.set_format(name, "fp16", "network"))

    def on_export(self, content: Any) -> None:
        self.study.export_in_background(str(content["path"]), self._target)


def _done(state: State) -> dict[str, Any]:
    exported = state.exported
    assert exported is not None
    report = exported.report
    done: dict[str, Any] = {"running": exported.running, "refused": exported.refused, "path": exported.path}
    if report is not None:
        deployed = None if report.deployed is None else report.deployed.sqnr_db
        done |= {
            "files": [str(path) for path in report.files] + ([exported.recipe_path] if exported.recipe_path else []),
            "bit_equal": plain(report.bit_equal),
            "sqnr_db": plain(report.sqnr_db),
            "deployed_db": plain(deployed),
            "notices": [str(notice) for notice in report.notices],
            "n": exported.n_samples,
        }
    return done
