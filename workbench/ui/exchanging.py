"""`Exchanging`: files that go out to other tools and come in from them."""

import dataclasses
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from workbench.messages import Notice, WorkbenchError
from workbench.ui.choosing import Choosing
from workbench.ui.code import action
from workbench.ui.history import changed_tensors
from workbench.ui.state import VERB, Exported, Received
from workbench.ui.worker import Request
from workbench.workflow.export.catalogue import TARGETS
from workbench.workflow.export.exporting import ExportReport, export, known_names
from workbench.workflow.export.names import NameMatch, match_names
from workbench.workflow.profiles.catalogue import PROFILES
from workbench.workflow.profiles.fitting import fitted_to
from workbench.workflow.ranges.importing import read_ranges, recipe_from_ranges
from workbench.workflow.recipe import Recipe

log = logging.getLogger("workbench")
VERIFIED = 128  # samples that the self-check of an export runs on
URGENT = 0
COMPARISON = "comparison"  # the option of targets that show the network's figures, which are known here


class Exchanging(Choosing):
    """The recipe written for a target, ranges of another tool taken over, and what that tool calls the tensors."""

    def export(
        self,
        path: str | Path,
        target: str = "onnx_qdq",
        *,
        profile: str | None = None,
        watch: Callable[[str], None] | None = None,
        **options: Any,
    ) -> ExportReport:
        """Write the present recipe for a target and prove the file; see `workbench.export`.

        The names are the recipe's, see `match_names`. profile: what the file will run on; None: the device that was
        chosen as the study's target, if one was. watch: told in words what is being done. options: the target's.
        """
        data = None if self.evaluation is None else self.evaluation.first(VERIFIED)
        labels, state = None if data is None else self.labels, self.state
        if COMPARISON in TARGETS[target].options and state.measured is not None and not state.updating:
            options = {COMPARISON: state.measured.comparison, **options}
        means: dict[str, Any] = {"data": data, "calibration": state.calibration, "labels": labels, "watch": watch}
        runs_on = profile or self.device
        report = export(self.model, state.recipe, path, target=target, profile=runs_on, **means, **options)
        self._remember(*report.files)
        return report

    def _remember(self, *files: Path) -> None:
        """These are ours: an export may replace them without asking."""
        ours = frozenset(file.resolve() for file in files)
        self.update(lambda s: dataclasses.replace(s, written=s.written | ours))

    @property
    def device(self) -> str | None:
        """The name in PROFILES of what the study's target says; None where it names a kind of file, or nothing."""
        return self.state.target if self.state.target in PROFILES else None

    def save_recipe(self, path: str | Path) -> Path:
        """Write the present recipe as JSON; `workbench.Recipe.load` reads it."""
        return self.state.recipe.save(path)

    def refusals(self, target: str) -> tuple[str, ...]:
        """What a target, or the chosen device, cannot express of the present recipe, in sentences."""
        recipe = self.state.recipe
        of_file = TARGETS[target].refusals(self.model, recipe, known_names(self.model, recipe, None))
        of_device = () if self.device is None else PROFILES[self.device].refusals(self.model, recipe)
        return tuple(dict.fromkeys((*of_file, *of_device)))

    def export_in_background(
        self, path: str, target: str, *, with_recipe: bool = True, options: Mapping[str, Any] | None = None
    ) -> None:
        """As `export`, and the recipe beside it; `state.exported` tells how it goes and how it went.

        Nothing is done while another one runs.
        """
        if self.state.exported is not None and self.state.exported.running:
            return

        def told(exported: Exported) -> None:
            self.update(lambda s: dataclasses.replace(s, exported=exported))

        def compute(_turn: Any) -> None:
            end = Exported(path, target, refused="It was stopped.")
            try:
                end = self._exported(path, target, with_recipe, options or {}, told)
            except WorkbenchError as refusal:
                end = dataclasses.replace(end, refused=str(refusal))
            except Exception as error:  # the dialog must be able to go on
                log.exception("the export of %s failed", target)
                end = dataclasses.replace(end, refused=f"The export stopped: {type(error).__name__}: {error}")
            finally:
                told(end)

        told(Exported(path, target, running="waiting for its turn"))
        self.worker.submit(Request("export", compute, "exporting and checking the file", URGENT))

    def _exported(
        self,
        path: str,
        target: str,
        with_recipe: bool,
        options: Mapping[str, Any],
        told: Callable[[Exported], None],
    ) -> Exported:
        """What became of an export; told what is being done."""
        recipe, evaluation = self.state.recipe, self.evaluation
        watch = lambda words: told(Exported(path, target, running=words))  # noqa: E731
        report = self.export(path, target, watch=watch, **options)
        report, beside = self._with_recipe_beside(report, path) if with_recipe else (report, "")
        n_samples = 0 if evaluation is None else evaluation.first(VERIFIED).n_samples
        return Exported(path, target, report=report, recipe_path=beside, n_samples=n_samples, recipe=recipe)

    def stop(self, topic: str) -> None:
        """Stop one piece of background work, see `Core.stop`; an export that waits is over."""
        waited = any(each.topic == topic and each.condition == "waits" for each in self.worker.work())
        super().stop(topic)
        exported = self.state.exported
        if topic == "export" and waited and exported is not None:
            stopped = dataclasses.replace(exported, running="", refused="It was stopped before it began.")
            self.update(lambda s: dataclasses.replace(s, exported=stopped))

    def _with_recipe_beside(self, report: ExportReport, path: str) -> tuple[ExportReport, str]:
        """The recipe saved beside the file that was written, and its path; "" and a remark where it cannot be."""
        try:
            saved = self.save_recipe(f"{path}.recipe.json")
            self._remember(saved)
            return report, str(saved)
        except WorkbenchError as refusal:
            remark = Notice("recipe", f"The recipe was not saved beside it: {refusal}")
            return dataclasses.replace(report, notices=(*report.notices, remark)), ""

    @action
    def fit_to(self, profile: str) -> tuple[Notice, ...]:
        """Change what a device cannot express to the nearest that it can, as one step; returns what was changed.

        profile: a name of PROFILES. Raises WorkbenchError for another name.
        """
        notices: tuple[Notice, ...] = ()

        def fitted(recipe: Recipe) -> Recipe:
            nonlocal notices
            new, notices = fitted_to(self.model, recipe, profile)
            return new

        self._change(fitted)
        for notice in notices:
            self.say(notice)
        return notices

    @action
    def set_names(self, names: Mapping[str, str]) -> None:
        """Say what the target's tool calls tensors, by our names; "" or our own name takes a name out.

        Raises WorkbenchError for tensors that the model does not have.
        """
        for tensor in names:
            _ = self.model.tensors[tensor]
        self._change(lambda recipe: recipe.with_names(names))

    @action
    def match_names(self, path: str | Path) -> NameMatch:
        """Take over the names of a tool's own file, see `workbench.match_names`, as one step.

        Tensors that the file has no name for lose the one they had.
        Raises WorkbenchError for a file that cannot be read.
        """
        match = match_names(self.model, path)
        cleared = dict.fromkeys(match.unmatched, "")
        before = self.state.recipe
        self._change(lambda recipe: recipe.with_names({**cleared, **match.names}))
        self._receive(Received("names", str(path), match=match, words=(str(match),), before=before))
        return match

    @action
    def open_ranges(self, path: str | Path, kind: str | None = None) -> tuple[Notice, ...]:
        """Take over the ranges of another tool's file as one step; what it says nothing of stays as it is.

        kind: name in READERS; None: recognized by what is in the file. Its names are the recipe's, where it has any.
        Returns what was read and could not be kept. Raises WorkbenchError, and nothing is changed, for what cannot be
        read.
        """
        ranges = read_ranges(path, kind)
        notices: tuple[Notice, ...] = ()
        changed: tuple[str, ...] = ()
        before = self.state.recipe

        def with_ranges(recipe: Recipe) -> Recipe:
            nonlocal notices, changed
            new, notices = recipe_from_ranges(self.model, ranges, names=recipe.names, base=recipe)
            changed = changed_tensors(recipe, new)
            return new

        self._change(with_ranges)
        said = f"{len(changed)} of {len(ranges.tensors) + len(ranges.floats)} tensors in the file changed the recipe."
        self._receive(Received("ranges", str(path), words=(said, *map(str, notices)), before=before))
        return notices

    def receive_in_background(self, kind: str, path: str) -> None:
        """`open_ranges` ("ranges") or `match_names` ("names"); `state.received[kind]` tells how it went."""
        verbs: dict[str, Callable[[str], Any]] = {"ranges": self.open_ranges, "names": self.match_names}
        verb = verbs[kind]

        def compute(_turn: Any) -> None:
            try:
                verb(path)
            except WorkbenchError as refusal:
                self._receive(Received(kind, path, refused=str(refusal)))

        self._receive(Received(kind, path, running=True))
        self.worker.submit(Request(f"{VERB}: reading {kind}", compute, "reading the file", URGENT))

    def _receive(self, received: Received) -> None:
        if received.before is self.state.recipe:  # nothing was changed that could be undone
            received = dataclasses.replace(received, before=None)
        self.update(lambda s: dataclasses.replace(s, received={**s.received, received.kind: received}))
