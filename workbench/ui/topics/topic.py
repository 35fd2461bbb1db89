"""`Topic`: one question about a study, answered in the background as long as somebody asks it."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from workbench.models.model import Model
from workbench.ui.state import Answer, State
from workbench.ui.topics.effect import Network
from workbench.ui.worker import Request, Turn
from workbench.workflow.batches import Batches
from workbench.workflow.recipe import Recipe

COMPARED = (str, int, float, bool, tuple, frozenset)  # everything else is the same only where it is the same object


@dataclass(frozen=True, eq=False)
class Means:
    """What answers are worked out from, beside the state. data: for calibration; evaluation: for the network's figures.

    labels: of the evaluation data. network: None without such data.
    """

    model: Model
    data: Batches | None
    evaluation: Batches | None
    labels: Any
    network: Network | None


class Topic(ABC):
    """A question and how it is answered.

    name: of the question, of its answer in `State.answers` and of its trouble. what: words for the status line, "" for
    none. urgency: lower comes first. idle: work that `Study.wait` does not wait for.
    """

    name: ClassVar[str]
    what: ClassVar[str] = ""
    urgency: ClassVar[int]
    idle: ClassVar[bool] = False

    def __init__(self, means: Means) -> None:
        self.means = means

    @abstractmethod
    def about(self, state: State) -> tuple | None:
        """Everything that the answer is made of, the options of the question too; None: it cannot be answered yet."""

    @abstractmethod
    def answer(self, state: State, turn: Turn) -> Any:
        """Work it out for a moment; `turn.publish` hands over what is known so far. Raises `Cancelled`."""

    def options(self, state: State) -> Any:
        """What the question was asked with; True where it was just asked."""
        return state.asked.get(self.name)

    def present(self, state: State) -> Answer | None:
        """The answer, where it is about this very moment."""
        known = state.answers.get(self.name)
        return known if known is not None and same(known.about, self.about(state)) else None

    def request(self, state: State) -> Request:
        """For the worker; it gives an `Answer`."""
        about = self.about(state)
        assert about is not None

        def compute(turn: Turn) -> Answer:
            def publish(value: Any) -> object:
                return turn.publish(Answer(about, value))

            value = self.answer(state, Turn(publish, turn.cancelled, turn.report))
            return Answer(about, value, done=True)

        return Request(self.name, compute, self.what, self.urgency, idle=self.idle)


def same(one: tuple | None, other: tuple | None) -> bool:
    """Whether two answers are about the same things."""
    if one is None or other is None:
        return one is other
    return len(one) == len(other) and all(map(_alike, one, other))


def _alike(a: Any, b: Any) -> bool:
    if isinstance(a, Recipe) and isinstance(b, Recipe):
        return a.choices is b.choices  # notes change no figure
    return a is b or (isinstance(a, COMPARED) and bool(a == b))


def topic_requests(topics: Mapping[str, Topic], old: State, new: State) -> tuple[list[Request], Sequence[str]]:
    """What a change calls for: (new work, names of topics that nobody asks any more or that have no answer now)."""
    wanted, over = [], [name for name in old.asked if name in topics and name not in new.asked]
    for name, topic in topics.items():
        if name not in new.asked:
            continue
        about = topic.about(new)
        before = topic.about(old) if name in old.asked else None
        known = topic.present(new)
        if about is not None and not same(about, before) and not (known is not None and known.done):
            wanted.append(topic.request(new))
        elif about is None and before is not None:
            over.append(name)
    return wanted, over


def still_said(topics: Mapping[str, Topic], old: State, new: State) -> Mapping[str, str]:
    """The trouble of a new moment without that of questions that are other ones now."""
    said = new.trouble.keys() & topics.keys()
    gone = {name for name in said if not same(topics[name].about(old), topics[name].about(new))}
    return {name: words for name, words in new.trouble.items() if name not in gone} if gone else new.trouble
