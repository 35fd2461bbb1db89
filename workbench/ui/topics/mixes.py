"""`Mixes`: formats for the weights, mixed so that bytes go where they count; searched when somebody asks for it."""

import math
import time
from dataclasses import dataclass
from typing import NamedTuple

from workbench.messages import Notice, WorkbenchError
from workbench.models.model import Model
from workbench.numerics.formats.catalogue import FORMATS
from workbench.ui.history import changed_tensors
from workbench.ui.state import State
from workbench.ui.topics.sensitivity_estimates import FirstSamples, Known, estimates_of
from workbench.ui.topics.topic import Means, Topic
from workbench.ui.worker import Turn
from workbench.workflow.allocation import MeasuredMix, Pareto
from workbench.workflow.allocation_search import AllocationProgress, MixSearch, weights_alone
from workbench.workflow.choose import weight_axis, weight_names
from workbench.workflow.menu import Menu, menu_of
from workbench.workflow.ranking import Ranking
from workbench.workflow.recipe import Recipe
from workbench.workflow.sensitivity_cases import digest_of
from workbench.workflow.simulate import Simulator
from workbench.workflow.sizes import size_bytes, tensor_bytes

PAUSE = 0.4  # seconds between partial results


class MixQuestion(NamedTuple):
    """What is asked. base: the recipe without its weights. formats: that weights may have.

    budget_bytes: of all constants; least_sqnr_db: of the output; one of them is None. n_samples: the first so many of
    the evaluation data; 0: all. search: False gives what was found before and runs nothing. catalogues: as in
    `State` when it was asked.
    """

    base: Recipe
    formats: tuple[str, ...]
    budget_bytes: int | None = None
    least_sqnr_db: float | None = None
    n_samples: int = 256
    search: bool = True
    catalogues: int = 0


@dataclass(frozen=True, eq=False)
class MixesFound:
    """What is known. pareto: of all mixes that were run so far. best: what was asked for; None so far, or where
    `refused` says why there is none. notices: formats that a weight cannot have. n_samples: what mixes were run on.
    """

    question: MixQuestion
    pareto: Pareto = Pareto(())
    best: MeasuredMix | None = None
    refused: str = ""
    notices: tuple[Notice, ...] = ()
    n_samples: int = 0


