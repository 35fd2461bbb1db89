"""`Allocation`: a recipe of mixed precision, with the front of sizes and errors that it was taken from."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from workbench.messages import WorkbenchError
from workbench.numerics.formats.catalogue import FORMATS
from workbench.workflow.comparison import OutputError
from workbench.workflow.recipe import Recipe


@dataclass(frozen=True, eq=False, repr=False)
class MeasuredMix:
    """A mix of formats as it was run. size_bytes: of all constants, see `size_bytes`. error: of the output, measured.

    formats: weight -> format. predicted_sqnr_db: from the tensors alone, before the run, dB.
    """

    recipe: Recipe
    formats: Mapping[str, str]
    size_bytes: int
    predicted_sqnr_db: float
    error: OutputError

    def __repr__(self) -> str:
        return f"<{self.words}: {self.size_bytes:,} bytes, {self.sqnr_db:.1f} dB>"

    @property
    def sqnr_db(self) -> float:
        """Output SQNR, measured, dB."""
        return self.error.sqnr_db

    @property
    def words(self) -> str:
        """ "4 int4, 18 int8"."""
        formats = list(self.formats.values())
        by_bits = sorted(set(formats), key=lambda format: (FORMATS[format].bits, format))
        return ", ".join(f"{formats.count(format)} {format}" for format in by_bits)


@dataclass(frozen=True, eq=False, repr=False)
class Pareto(Sequence[MeasuredMix]):
    """Measured mixes of which no other is both smaller and better, by size.

    measured: all that were run, by size. A mix whose output is not finite (SQNR nan or -inf) is not on the front.
    """

    measured: tuple[MeasuredMix, ...]
    mixes: tuple[MeasuredMix, ...] = field(init=False)

    def __post_init__(self) -> None:
        usable = [mix for mix in self.measured if mix.sqnr_db > -math.inf]
        object.__setattr__(self, "measured", tuple(sorted(self.measured, key=lambda mix: mix.size_bytes)))
        object.__setattr__(self, "mixes", tuple(_front(sorted(usable, key=lambda mix: (mix.size_bytes, -mix.sqnr_db)))))

    def __repr__(self) -> str:
        return "\n".join([f"<Pareto front of {len(self.measured)} measured mixes:", *map(repr, self)]) + ">"

    def __getitem__(self, index: Any) -> Any:
        return self.mixes[index]

    def __len__(self) -> int:
        return len(self.mixes)

    def __iter__(self) -> Iterator[MeasuredMix]:
        return iter(self.mixes)

    def within(self, budget_bytes: int) -> MeasuredMix:
        """The best of the front that fits. Raises WorkbenchError where none does."""
        self._check_not_empty()
        fitting = [mix for mix in self if mix.size_bytes <= budget_bytes]
        if not fitting:
            raise WorkbenchError(
                f"the smallest measured mix takes {self[0].size_bytes:,} bytes ({self[0].words}); "
                f"the budget is {budget_bytes:,}"
            )
        return fitting[-1]

    def reaching(self, sqnr_db: float) -> MeasuredMix:
        """The smallest of the front with at least this output SQNR. Raises WorkbenchError where none has it."""
        self._check_not_empty()
        fitting = [mix for mix in self if mix.sqnr_db >= sqnr_db]
        if not fitting:
            best = self[-1]
            raise WorkbenchError(
                f"the best measured mix reaches {best.sqnr_db:.1f} dB at the output ({best.words}, "
                f"{best.size_bytes:,} bytes), {sqnr_db:g} dB were asked; allow finer formats of weights or activations"
            )
        return fitting[0]

    def _check_not_empty(self) -> None:
        if not self:
            raise WorkbenchError(
                f"none of {len(self.measured)} measured mixes has a finite output; allow a finer format, and look with "
                "wb.check_inputs whether the float network is well on these data"
            )

    def table(self) -> list[dict[str, Any]]:
        """One record a mix of the front."""
        return [
            {
                "size_bytes": mix.size_bytes,
                "formats": mix.words,
                "predicted_sqnr_db": mix.predicted_sqnr_db,
                "sqnr_db": mix.sqnr_db,
                "agreement": mix.error.agreement,
                "accuracy": mix.error.accuracy,
            }
            for mix in self
        ]


def _front(ordered: Iterable[MeasuredMix]) -> Iterator[MeasuredMix]:
    best: MeasuredMix | None = None
    for mix in ordered:
        if best is None or mix.sqnr_db > best.sqnr_db:
            best = mix
            yield mix


@dataclass(frozen=True, eq=False, repr=False)
class Allocation(Recipe):
    """The recipe that was asked for.

    pareto: what else was found on the way. It is not saved with the recipe, and stays what it is where the recipe is
    changed by hand.
    """

    pareto: Pareto = field(default_factory=lambda: Pareto(()))

    __eq__ = Recipe.__eq__
    __hash__ = None  # type: ignore[assignment]  # holds arrays
