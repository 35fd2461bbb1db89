"""`Format`: what all number formats have in common, at scale 1."""

import dataclasses
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np

from workbench.messages import WorkbenchError
from workbench.numerics.formats.rounding import OVERFLOWS, ROUNDINGS, Overflow, Rounding, chosen_by_chance

Step = Literal["continuous", "power_of_two", "sixteenth_octave", "fixed"]
TINY = float(np.finfo(np.float32).tiny)
NEAREST = ("nearest_even", "nearest_away")


@dataclass(frozen=True)
class Format:
    """A number format names codes alone; scale, zero point and grouping belong to the `Quantizer`.

    name: the key in `FORMATS`. title: what menus show. family: the kind ("integer", "floating", "codebook" ...).
    bits: storage of one code. signed: whether negative values have codes.
    step: how levels follow a threshold T: levels(T) = unit_levels * scale(T). "continuous": any scale; "power_of_two":
    powers of two alone; "sixteenth_octave": the exponents of a logarithmic format move in their own steps; "fixed": the
    format has no scale and no threshold.
    overflow: what becomes of a value beyond the end levels, a key of `OVERFLOWS`. rounding: a key of `ROUNDINGS`.
    seed: of stochastic rounding.

    Subclasses give the kernel at scale 1. Everything else (levels at a scale, boundaries, expected error, live
    numbers in the browser) follows from it. The members of the catalogue have the rounding and overflow that the
    field gives them; `with_choices` makes a variation.
    """

    name: str
    title: str
    bits: int
    signed: bool
    family: str
    step: Step = "continuous"
    overflow: Overflow = "saturate"
    rounding: Rounding = "nearest_even"
    seed: int = 0

    def __post_init__(self) -> None:
        for kind, chosen, known in (
            ("rounding", self.rounding, ROUNDINGS),
            ("overflow", self.overflow, OVERFLOWS),
        ):
            if chosen not in known:
                raise WorkbenchError(f"{self.name}: unknown {kind} {chosen!r}; expected one of {', '.join(known)}")
        if self.overflow not in self.overflows:
            raise WorkbenchError(
                f"{self.name}: overflow {self.overflow!r} is not possible; expected one of {', '.join(self.overflows)}"
            )

    def with_choices(
        self, *, rounding: Rounding | None = None, overflow: Overflow | None = None, seed: int | None = None
    ) -> Self:
        """The same format under another rounding, overflow or seed; None keeps the present one.

        Raises WorkbenchError for a mode that is unknown or that the format cannot have.
        """
        changes = {"rounding": rounding, "overflow": overflow, "seed": seed}
        return dataclasses.replace(self, **{k: v for k, v in changes.items() if v is not None})  # type: ignore[arg-type]

    @property
    def overflows(self) -> tuple[Overflow, ...]:
        """The overflow policies that can be chosen."""
        return ("saturate",)

    @property
    def has_scale(self) -> bool:
        """Whether a threshold can be chosen; fp32, TF32, fp16 and bf16 bring their own range."""
        return self.step != "fixed"

    @property
    def affine(self) -> bool:
        """Whether a zero point other than 0 can be used (integers)."""
        return False

    @property
    def stochastic(self) -> bool:
        """Whether rounding is by chance."""
        return self.rounding == "stochastic"

    @property
    def to_nearest(self) -> bool:
        """Whether values go to the nearest level, ties apart."""
        return self.rounding in NEAREST

    @property
    def has_nan(self) -> bool:
        """Whether NaN has a code; without one `encode` refuses it."""
        return False

    @property
    def needs_values(self) -> bool:
        """Whether the levels must be fitted to a tensor's values first (k-means)."""
        return False

    @property
    def block_size(self) -> int | None:
        """Length of the blocks that find a scale of their own in the data (MX); None for all others."""
        return None

    @property
    def zero_points(self) -> tuple[int, int]:
        """Lowest and highest zero point that a quantizer may have."""
        return (0, 0)

    @property
    def largest(self) -> float:
        """Largest level at scale 1 and zero point 0; a symmetric threshold T gives scale = T / largest."""
        raise NotImplementedError

    @property
    def least_scale(self) -> float:
        """Smallest scale at which all levels differ in float32."""
        return TINY

    def scale_covering(self, magnitudes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Scale float32 and zero point int64 whose levels reach the magnitudes T, float64 of any shape; the step rule.

        T = 0 gives scale 1. A scale too small or too large for float32 is corrected by `scaling.scale_and_zero_point`.
        """
        scale = np.where(magnitudes > 0, np.maximum(magnitudes / self.largest, self.least_scale), 1.0)
        return scale.astype(np.float32), np.zeros(np.shape(magnitudes), np.int64)

    @property
    def storage(self) -> np.dtype:
        """numpy (or ml_dtypes) dtype that `encode` returns."""
        raise NotImplementedError

    def unit_levels(self, zero_point: int = 0) -> np.ndarray | None:
        """All levels at scale 1: float32 (n,), strictly ascending, 0 once; None where they are not tabulated."""
        raise NotImplementedError

    def unit_boundaries(self, zero_point: int = 0) -> np.ndarray | None:
        """float32 (n - 1,): the largest float32 that the kernel still sends to the lower of two neighbours.

        Under stochastic rounding: to the neighbour that is more likely.
        """
        raise NotImplementedError

    def unit_ends(self, zero_points: np.ndarray) -> np.ndarray:
        """Lowest and highest level at scale 1, float32 (groups, 2), for zero points int64 (groups,)."""
        levels = self.unit_levels()
        ends = np.array([-self.largest, self.largest], np.float32) if levels is None else levels[[0, -1]]
        return np.broadcast_to(ends, (zero_points.size, 2))

    def nearest_unit(self, values: np.ndarray, zero_point: np.ndarray | int = 0) -> np.ndarray:
        """The kernel of every rounding that is not by chance. For subclasses; callers use `round_unit`."""
        raise NotImplementedError

    def round_unit(self, values: np.ndarray, zero_point: np.ndarray | int = 0) -> np.ndarray:
        """The kernel at scale 1: float32 in, the level it goes to as float32 out, same shape; NaN stays NaN."""
        if not self.stochastic:
            return self.nearest_unit(values, zero_point)
        lower = self.with_choices(rounding="down").nearest_unit(values, zero_point)
        upper = self.with_choices(rounding="up").nearest_unit(values, zero_point)
        return chosen_by_chance(values, lower, upper, self.seed)

    def encode_unit(self, values: np.ndarray, zero_point: np.ndarray | int = 0) -> np.ndarray:
        """Codes of float32 values at scale 1, dtype `storage`."""
        raise NotImplementedError

    def decode_unit(self, codes: np.ndarray, zero_point: np.ndarray | int = 0) -> np.ndarray:
        """float32 levels at scale 1 of codes."""
        raise NotImplementedError

    def fake_quantize(self, values: np.ndarray, scale: np.ndarray, zero_point: np.ndarray) -> np.ndarray:
        """Quantize and dequantize rows float32 (groups, n) at scale float32 and zero point int64, (groups, 1) each.

        To the nearest level: by the quotient x / scale in float32, as kernels do. Up, down, toward zero and by chance:
        by x against the levels themselves, so that a level always stays what it is.
        """
        with np.errstate(over="ignore"):
            units = values / scale
        if self.to_nearest or not self.has_scale:
            return self.round_unit(units, zero_point) * scale
        inside = self._between_levels(values, units, scale, zero_point)
        if self.overflow == "saturate":
            return inside
        with np.errstate(invalid="ignore"):
            return np.where(
                np.abs(units) > np.float32(self.largest), self.round_unit(units, zero_point) * scale, inside
            )

    def squared_error(self, values: np.ndarray, scale: np.ndarray, zero_point: np.ndarray) -> np.ndarray:
        """Sum of (x - y)^2 over each row, float64 (groups,), with the arguments of `fake_quantize`; finite values."""
        difference = self.fake_quantize(values, scale, zero_point) - values
        return np.einsum("ij,ij->i", difference, difference, dtype=np.float64)

    def _between_levels(
        self, values: np.ndarray, units: np.ndarray, scale: np.ndarray, zero_point: np.ndarray
    ) -> np.ndarray:
        """One of the two levels around each value, by a rounding that is not to the nearest; saturating."""
        saturating = self.with_choices(overflow="saturate")
        nearest = saturating.with_choices(rounding="nearest_even").round_unit(units, zero_point)
        if self.rounding == "down":
            return saturating._beside(-1, values, units, nearest, scale, zero_point)
        upper = saturating._beside(1, values, units, nearest, scale, zero_point)
        if self.rounding == "up":
            return upper
        lower = saturating._beside(-1, values, units, nearest, scale, zero_point)
        if self.rounding == "toward_zero":
            around_zero = (lower < 0) & (upper > 0)  # there is no level at 0: the nearer one, a tie is positive
            negative = values < np.where(around_zero, (lower.astype(np.float64) + upper) / 2, 0.0)
            return np.where(negative ^ around_zero, upper, lower)
        return chosen_by_chance(values, lower, upper, self.seed)

    def _beside(
        self,
        side: int,
        values: np.ndarray,
        units: np.ndarray,
        nearest: np.ndarray,
        scale: np.ndarray,
        zero_point: np.ndarray,
    ) -> np.ndarray:
        """The last level at or below (side -1) or the first at or above (side 1) each value, from the nearest one."""
        found = nearest * scale
        passed = found > values if side < 0 else found < values
        bound = np.nextafter(nearest, np.float32(side * np.inf))
        inside = np.minimum(units, bound) if side < 0 else np.maximum(units, bound)
        one_sided = self.with_choices(rounding="down" if side < 0 else "up")
        return np.where(passed, one_sided.nearest_unit(inside, zero_point) * scale, found)
