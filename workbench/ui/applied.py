"""`Applied`: advice that was taken, and what it gave by the network's own figures."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from workbench.workflow.diagnosis.finding import Finding, Remedy
from workbench.workflow.recipe import Recipe


@dataclass(frozen=True, eq=False)
class Applied:
    """A remedy that was put into the recipe. before, after: the recipes around it.

    sqnr_before, sqnr_after: number of samples -> SQNR of the first output, dB, as far as the network's figures came.
    """

    finding: Finding
    remedy: Remedy
    before: Recipe
    after: Recipe
    sqnr_before: Mapping[int, float] = field(default_factory=dict)
    sqnr_after: Mapping[int, float] = field(default_factory=dict)

    @property
    def n_samples(self) -> int:
        """On how many samples both recipes were measured; 0 where they were not yet."""
        return max(self.sqnr_before.keys() & self.sqnr_after.keys(), default=0)

    @property
    def gained_db(self) -> float | None:
        """SQNR of the first output after minus before on the same samples, dB; None until both were measured."""
        n = self.n_samples
        if not n:
            return None
        before, after = self.sqnr_before[n], self.sqnr_after[n]
        return 0.0 if before == after else after - before

    @property
    def expected_db(self) -> float | None:
        """What the diagnosis said it would give, dB; None for another remedy than the advised one."""
        if self.remedy is not self.finding.remedy:
            return None
        measured = self.finding.measured_gain_db
        return self.finding.predicted_gain_db if measured is None else measured
