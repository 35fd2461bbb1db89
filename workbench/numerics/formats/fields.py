"""What the bits of a code mean: a code split into its fields, and the formula that turns them into a number."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from workbench.numerics.formats.codebook import CodebookFormat
from workbench.numerics.formats.fixed_point import FixedPointFormat
from workbench.numerics.formats.floating import FloatingFormat
from workbench.numerics.formats.format import Format
from workbench.numerics.formats.identity import IdentityFormat
from workbench.numerics.formats.integer import IntegerFormat
from workbench.numerics.formats.logarithmic import LogarithmicFormat
from workbench.numerics.formats.shared_exponent import BlockFormat

FieldName = Literal["shared", "sign", "exponent", "mantissa", "integer", "fraction", "code", "index"]
E8M0_BIAS = 127  # of the shared exponent of a block


@dataclass(frozen=True)
class Field:
    """Bits that belong together, most significant first.

    name: "sign"; "exponent" and "mantissa" of floats, "exponent" also of powers of two; "integer" and "fraction" of Q
    formats; "code" of an integer (below the sign: two's complement); "index" into a codebook; "shared", the exponent
    that a block of neighbours has in common.
    """

    name: FieldName
    bits: str

    @property
    def number(self) -> int:
        """The bits read as an unsigned integer."""
        return int(self.bits, 2)


@dataclass(frozen=True)
class FloatLayout:
    """Widths and bias of a float."""

    exponent_bits: int
    mantissa_bits: int
    bias: int


FLOAT32 = FloatLayout(8, 23, 127)


def layout_of(format: Format) -> FloatLayout | None:
    """The layout of a float, None for a format that is none."""
    if isinstance(format, IdentityFormat):
        return FLOAT32
    if isinstance(format, FloatingFormat):
        return FloatLayout(format.exponent_bits, format.mantissa_bits, format.bias)
    return None


def fields_of(format: Format, code: np.ndarray, scale: float) -> tuple[Field, ...]:
    """The fields of one code, shape (1,), of dtype `format.storage`; of a block format: the code of an element.

    scale: of the quantizer; it says how many bits of a Q format are fraction, and what a block's neighbours share.
    """
    if isinstance(format, BlockFormat):
        shared = Field("shared", _binary(round(np.log2(scale)) + E8M0_BIAS, 8))
        if isinstance(format.element, CodebookFormat):  # MX integers: two's complement, levels lie around zero
            middle = format.element.unit_levels().size // 2
            return (shared, *_cut(int(code[0]) - middle, format.bits, ("sign", 1), ("code", format.bits - 1)))
        return (shared, *fields_of(format.element, code, scale))
    bits = format.bits
    layout = layout_of(format)
    if layout is not None:
        pattern = format.patterns(code) if isinstance(format, FloatingFormat) else code.view(np.uint32)
        exponent, mantissa = layout.exponent_bits, layout.mantissa_bits
        return _cut(int(pattern[0]), bits, ("sign", 1), ("exponent", exponent), ("mantissa", mantissa))
    if isinstance(format, FixedPointFormat) and 0 <= format.fraction_bits(scale) < bits:
        n = format.fraction_bits(scale)
        return _cut(int(code[0]), bits, ("sign", 1), ("integer", bits - 1 - n), ("fraction", n))
    if isinstance(format, IntegerFormat):
        return _cut(int(code[0]), bits, *((("sign", 1),) if format.signed else ()), ("code", bits - format.signed))
    if isinstance(format, LogarithmicFormat):
        top = 2 ** (bits - 1) - 1
        step = int(code[0]) - top  # 0 takes the code of the smallest negative magnitude
        return _cut(abs(step) - (step > 0) + (step <= 0) * 2 ** (bits - 1), bits, ("sign", 1), ("exponent", bits - 1))
    return _cut(int(code[0]), bits, ("index", bits))


def formula_of(format: Format, fields: tuple[Field, ...], scale: float, zero_point: int) -> str:
    """How the number comes out of its fields, with the numbers put in; ^{...} marks a power.

    For finite numbers; scales are left out where they are 1.
    """
    if isinstance(format, BlockFormat):
        exponent = fields[0].number - E8M0_BIAS
        if isinstance(format.element, CodebookFormat):
            return f"2^{{{exponent}}} · {signed_number(fields[1:])}/64"
        return f"2^{{{exponent}}} · {formula_of(format.element, fields[1:], 1.0, 0)}"
    layout = layout_of(format)
    if layout is not None:
        sign, exponent, mantissa = (field.number for field in fields)
        power, whole = (exponent, 1) if exponent else (1, 0)
        share = f"{mantissa}/{2**layout.mantissa_bits}"
        return f"(-1)^{{{sign}}} · 2^{{{power} - {layout.bias}}} · ({whole} + {share}){_times(scale)}"
    if isinstance(format, FixedPointFormat):
        return f"{signed_number(fields)} · 2^{{{-format.fraction_bits(scale)}}}"
    if isinstance(format, IntegerFormat):
        code = signed_number(fields)
        return f"({code} - {zero_point}){_times(scale)}" if zero_point else f"{code}{_times(scale)}"
    if isinstance(format, LogarithmicFormat):
        sign, k = (field.number for field in fields)
        if sign and not k:
            return "0, by its own code"
        z = format.z(scale, zero_point)
        exponent_sum = f"{k} {'-' if z < 0 else '+'} {abs(z)}"
        power_of = f"({exponent_sum})/{format.steps_per_octave}" if format.steps_per_octave > 1 else exponent_sum
        return f"{'-' if sign else ''}2^{{{power_of}}}"
    levels = format.unit_levels()
    assert levels is not None
    return f"entry {fields[0].number} of 0..{levels.size - 1}: {levels[fields[0].number]:.7g}{_times(scale)}"


def signed_number(fields: tuple[Field, ...]) -> int:
    """The fields of an integer read together: two's complement where the first one is a sign."""
    bits = "".join(field.bits for field in fields)
    return int(bits, 2) - (2 ** len(bits) if fields[0].name == "sign" and bits[0] == "1" else 0)


def _times(scale: float) -> str:
    return "" if scale == 1 else f" · {scale:.7g}"


def _binary(number: int, bits: int) -> str:
    return format(number % 2**bits, f"0{bits}b")


def _cut(number: int, bits: int, *widths: tuple[FieldName, int]) -> tuple[Field, ...]:
    """The lowest `bits` of a number (two's complement where it is negative), cut into fields of positive width."""
    text = _binary(number, bits)
    found, place = [], 0
    for name, width in widths:
        if width:
            found.append(Field(name, text[place : place + width]))
        place += width
    return tuple(found)
