"""`Diagnosis`: what is wrong with a quantized network, in plain words, each with what would repair it."""

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from workbench.messages import Notice
from workbench.workflow.choice import TensorChoice
from workbench.workflow.recipe import Recipe

NOT_FINITE = (
    "The output is not finite on these samples, so that only what makes it finite has a measured gain; check_inputs "
    "says whether the data hold such values."
)


@dataclass(frozen=True)
class Remedy:
    """A change of a recipe that one click applies.

    words: what it does, to follow a colon. changes: tensor -> its new entry; None leaves the tensor in float32.
    short: the same for a button.
    """

    words: str
    changes: Mapping[str, TensorChoice | None]
    short: str

    def apply(self, recipe: Recipe) -> Recipe:
        """The recipe with these entries."""
        chosen = [choice for choice in self.changes.values() if choice is not None]
        return recipe.without(*self.changes).with_choices(*chosen)


@dataclass(frozen=True)
class Finding:
    """One cause of loss. `str()` is the sentence with the advice.

    kind: a name in `KINDS`; what float_range finds is called overflow, flushed or subnormal, wrong data are "inputs".
    layer: the one that reads `tensor` (an activation) or owns it (a weight).
    sentence: the cause in plain words, without a full stop. evidence: the numbers in it and some more.
    remedy: the cheapest change that repairs it, None where a recipe cannot; advice: what to do then. alternatives:
    other changes that would, at another price.
    predicted_gain_db: what the remedy gives the output's SQNR by an estimate from local errors, dB; None where there is
    nothing to estimate. measured_gain_db: the same, from a run of the network; None where it was not run. Both are 0
    or more where the remedy helps and infinite where it is what makes the output finite. loss_db: where several faults
    hide one another, what this one alone would cost if all the others were repaired, dB; else None.
    """

    kind: str
    layer: str
    tensor: str
    sentence: str
    evidence: Mapping[str, Any] = field(default_factory=dict)
    remedy: Remedy | None = None
    alternatives: tuple[Remedy, ...] = ()
    advice: str = ""
    predicted_gain_db: float | None = None
    measured_gain_db: float | None = None
    loss_db: float | None = None

    def __str__(self) -> str:
        advice = self.advice if self.remedy is None else self.remedy.words
        return f"{self.sentence}: {advice}." if advice else f"{self.sentence}."

    @property
    def remedies(self) -> tuple[Remedy, ...]:
        """The advised change first, then the others."""
        return (*(() if self.remedy is None else (self.remedy,)), *self.alternatives)

    def preferring(self, remedy: Remedy, gain_db: float) -> "Finding":
        """The same with another remedy as its advice, and what that one was measured to give."""
        others = tuple(one for one in self.remedies if one is not remedy)
        return dataclasses.replace(self, remedy=remedy, alternatives=others, measured_gain_db=gain_db)


@dataclass(frozen=True)
class Diagnosis(Sequence[Finding]):
    """Findings, the one that costs the output most first.

    findings: measured ones by what their remedy takes from the noise at the output, then those that are estimated
    alone, then what no recipe repairs; wrong inputs come before everything, because all figures rest on them.
    sqnr_db: of the first output on the samples that were run, dB; None without data. n_samples: how many those were.
    """

    findings: tuple[Finding, ...]
    sqnr_db: float | None = None
    n_samples: int = 0
    notices: tuple[Notice, ...] = ()

    def __getitem__(self, index: Any) -> Any:
        return self.findings[index]

    def __len__(self) -> int:
        return len(self.findings)

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.findings)

    def __str__(self) -> str:
        if not self.findings and self.sqnr_db is not None and math.isnan(self.sqnr_db):
            return NOT_FINITE
        if not self.findings:
            return "Nothing stands out: no tensor loses more than its format must."
        return "\n".join(f"{number}. {finding}" for number, finding in enumerate(self.findings, 1))

    def of_layer(self, layer: str) -> tuple[Finding, ...]:
        """The findings of one layer, in the same order."""
        return tuple(finding for finding in self.findings if finding.layer == layer)

    def table(self) -> list[dict[str, Any]]:
        """One record a finding: rank, layer, tensor, kind, words, remedy, gains in dB."""
        return [
            {
                "rank": rank,
                "layer": finding.layer,
                "tensor": finding.tensor,
                "kind": finding.kind,
                "words": finding.sentence,
                "remedy": finding.advice if finding.remedy is None else finding.remedy.words,
                "predicted_gain_db": finding.predicted_gain_db,
                "measured_gain_db": finding.measured_gain_db,
                "loss_db": finding.loss_db,
            }
            for rank, finding in enumerate(self.findings, 1)
        ]
