"""`Task`: what outputs mean. Each kind says what agreement is, counts it, and lists the samples that changed."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from workbench.messages import WorkbenchError

# (samples, ...), or one array a sample where their sizes differ (boxes)
Output = np.ndarray | Sequence[np.ndarray]
Outputs = Mapping[str, Output]


def output_named(outputs: Outputs, name: str) -> Output:
    """One of the outputs. Raises WorkbenchError where it is not there."""
    if name not in outputs:
        raise WorkbenchError(f"there is no output {name!r} with one row a sample among {', '.join(outputs) or 'none'}")
    return outputs[name]


def as_array(labels: Any) -> np.ndarray:
    """Labels as one array. Raises WorkbenchError where their shapes differ from sample to sample."""
    try:
        return np.asarray(labels)
    except ValueError:
        raise WorkbenchError("labels differ in shape from sample to sample; expected one array") from None


@dataclass(frozen=True)
class TaskFigures:
    """How much of the float network's answers is left.

    task: its name. agreement: share in [0, 1]; means: the sentence that says of what. unchanged: share of samples of
    which nothing changed; unchanged_interval: Wilson, 95 %. agreement_top5: share of float answers among the five
    largest scores of the chosen network; None where there are no more than five.
    score, float_score: against labels, None without; score_name: what they are, the better the larger unless
    `smaller_is_better`. sqnr_db: of the values themselves, dB; None where they are no quantity.
    """

    task: str
    means: str
    n_samples: int
    agreement: float
    unchanged: float
    unchanged_interval: tuple[float, float]
    agreement_top5: float | None = None
    score: float | None = None
    float_score: float | None = None
    score_name: str = ""
    smaller_is_better: bool = False
    sqnr_db: float | None = None


@dataclass(frozen=True)
class Change(ABC):
    """A sample whose answer changed.

    sample: its number in the data; row: its place in the outputs. lost: what lists of changes are sorted by, the worst
    first; each kind says what it is. float_right, chosen_right: by the labels, None without.
    """

    sample: int
    row: int
    lost: float
    float_right: bool | None
    chosen_right: bool | None

    @property
    @abstractmethod
    def words(self) -> str:
        """What changed, in one plain sentence."""

    def record(self) -> dict[str, Any]:
        """The fields for a table."""
        return {**vars(self), "words": self.words}


class Task(ABC):
    """A kind of answer. because: the sentence that says what spoke for it; empty where a person chose it."""

    name: ClassVar[str]
    because: str

    @classmethod
    @abstractmethod
    def of(cls, outputs: Outputs) -> Self | None:
        """This kind for the outputs of a float network; None where they cannot be meant so."""

    @abstractmethod
    def figures(self, float_outputs: Outputs, chosen_outputs: Outputs, labels: Any = None) -> TaskFigures:
        """The chosen network's answers against the float network's, and against labels where there are any."""

    @abstractmethod
    def changes(
        self, float_outputs: Outputs, chosen_outputs: Outputs, labels: Any, numbers: Sequence[int]
    ) -> list[Change]:
        """The samples whose answer changed, in any order. numbers: of the samples in the data."""
