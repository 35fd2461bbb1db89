"""`Repairing`: the verbs that take the advice of a diagnosis, and that set samples of the calibration data aside."""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from workbench.messages import WorkbenchError
from workbench.models.segments import Cancelled
from workbench.ui.applied import Applied
from workbench.ui.choosing import Choosing
from workbench.ui.history import changed_tensors
from workbench.ui.jobs import Recalibrated, recalibration_job
from workbench.ui.state import Measured, State
from workbench.ui.worker import Request
from workbench.workflow.diagnosis.finding import Finding, Remedy
from workbench.workflow.diagnosis.words import listed
from workbench.workflow.recipe import Recipe

RECALIBRATING = 9  # as urgent as the first calibration


class Repairing(Choosing):
    """Remedies as single steps that can be undone, with what they gave; samples set aside, with the way back."""

    def apply_remedy(self, finding: Finding | int = 1, remedy: Remedy | int = 0) -> None:
        """Do what a finding advises, as one step; `advice_taken` tells what it gave.

        finding: of a `diagnose` of this model, or its rank, from 1, in what `study.ask("causes")` found last. remedy:
        one of `finding.remedies`, or its place there: 0 is the advised one.
        Raises WorkbenchError where there is no such finding or remedy, and where the recipe has it already.
        """
        about = self._finding(finding) if isinstance(finding, int) else finding
        chosen = _remedy(about, remedy) if isinstance(remedy, int) else remedy

        def changed(recipe: Recipe) -> Recipe:
            new = chosen.apply(recipe)
            if not changed_tensors(recipe, new):
                raise WorkbenchError(f"tensor {about.tensor!r}: the recipe has that already: {chosen.words}")
            taken = Applied(about, chosen, recipe, new)
            self.update(lambda s: dataclasses.replace(s, applied=(*reachable(s), taken)))
            return new

        self._change(changed)

    @property
    def advice_taken(self) -> tuple[Applied, ...]:
        """The remedies that are in the present recipe, the first taken first; undo takes them off."""
        return in_force(self.state)

    def set_aside(self, samples: Iterable[int] | int) -> None:
        """Leave more samples out of the calibration, by their numbers from 0; `state.set_aside` has all that are.

        Calibrates without them in the background; ranges of activations that a method chose are then chosen anew, as
        one step that can be undone. `take_back` brings samples back.
        Raises WorkbenchError without data, before the calibration is done, for a number that is not there, and where no
        sample would be left.
        """
        more = {samples} if isinstance(samples, int) else {int(number) for number in samples}
        self._calibrate_without(self.state.set_aside | more)

    def take_back(self, samples: Iterable[int] | int | None = None) -> None:
        """Calibrate with samples again that were set aside; None: with all of them."""
        aside = self.state.set_aside
        back = aside if samples is None else {samples} if isinstance(samples, int) else {int(n) for n in samples}
        self._calibrate_without(aside - back)

    def _calibrate_without(self, samples: frozenset[int]) -> None:
        if self.data is None or not self.state.calibrated:
            raise WorkbenchError("there is no calibration yet that samples could be set aside from; study.wait()")
        former = self.state.set_aside
        if samples == former:
            return
        batches = self.data.without(samples)
        words = "calibrating " + (f"without {listed(sorted(samples), 'sample')}" if samples else "with all samples")

        def compute(turn: Any) -> Recalibrated:
            try:
                return recalibration_job(self.model, batches, self.choices, self.state.recipe, words, turn)
            except Cancelled:
                raise
            except Exception:
                self.update(lambda s: dataclasses.replace(s, set_aside=former))
                raise

        self.update(lambda s: dataclasses.replace(s, set_aside=samples))
        self.worker.submit(Request("recalibration", compute, words, RECALIBRATING))

    def taken(self, state: State, topic: str, value: Any) -> State:
        """As in `Background`."""
        if topic != "recalibration":
            return super().taken(state, topic, value)
        found: Recalibrated = value
        notices = tuple(dict.fromkeys((*state.notices, *found.calibration.notices)))
        state = dataclasses.replace(state, calibration=found.calibration, notices=notices)
        fitting = [new for old, new in found.choices if state.recipe.choices.get(old.tensor) is old and new != old]
        if not fitting:
            return state
        return dataclasses.replace(
            state,
            recipe=state.recipe.with_choices(*fitting),
            history=state.history.after_change(state.recipe),
            decided=state.decided.union(choice.tensor for choice in fitting),
            before=state.before_change(),
        )

    def consistent(self, old: State, new: State) -> State:
        """As in `Background`."""
        new = super().consistent(old, new)
        parts = ("applied", "measured", "before")
        moved = any(getattr(new, part) is not getattr(old, part) for part in parts)
        return with_figures(new) if moved and new.applied else new

    def _finding(self, rank: int) -> Finding:
        answer = self.state.answers.get("causes")
        if answer is None:
            raise WorkbenchError('nothing was diagnosed yet; study.ask("causes") and study.wait() do it')
        if not 1 <= rank <= len(answer.value):
            raise WorkbenchError(f"there is no finding {rank}; the diagnosis has {len(answer.value)}, counted from 1")
        found: Finding = answer.value[rank - 1]
        return found


def _remedy(finding: Finding, place: int) -> Remedy:
    if not finding.remedies:
        raise WorkbenchError(f"tensor {finding.tensor!r}: no recipe repairs that; {finding.advice}")
    if not 0 <= place < len(finding.remedies):
        known = "; ".join(f"{number}: {remedy.words}" for number, remedy in enumerate(finding.remedies))
        raise WorkbenchError(f"tensor {finding.tensor!r} has no remedy {place}; expected one of {known}")
    return finding.remedies[place]


def in_force(state: State) -> tuple[Applied, ...]:
    """The advice that the present recipe came from, the first taken first; what was undone is not among it."""
    recipes = {id(recipe) for recipe in (*state.history.past, state.recipe)}
    return tuple(one for one in state.applied if id(one.after) in recipes)


def reachable(state: State) -> tuple[Applied, ...]:
    """The advice that is in force or that a redo brings back."""
    recipes = {id(recipe) for recipe in (*state.history.past, *state.history.future, state.recipe)}
    return tuple(one for one in state.applied if id(one.after) in recipes)


def with_figures(state: State) -> State:
    """The state with the network's figures noted at the advice that they belong to."""
    applied = tuple(_noted(one, state) for one in state.applied)
    if all(new is old for new, old in zip(applied, state.applied, strict=True)):
        return state
    return dataclasses.replace(state, applied=applied)


def _noted(one: Applied, state: State) -> Applied:
    changes: dict[str, Mapping[int, float]] = {}
    for measured in (state.before, state.measured):
        for field_name, recipe in (("sqnr_before", one.before), ("sqnr_after", one.after)):
            if measured is not None and measured.recipe is recipe:
                known = getattr(one, field_name)
                if not measured.by_size.keys() <= known.keys():
                    changes[field_name] = {**known, **_sqnr(measured)}
    return dataclasses.replace(one, **changes) if changes else one  # type: ignore[arg-type]


def _sqnr(measured: Measured) -> dict[int, float]:
    """Number of samples -> SQNR of the first output, dB."""
    return {n: next(iter(one.outputs.values())).sqnr_db for n, one in measured.by_size.items()}
