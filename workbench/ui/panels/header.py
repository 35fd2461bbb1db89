"""`HeaderPanel`: the model, its size, what the network's output has become, undo, redo, export."""

from collections.abc import Mapping
from itertools import islice
from typing import Any

from workbench.ui.limits import ANY
from workbench.ui.panel import Panel, script, styles
from workbench.ui.state import State
from workbench.ui.study import Study
from workbench.ui.words import parameters, plain
from workbench.workflow.export.catalogue import TARGETS
from workbench.workflow.profiles.catalogue import PROFILES
from workbench.workflow.sizes import size_bytes

LISTED = 200  # tensors that do not fit the target
GROUPS = {"network": "Networks", "ranges": "Files of ranges"}  # kind of a target -> heading in the menu
# target -> what the menu calls it: what it is, for what; one that is not named here, a person's own, has its title
NAMES = {
    "onnx_qdq": "onnxruntime (QDQ)",
    "onnx_qdq_tensorrt": "TensorRT (QDQ)",
    "onnx_fp16": "ONNX fp16",
    "onnx_bf16": "ONNX bf16",
    "onnx_float": "ONNX float32 (all formats)",
    "tensorrt_cache": "TensorRT cache (ranges)",
    "ncnn_table": "ncnn table (ranges)",
    "tpu_mlir_table": "TPU-MLIR table (ranges)",
    "aimet_encodings": "AIMET encodings 1.0.0",
    "aimet_encodings_2": "AIMET encodings 2.0.0",
    "ort_overrides": "onnxruntime cache (ranges)",
    "recipe": "Workbench recipe (JSON)",
    "csv_table": "CSV table",
}
ENOUGH = 64  # samples: a figure measured on so many is worth more than a prediction


def target_options() -> list[dict[str, str]]:
    """Files that can be written, devices that can be worked for, and neither."""
    files = [(kind, t) for kind in GROUPS for t in TARGETS.values() if t.kind == kind]
    devices = PROFILES.values()
    return [
        *({"value": t.name, "title": NAMES.get(t.name, t.title), "why": t.title, "group": GROUPS[k]} for k, t in files),
        *({"value": p.name, "title": p.title, "why": f"device: {p.title}", "group": "Devices"} for p in devices),
        {"value": ANY, "title": "no target", "why": "everything can be chosen and simulated"},
    ]


def by_reason(misfits: Mapping[str, str]) -> list[tuple[str, list[str]]]:
    """Reason -> the tensors it keeps from fitting, in the order they come, LISTED tensors in all."""
    found: dict[str, list[str]] = {}
    for tensor, reason in islice(misfits.items(), LISTED):
        found.setdefault(reason, []).append(tensor)
    return list(found.items())


class HeaderPanel(Panel):
    """One line above everything; also brings the style sheet of the app."""

    _esm = script("popup.js", "header.js")
    _css = styles("app.css", "shell.css")
    parts = (
        "recipe",
        "history",
        "measured",
        "running",
        "trouble",
        "calibrated",
        "calibration",
        "coded_bits",
        "target",
    )

    def __init__(self, study: Study) -> None:
        self._sizes: tuple[object, object, tuple[int, int, int]] | None = None
        self._recipe, self._changes = study.state.recipe, 0
        self._listing = False
        super().__init__(study)

    def look(self, state: State) -> dict[str, Any]:
        model = self.study.model
        known = self._sizes
        if known is None or known[0] is not state.recipe or known[1] is not state.coded_bits:
            self._sizes = known = (state.recipe, state.coded_bits, size_bytes(model, state.recipe, state.coded_bits))
        float_size, chosen_size, coded_size = known[2]
        if state.recipe is not self._recipe:
            self._recipe, self._changes = state.recipe, self._changes + 1
        now, misfits = state.running, self.study.limits.misfits(state.target, state.recipe)
        view: dict[str, Any] = {
            "changes": self._changes,
            "measured": _is_measured(state),
            "model": model.name,
            "n_layers": len(model.layers),
            "parameters": parameters(model.n_parameters),
            "float_kb": float_size / 1000,
            "chosen_kb": chosen_size / 1000,
            "coded_kb": coded_size / 1000 if coded_size < chosen_size else None,
            "can_undo": state.can_undo,
            "can_redo": state.can_redo,
            "activity": "" if now is None else now.what,
            "progress": state.progress,
            "progress_words": "" if now is None else now.words,
            "trouble": state.latest_trouble,
            "updating": state.updating,
            "has_data": self.study.evaluation is not None,
            "output": None,
            "target": state.target,
            "targets": target_options(),
            "n_misfits": len(misfits),
            "misfits": by_reason(misfits) if self._listing else [],
            "fit": PROFILES[self._profile()].title if misfits and self._profile() in PROFILES else None,
        }
        if state.comparison is not None:
            name, error = next(iter(state.comparison.outputs.items()))
            view["output"] = {
                "name": name,
                "sqnr_db": plain(error.sqnr_db),
                "agreement": plain(error.agreement),
                "accuracy": plain(error.accuracy),
                "float_accuracy": plain(error.float_accuracy),
                "interval": error.accuracy_interval,
                "n": state.comparison.n_samples,
            }
        return view

    def _profile(self) -> str:
        """Name of the device that the recipe can be fitted to: the study's, else what the target is written for."""
        target = self.study.state.target
        return TARGETS[target].profile if target in TARGETS else target

    def on_target(self, content: Any) -> None:
        self.study.set_target(str(content["target"]))

    def on_misfits(self, content: Any) -> None:
        """The list of tensors that do not fit the target was opened or closed."""
        self._listing = bool(content["open"])
        self.refresh()

    def on_fit(self, _content: Any) -> None:
        study, profile = self.study, self._profile()
        study.in_background("fitting the recipe", lambda: study.fit_to(profile))

    def on_look_at(self, content: Any) -> None:
        self.study.select(str(content["tensor"]))

    def on_undo(self, _content: Any) -> None:
        self.study.undo()

    def on_redo(self, _content: Any) -> None:
        self.study.redo()


def _is_measured(state: State) -> bool:
    """Whether the network's figures are of the present choices, on enough samples to be better than a prediction."""
    measured = state.measured
    if measured is None or measured.recipe is not state.recipe:
        return False
    return measured.complete or measured.comparison.n_samples >= ENOUGH
