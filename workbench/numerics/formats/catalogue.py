"""All number formats by name. A new format is one file (or one line here), one entry, one reference test."""

from workbench.catalogue import Catalogue
from workbench.numerics.formats.floating import FloatingFormat
from workbench.numerics.formats.format import Format
from workbench.numerics.formats.identity import IdentityFormat
from workbench.numerics.formats.integer import IntegerFormat


def _integer(name: str, title: str, bits: int, qmin: int, qmax: int) -> IntegerFormat:
    return IntegerFormat(name=name, title=title, bits=bits, signed=qmin < 0, qmin=qmin, qmax=qmax)


def _floating(
    name: str, title: str, bits: int, exponent_bits: int, mantissa_bits: int, dtype_name: str, scaled: bool
) -> FloatingFormat:
    return FloatingFormat(
        name=name,
        title=title,
        bits=bits,
        signed=True,
        exponent_bits=exponent_bits,
        mantissa_bits=mantissa_bits,
        dtype_name=dtype_name,
        step="continuous" if scaled else "fixed",
        overflow="saturate" if scaled else "infinity",
    )


_members: tuple[Format, ...] = (
    IdentityFormat(name="fp32", title="FP32", bits=32, signed=True, step="fixed"),
    _floating("fp16", "FP16", 16, 5, 10, "float16", scaled=False),
    _floating("bf16", "BF16", 16, 8, 7, "bfloat16", scaled=False),
    _integer("int8", "INT8", 8, -128, 127),
    _integer("uint8", "UINT8", 8, 0, 255),
    _integer("int8_narrow", "INT8 narrow", 8, -127, 127),
    _integer("int4", "INT4", 4, -8, 7),
    _integer("uint4", "UINT4", 4, 0, 15),
    _integer("int4_narrow", "INT4 narrow", 4, -7, 7),
    _integer("int16", "INT16", 16, -32768, 32767),
    _integer("uint16", "UINT16", 16, 0, 65535),
    _integer("int16_narrow", "INT16 narrow", 16, -32767, 32767),
    _floating("fp8_e4m3", "FP8 E4M3", 8, 4, 3, "float8_e4m3fn", scaled=True),
    _floating("fp8_e5m2", "FP8 E5M2", 8, 5, 2, "float8_e5m2", scaled=True),
)

FORMATS: Catalogue[Format] = Catalogue("format", {member.name: member for member in _members})


def as_format(format: Format | str) -> Format:
    """A `Format` as it is, a name looked up in `FORMATS`; WorkbenchError for an unknown name."""
    return format if isinstance(format, Format) else FORMATS[format]