class Mixes(Topic):
    """Asked with a `MixQuestion`. What was run is kept: every weight alone, and the mixes of one set of activations.

    Later questions about the recipe do not touch it: the search goes on for the activations that it was asked with.
    Runs are made by a simulator of its own, as those of sensitivity.
    """

    name = "mixes"
    what = "finding mixes of formats"
    urgency = 15

    def __init__(self, means: Means) -> None:
        super().__init__(means)
        self._catalogues = 0
        self._known = Known()
        self._first = FirstSamples(means)
        self._menu: tuple[tuple[str, ...], Menu] | None = None
        self._search: tuple[MixQuestion, MixSearch] | None = None
        self._turn: Turn | None = None  # whose work goes on
        self._question: MixQuestion | None = None
        self._published = 0.0

    def about(self, state: State) -> tuple | None:
        question = self.options(state)
        if self.means.evaluation is None or not isinstance(question, MixQuestion):
            return None
        return tuple(question)

    def answer(self, state: State, turn: Turn) -> MixesFound:
        """Publishes the mixes a few times a second."""
        question: MixQuestion = self.options(state)
        self._turn, self._question = turn, question
        if question.catalogues != self._catalogues:
            self._catalogues, self._known, self._menu, self._search = question.catalogues, Known(), None, None
        if not question.search:
            return self._found()
        try:
            menu = self._menu_of(question, turn)
            if question.budget_bytes is not None:
                menu.check_budget(question.base, question.budget_bytes)
            search = self._searching(state, menu, turn)
            turn.publish(self._found())
            if question.budget_bytes is not None:
                return self._found(search.within(question.budget_bytes))
            return self._found(search.reaching(float(question.least_sqnr_db or 0)))
        except WorkbenchError as refusal:
            return self._found(refused=str(refusal))

    def _found(self, best: MeasuredMix | None = None, refused: str = "") -> MixesFound:
        question = self._question
        assert question is not None
        kept = self._kept(question)
        notices = self._menu[1].notices if self._menu is not None and self._menu[0] == question.formats else ()
        n_samples = 0 if self._first.simulator is None else self._first.simulator.batches.n_samples
        pareto = Pareto(()) if kept is None else kept.pareto
        return MixesFound(question, pareto, best, refused, notices, n_samples)

    def _kept(self, question: MixQuestion) -> MixSearch | None:
        """The search that went before, where it is about the same mixes on the same samples."""
        if self._search is None:
            return None
        known, search = self._search
        alike = (known.formats, known.n_samples) == (question.formats, question.n_samples)
        return search if alike and not changed_tensors(known.base, question.base) else None

    def _menu_of(self, question: MixQuestion, turn: Turn) -> Menu:
        if self._menu is None or self._menu[0] != question.formats:
            menu = menu_of(self.means.model, question.formats, cancelled=turn.cancelled)
            self._menu = question.formats, menu
        return self._menu[1]

    def _searching(self, state: State, menu: Menu, turn: Turn) -> MixSearch:
        question = self._question
        assert question is not None
        kept = self._kept(question)
        if kept is not None:
            return kept
        simulator = self._first.simulator_on(question.n_samples)
        ranking = self._alone(state, simulator, menu, turn)
        search = MixSearch(simulator, question.base, menu, ranking, self._told, self._cancelled)
        self._search = question, search
        return search

    def _alone(self, state: State, simulator: Simulator, menu: Menu, turn: Turn) -> Ranking:
        """Every weight alone in every format, all else float; what the page of sensitivity measured counts, too."""
        estimates = estimates_of(state)
        stores = [self._known] if estimates is None else [self._known, estimates.known]
        output = simulator.batches.answers(simulator.model)[0]
        sweep = weights_alone(simulator, menu, output, turn.cancelled)
        base = self._first.n_samples, digest_of(sweep.base.values())
        for known in stores:
            sweep.take(lambda row, known=known: known.errors.get((base, row.tensors, row.digest)))  # type: ignore[misc]
        missing = sweep.missing()
        if missing:
            sweep.begin()
        for case, progress in zip(missing, sweep.steps(missing), strict=True):
            row = sweep.rows[case.key]
            assert row.error is not None
            for known in stores:
                known.errors[base, row.tensors, row.digest] = row.error
            left = progress.seconds_left if progress.done < progress.total else None
            words = str(AllocationProgress("weights alone", progress.done, progress.total, left))
            turn.report(progress.done, progress.total, words)
        return sweep.ranking()

    def _cancelled(self) -> bool:
        return self._turn is not None and self._turn.cancelled()

    def _told(self, progress: AllocationProgress) -> None:
        turn = self._turn
        assert turn is not None
        turn.report(progress.done, progress.total, str(progress))
        if time.monotonic() - self._published > PAUSE:
            turn.publish(self._found())
            self._published = time.monotonic()


def mixes_of(state: State) -> MixesFound | None:
    """What was found last; None where a format of the same name may be another one by now, or none."""
    answer = state.answers.get(Mixes.name)
    if answer is None or not isinstance(answer.value, MixesFound):
        return None
    return answer.value if answer.value.question.catalogues == state.catalogues else None


def without_weights(model: Model, recipe: Recipe) -> Recipe:
    """What a recipe chooses beside the weights of layers: activations."""
    return recipe.without(*(name for name in weight_names(model) if name in recipe))


def with_mix(recipe: Recipe, mix: MeasuredMix) -> Recipe:
    """A recipe with the weights of a mix; everything else stays."""
    as_float = [name for name in mix.formats if name not in mix.recipe]
    return recipe.without(*as_float).with_choices(*(mix.recipe[name] for name in mix.formats if name in mix.recipe))


def rough_bytes(model: Model, recipe: Recipe, format: str) -> int:
    """About what all constants take with every weight in one format, as far as that is known without ranges."""
    present = size_bytes(model, recipe)[1]
    for name in weight_names(model):
        tensor = model.tensors[name]
        n, axis = tensor.array().size, weight_axis(model, name)
        present += _rough(format, n, 1 if axis is None else tensor.array().shape[axis])
        present -= tensor_bytes(n, recipe.choices.get(name))
    return present


def _rough(format: str, n_values: int, n_channels: int) -> int:
    member = FORMATS[format]
    scales = 5 * n_channels if member.has_scale and not member.block_size else 0
    return math.ceil(n_values * (member.bits + (8 / member.block_size if member.block_size else 0)) / 8) + scales
