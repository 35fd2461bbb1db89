"""`Study`: the one thing that changes; what is clicked in the app and what a script says both go through it."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

from workbench.messages import WorkbenchError
from workbench.numerics.errors.error import QuantizationError
from workbench.ui.background import QUESTIONS
from workbench.ui.books import source_of
from workbench.ui.choosing import Choosing
from workbench.ui.state import Exported, State
from workbench.ui.subjects import is_heavy
from workbench.ui.worker import Request
from workbench.workflow.export.catalogue import TARGETS
from workbench.workflow.export.exporting import ExportReport, export
from workbench.workflow.recipe import Recipe

VERIFIED = 128  # samples that the self-check of an export runs on
URGENT = 0


class Study(Choosing):
    """A model, what is known of it, and what was chosen for it.

    model: Model. data: for calibration, anything `as_batches` takes; None without. evaluation: data for the network's
    figures (default: `data`). labels: class indices (samples,) of the evaluation data. autosave: folder, or None.
    Raises WorkbenchError for data that do not fit the model.

    `study.start()` begins the background work (default choices, calibration, network figures); `study.wait()` blocks
    until it is done. Each verb below is one action of the app. All can be undone; all may be called from any thread.
    """

    def select(self, name: str) -> None:
        """Look at a tensor, or at a layer by its name (its weight first, else what it reads)."""
        layer = next((each for each in self.model.layers if each.name == name), None)
        if layer is not None:
            tensor = next((n for n in (layer.weight, *layer.inputs) if n is not None), "")
        else:
            tensor, present = self.model.tensors[name].name, self.layer_named(self.state.layer)
            readers = (each for each in self.model.layers if name in (each.weight, *each.inputs))
            layer = present if present and name in (present.weight, *present.inputs) else next(readers, None)
        place = "" if layer is None else layer.name
        if not is_heavy(self.model, tensor):
            self.error(tensor)  # known before observers ask for it
        self.update(lambda s: dataclasses.replace(s, selected=tensor, layer=place))

    def set_recipe(self, recipe: Recipe) -> None:
        """Take a whole recipe, for example a loaded one."""
        self.apply(recipe)

    def export(self, path: str | Path, target: str = "onnx_qdq") -> ExportReport:
        """Write the present recipe for a target and prove the file; see `workbench.export`."""
        data = None if self.evaluation is None else self.evaluation.first(VERIFIED)
        return export(self.model, self.state.recipe, path, target=target, data=data)

    def save_recipe(self, path: str | Path) -> Path:
        """Write the present recipe as JSON; `workbench.Recipe.load` reads it."""
        return self.state.recipe.save(path)

    def refusals(self, target: str) -> tuple[str, ...]:
        """What a target cannot express of the present recipe, in sentences."""
        return TARGETS[target].refusals(self.model, self.state.recipe)

    def export_in_background(self, path: str, target: str, *, with_recipe: bool = True) -> None:
        """As `export`, and the recipe beside it; `state.exported` tells how it went."""

        def compute(_turn: Any) -> Exported:
            try:
                report = self.export(path, target)
                recipe = str(self.save_recipe(f"{path}.recipe.json")) if with_recipe else ""
                n_samples = 0 if self.evaluation is None else self.evaluation.first(VERIFIED).n_samples
                return Exported(path, target, report=report, recipe_path=recipe, n_samples=n_samples)
            except WorkbenchError as refusal:
                return Exported(path, target, refused=str(refusal))

        self.update(lambda s: dataclasses.replace(s, exported=Exported(path, target, running=True)))
        self.worker.submit(Request("export", compute, "exporting and checking the file", URGENT))

    def in_background(self, what: str, verb: Callable[[], None]) -> None:
        """Run a verb that may take long without keeping the caller; its errors become `status`."""
        self.worker.submit(Request("verb", lambda _turn: verb(), what, URGENT))

    def error(self, name: str) -> QuantizationError | None:
        """The exact figures of a tensor at its present choice; None for an activation without data."""
        state = self.state
        source = source_of(self.model, state.calibration, name)
        return self.errors.error(name, state.recipe.choices.get(name), source)

    def ask(self, question: str, wanted: bool = True) -> None:
        """Have something worked out for the selected tensor as long as somebody looks at it; `state` gets the answers.

        question: "formats" (the error in every format, `state.formats`), "comparison" (the same with divergence and
        entropy-coded size) or "methods" (the range of every method, `state.details`). wanted: False ends it.
        """
        if question not in QUESTIONS:
            raise WorkbenchError(f"unknown question {question!r}; expected one of {', '.join(sorted(QUESTIONS))}")

        def asked(state: State) -> State:
            questions = state.asked | {question} if wanted else state.asked - {question}
            return state if questions == state.asked else dataclasses.replace(state, asked=questions)

        self.update(asked)
