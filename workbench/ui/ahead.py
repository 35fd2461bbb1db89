"""Work ahead of time: the curves and marks of every tensor of the network, so that selecting one is instant."""

import dataclasses
import logging
from collections.abc import Callable, Iterable
from typing import Any

from workbench.models.model import Model
from workbench.models.segments import Cancelled
from workbench.ui.alternatives import Looking, Reach, details_job, is_whole, with_marks
from workbench.ui.books import source_of
from workbench.ui.prepared import Prepared, PreparedBook
from workbench.ui.sampled import needs_samples
from workbench.ui.state import State, TensorDetails
from workbench.ui.subjects import subject_of
from workbench.ui.threshold.material import material_of
from workbench.ui.warming import warm
from workbench.ui.worker import Request, Turn

log = logging.getLogger("workbench")
ROUNDS: tuple[tuple[Reach, str], ...] = (("marked", "preparing curves"), ("quick", "trying all methods"))
NEIGHBOURS = 4  # tensors before and after the selected one that do not wait for the network's figures
MANY = 8  # tensors to be prepared, of which the status line speaks


class Ahead:
    """What is to be prepared at a moment. names: of all tensors, in layer order. urgencies: of the two requests."""

    def __init__(self, model: Model, book: PreparedBook, names: tuple[str, ...], nearby: int, others: int) -> None:
        self._model, self._book, self._names = model, book, names
        self._nearby, self._others = nearby, others
        self._places = {name: i for i, name in enumerate(names)}

    def requests(self, look: Looking, state: State) -> list[Request]:
        """The neighbours of the selected tensor, and all tensors, the nearest first; nothing where nothing is missing.

        look: at any tensor, with the recipe and the calibration of `state`.
        """
        at = self._places.get(state.selected, 0)
        by_distance = sorted(self._names, key=lambda name: abs(self._places[name] - at))
        near = self._request("nearby", by_distance[: 2 * NEIGHBOURS + 1], ROUNDS[:1], self._nearby, look, state)
        return near + self._request("curves", by_distance, ROUNDS, self._others, look, state)

    def _request(
        self,
        topic: str,
        names: list[str],
        rounds: tuple[tuple[Reach, str], ...],
        urgency: int,
        look: Looking,
        state: State,
    ) -> list[Request]:
        missing = [name for name in names if not self._has(state, name, rounds[-1][0])]
        if not missing:
            return []

        def prepare(turn: Turn) -> None:
            prepare_job(self._book, look, state, missing, turn, rounds)

        spoken = len(rounds) > 1 and len(missing) >= MANY
        return [Request(topic, prepare, rounds[0][1] if spoken else "", urgency, idle=True)]

    def _has(self, state: State, name: str, reach: Reach) -> bool:
        source = source_of(self._model, state.calibration, name)
        return source is None or self._book.has(name, state.recipe.choices.get(name), source, reach)


def warming(urgency: int) -> Request:
    """Have all kernels ready that answering a person takes."""

    def compute(turn: Turn) -> None:
        warm(pausing(turn))

    return Request("warming", compute, "", urgency, idle=True)


def pausing(turn: Turn) -> Callable[[], None]:
    """For long computations to call: lets urgent work go first, and ends what is not wanted any more."""

    def pause() -> None:
        if turn.cancelled():
            raise Cancelled

    return pause


def prepare_job(
    book: PreparedBook,
    look: Looking,
    state: State,
    names: Iterable[str],
    turn: Turn,
    rounds: tuple[tuple[Reach, str], ...] = ROUNDS,
) -> None:
    """Put into the book what selecting each tensor needs, in this order, until it is full.

    rounds: which methods are marked, and what the status line calls it; one after the other over all tensors.
    """
    everything, since = tuple(names), book.moment()
    quiet = dataclasses.replace(turn, publish=lambda _: None)
    for reach, doing in rounds:
        for i, name in enumerate(everything):
            pausing(turn)()
            turn.report(i, len(everything), f"{doing}, {i + 1} of {len(everything)}")
            one, ahead = dataclasses.replace(look, name=name), everything[i:]
            if book.has(name, one.choice, one.source, reach):
                book.known(name, one.choice, one.source)
                continue
            try:
                made = _made(book, one, state, ahead, quiet, reach)
            except Cancelled:
                raise
            except Exception:  # what is wrong with one tensor is said when it is selected; the others have theirs
                log.debug("%s was not prepared", name, exc_info=True)
                continue
            if not book.keep(name, one.choice, one.source, since=since, **made):
                return


def whole_job(book: PreparedBook, look: Looking, state: State, turn: Turn, reach: Reach) -> TensorDetails:
    """As `details_job`; the material of the tensor is in the book before the last details are handed over."""
    made = _made(book, look, state, (look.name,), turn, reach)
    book.keep(look.name, look.choice, look.source, **made)
    details: TensorDetails = made["details"]
    return details


def _made(
    book: PreparedBook, look: Looking, state: State, ahead: Iterable[str], turn: Turn, reach: Reach
) -> dict[str, Any]:
    """`details` and `material` of one tensor; ahead: the names that come next, whose samples are read with its own."""
    name, choice, source = look.name, look.choice, look.source
    known = book.known(name, choice, source) or Prepared(choice, source)
    pause = pausing(turn)
    if look.is_activation and needs_samples(choice) and look.samples.known(name) is None:
        choices, tensors = look.recipe.choices, look.model.tensors
        late = [n for n in ahead if tensors[n].values is None and needs_samples(choices.get(n))]
        look.samples.read(late, turn.cancelled)
    error = look.errors.error(name, choice, source)
    pause()
    if known.details is not None and is_whole(known.details, "marked"):
        details = with_marks(look, known.details, turn, reach)
    else:
        details = details_job(look, known.details, turn, reach=reach)
    known = book.known(name, choice, source) or known
    material = known.material  # a moved handle's is put in while its details are worked out
    if material is None:
        errors = {} if error is None else {name: error}
        subject = subject_of(look.model, dataclasses.replace(state, selected=name, details=details, errors=errors))
        material = None if subject is None else material_of(subject, pause=pause)
    return {"details": details, "material": material}
