"""GFPQ, the logarithmic quantizer of the NNIE accelerator: codes of exponents, and how its coefficient z is kept."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from workbench.messages import WorkbenchError
from workbench.numerics.arithmetic.powers_of_two import largest_magnitude

Mode = Literal["INIT", "UPDATE", "APPLY_ONLY"]
NEARLY = 1e-9  # added before the floor, so that a maximum that is a level keeps it

# What the vendor's sample prints for 8 bits. Source: HiSilicon GFPQ library guide.
PRINTED_INPUTS = (0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0)
PRINTED_VALUES = (0.0, 1.0, 2.0, 2.9536523819, 4.0, 4.9674310684, 5.9073047638, 7.0250086784, 8.0, 8.7240619659)
PRINTED_Z = -77


@dataclass(frozen=True)
class LogarithmicCode:
    """Magnitudes 2^((k + z) / steps_per_octave), k = 0 .. top, with a sign bit; the code of -0 stands for zero.

    Positive codes are k = 0..top, negative ones top + 1 + k with k = 1..top; top + 1 alone (0x80) is zero.
    Sources: HiSilicon GFPQ library guide (levels, top level, rounding to the nearest exponent); MQBench, NNIE
    quantization (zero code, dead zone).
    """

    z: int
    bits: int = 8
    steps_per_octave: int = 16

    @property
    def top(self) -> int:
        """Largest k: 127 for 8 bits."""
        return 2 ** (self.bits - 1) - 1

    @property
    def zero_code(self) -> int:
        return self.top + 1

    def level(self, k: Any) -> Any:
        """float64: the magnitude of exponent k."""
        return np.exp2((np.asarray(k, np.float64) + self.z) / self.steps_per_octave)

    def exponents(self, values: Any) -> np.ndarray:
        """float64, same shape: k = round(S log2|x|) - z before it is clamped; -inf for zeros. No half ever occurs:
        2^((i + 1/2) / S) is irrational."""
        with np.errstate(divide="ignore"):
            return np.rint(self.steps_per_octave * np.log2(np.abs(_real(values)))) - self.z

    def in_dead_zone(self, values: Any) -> np.ndarray:
        """bool, same shape: below half of the smallest level of its sign, and so coded as zero."""
        x = _real(values)
        return np.where(x < 0, -x <= self.level(1) / 2, x < self.level(0) / 2)

    def unsaturated(self, values: Any) -> np.ndarray:
        """bool, same shape: whether the nearest exponent is one that the code has."""
        k = self.exponents(values)
        return (k >= (_real(values) < 0)) & (k <= self.top)

    def encode(self, values: Any) -> np.ndarray:
        """int64 codes, same shape; infinite values get the end levels. Raises WorkbenchError for NaN."""
        x = _real(values)
        negative = x < 0
        k = np.clip(self.exponents(x), negative, self.top).astype(np.int64)
        return np.where(self.in_dead_zone(x), self.zero_code, k + negative * self.zero_code)

    def decode(self, codes: Any) -> np.ndarray:
        """float64, same shape."""
        integers = np.asarray(codes, np.int64)
        signs = np.where(integers < self.zero_code, 1.0, np.where(integers > self.zero_code, -1.0, 0.0))
        return signs * self.level(integers % self.zero_code)

    def apply(self, values: Any) -> np.ndarray:
        """float64, same shape: quantized and read back."""
        return self.decode(self.encode(values))

    @property
    def largest(self) -> float:
        return float(self.level(self.top))

    @property
    def smallest_positive(self) -> float:
        return float(self.level(0))

    @property
    def smallest_negative(self) -> float:
        """The negative level nearest to zero; its k is 1."""
        return -float(self.level(1))

    @property
    def octaves(self) -> float:
        return (self.top + 1) / self.steps_per_octave

    @property
    def ratio(self) -> float:
        """Of neighbouring levels."""
        return float(2.0 ** (1 / self.steps_per_octave))

    @property
    def largest_relative_error(self) -> float:
        """Of values inside the levels: half a step of the exponent below a level."""
        return float(2.0 ** (0.5 / self.steps_per_octave)) - 1


def coefficient(values: Any, bits: int = 8, steps_per_octave: int = 16) -> int:
    """z of the data: floor(S log2 max|x|) - top, so that the top level is the last one at or below the maximum.

    values: float64; nothing but zeros counts as a maximum of 1. Raises WorkbenchError for NaN and infinities.
    Source: HiSilicon GFPQ library guide, whose sample prints z = -77 for a maximum of 9.
    """
    largest = float(np.abs(_real(values)).max(initial=0.0))
    if largest == np.inf:
        raise WorkbenchError("an infinite value has no logarithmic coefficient; expected finite values")
    exponent = np.floor(steps_per_octave * np.log2(largest) + NEARLY) if largest else 0
    return int(exponent) - (2 ** (bits - 1) - 1)


def next_coefficient(mode: Mode, stored: int | None, generated: int) -> int:
    """The z that is used: INIT takes the data's, UPDATE the larger of both, APPLY_ONLY the stored one.

    stored: None before the first INIT. Raises WorkbenchError for an unknown mode, and for APPLY_ONLY with nothing
    stored. Source: HiSilicon GFPQ library guide.
    """
    if mode == "INIT" or (mode == "UPDATE" and stored is None):
        return generated
    if mode == "UPDATE" and stored is not None:
        return max(stored, generated)
    if mode != "APPLY_ONLY":
        raise WorkbenchError(f"unknown mode {mode!r}; expected INIT, UPDATE or APPLY_ONLY")
    if stored is None:
        raise WorkbenchError("APPLY_ONLY needs a stored coefficient; run INIT on calibration data first")
    return stored


def coefficient_rules(largest: float) -> dict[str, int]:
    """z of 8 bits by three rules that other tools use or that were considered; floor_minus_127 is `coefficient`.

    round_minus_127 is MQBench's; it contradicts the vendor's printed table. round_minus_128 agrees with that table,
    but lets a maximum that is a level saturate. Raises WorkbenchError for a maximum that is not positive and finite.
    """
    exponent = 16 * np.log2(largest_magnitude(largest))
    return {
        "floor_minus_127": int(np.floor(exponent + NEARLY)) - 127,
        "round_minus_127": int(np.rint(exponent)) - 127,
        "round_minus_128": int(np.rint(exponent)) - 128,
    }


@dataclass(frozen=True)
class ParameterBlock:
    """The library's stored parameters: four little-endian int32 words. z: word 1. intact: word 3 is ~word 2."""

    words: tuple[int, ...]

    @property
    def z(self) -> int:
        return self.words[1]

    @property
    def intact(self) -> bool:
        return self.words[3] == ~self.words[2]


def decode_parameter_block(signed_bytes: Any) -> ParameterBlock:
    """16 bytes, given as integers -128..127, read as four words. Raises WorkbenchError for another number of bytes.

    Source: the block printed in the HiSilicon GFPQ library guide; word 0 is unexplained there.
    """
    block = np.asarray(signed_bytes, np.int64)
    if block.shape != (16,) or ((block < -128) | (block > 127)).any():
        raise WorkbenchError(f"a parameter block has 16 signed bytes; got {block.size} numbers")
    return ParameterBlock(tuple(block.astype(np.int8).view("<i4").tolist()))


def _real(values: Any) -> np.ndarray:
    """float64; WorkbenchError for NaN."""
    x = np.asarray(values, np.float64)
    if np.isnan(x).any():
        raise WorkbenchError("NaN has no logarithmic code; replace or remove NaN values first")
    return x
