"""NVDLA's rules: float16 outputs without infinities, what each unit puts in place of Inf, and the integer converter."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.messages import WorkbenchError
from workbench.numerics.arithmetic.float_rounding import bit_patterns, overflowed, round_to_float
from workbench.numerics.arithmetic.integers import saturate
from workbench.numerics.arithmetic.shifts import ShiftRounding, shift_right
from workbench.numerics.formats.rounding import Rounding

FP16_LARGEST = 65504.0

# What a unit computes with where Inf comes in. Source: NVDLA hardware documentation, "FP16 supporting".
INF_REPLACEMENT = {
    "convolution_direct": 65536.0,
    "convolution_winograd": FP16_LARGEST,
    "sdp": 3.40282e38,  # the single point processor works in float32
    "cdp": 4292870144.0,  # 65504 * 2^16
    "pdp_average": 4292870144.0,
    "pdp_max_min": math.inf,  # kept inside, saturated at the output
}

# Where results of each output type saturate. Source: as above.
OUTPUT_LIMITS: dict[str, tuple[float, float]] = {
    "fp16": (-FP16_LARGEST, FP16_LARGEST),
    "int16": (-32768, 32767),
    "int8": (-128, 127),
}


@dataclass(frozen=True, eq=False)
class Fp16Output:
    """values: float64, each a float16 number or NaN. The counters are those of the status registers."""

    values: np.ndarray
    nan_inputs: int
    nan_outputs: int
    inf_inputs: int

    @property
    def patterns(self) -> np.ndarray:
        """int64: the 16 bits of each value."""
        return bit_patterns(self.values, 5, 10)


def fp16_output(values: Any, *, flush_nan: bool, rounding: Rounding = "nearest_even") -> Fp16Output:
    """Values as a unit writes them in float16: rounded once, subnormals kept, saturated at +-65504, never Inf.

    values: float64. flush_nan: NaN becomes +0; otherwise it passes. NaN and Inf are counted as they come in.
    Source: NVDLA hardware documentation, "FP16 supporting" ("to nearest" is read as ties to even, as IEEE 754 does).
    """
    x = np.asarray(values, np.float64)
    rounded = overflowed(round_to_float(x, 10, -14, rounding), FP16_LARGEST, "saturate", rounding)
    if flush_nan:
        rounded = np.where(np.isnan(rounded), 0.0, rounded)
    counts = (int(flags.sum()) for flags in (np.isnan(x), np.isnan(rounded), np.isinf(x)))
    return Fp16Output(rounded, *counts)


def convert(
    values: Any, offset: int, scaling: int, shifter: int, output_bits: int, rounding: ShiftRounding = "half_away"
) -> np.ndarray:
    """int64, same shape: the converter at a unit's ports, clamp(round((x - offset) * scaling / 2^shifter)).

    values: integers; (x - offset) * scaling must stay within 63 bits. shifter: 0 to 62 bits. output_bits: signed.
    Raises WorkbenchError where the product does not fit, and for impossible shifts.
    Source: NVDLA hardware documentation, precision, "Converter".
    """
    differences = np.asarray(values, np.int64) - offset
    if differences.size and int(np.abs(differences).max()) * abs(scaling) >= 2**63:
        raise WorkbenchError(f"(x - {offset}) * {scaling} leaves 64 bits; expected smaller values or scaling")
    return saturate(shift_right(differences * scaling, shifter, rounding), output_bits)
