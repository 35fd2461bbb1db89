"""All number formats by name. A new format is one file (or one line here), one entry, one reference test."""

from workbench.catalogue import Catalogue
from workbench.numerics.formats.codebook import CodebookFormat
from workbench.numerics.formats.fixed_point import FixedPointFormat
from workbench.numerics.formats.floating import FloatingFormat
from workbench.numerics.formats.format import Format
from workbench.numerics.formats.identity import IdentityFormat
from workbench.numerics.formats.integer import IntegerFormat
from workbench.numerics.formats.logarithmic import LogarithmicFormat
from workbench.numerics.formats.normal_float import normal_float_levels
from workbench.numerics.formats.shared_exponent import BlockFormat


def _integers(bits: int) -> tuple[IntegerFormat, ...]:
    """Signed, unsigned and narrow (symmetric codes) of one width."""
    half = 2 ** (bits - 1)
    return (
        IntegerFormat(name=f"int{bits}", title=f"INT{bits}", bits=bits, signed=True, qmin=-half, qmax=half - 1),
        IntegerFormat(name=f"uint{bits}", title=f"UINT{bits}", bits=bits, signed=False, qmin=0, qmax=2 * half - 1),
        IntegerFormat(
            name=f"int{bits}_narrow",
            title=f"INT{bits} narrow",
            bits=bits,
            signed=True,
            qmin=1 - half,
            qmax=half - 1,
        ),
    )


def _fixed_point(name: str, title: str, bits: int, reach: float) -> FixedPointFormat:
    half = 2 ** (bits - 1)
    return FixedPointFormat(name=name, title=title, bits=bits, signed=True, qmin=-half, qmax=half - 1, reach=reach)


def _floating(
    name: str,
    title: str,
    exponent_bits: int,
    mantissa_bits: int,
    dtype_name: str,
    *,
    bias: int | None = None,
    scaled: bool = True,
    infinity: bool = False,
    nan: bool = True,
) -> FloatingFormat:
    return FloatingFormat(
        name=name,
        title=title,
        bits=1 + exponent_bits + mantissa_bits,
        signed=True,
        exponent_bits=exponent_bits,
        mantissa_bits=mantissa_bits,
        dtype_name=dtype_name,
        bias=2 ** (exponent_bits - 1) - 1 if bias is None else bias,
        has_infinity=infinity,
        has_nan_code=nan,
        step="continuous" if scaled else "fixed",
        overflow="saturate" if scaled else "infinity",
    )


def _logarithmic(name: str, title: str, bits: int, steps_per_octave: int) -> LogarithmicFormat:
    return LogarithmicFormat(name=name, title=title, bits=bits, steps_per_octave=steps_per_octave)


def _k_means(bits: int) -> CodebookFormat:
    return CodebookFormat(name=f"kmeans{bits}", title=f"k-means {bits} bit", bits=bits, levels=None, step="fixed")


_floats = (
    _floating("fp16", "FP16", 5, 10, "float16", scaled=False, infinity=True),
    _floating("bf16", "BF16", 8, 7, "bfloat16", scaled=False, infinity=True),
    _floating("tf32", "TF32", 8, 10, "float32", scaled=False, infinity=True),
    _floating("fp8_e4m3", "FP8 E4M3", 4, 3, "float8_e4m3fn"),
    _floating("fp8_e5m2", "FP8 E5M2", 5, 2, "float8_e5m2", infinity=True),
    _floating("fp8_e4m3fnuz", "FP8 E4M3 fnuz", 4, 3, "float8_e4m3fnuz", bias=8),
    _floating("fp8_e5m2fnuz", "FP8 E5M2 fnuz", 5, 2, "float8_e5m2fnuz", bias=16),
    _floating("fp6_e2m3", "FP6 E2M3", 2, 3, "float6_e2m3fn", nan=False),
    _floating("fp6_e3m2", "FP6 E3M2", 3, 2, "float6_e3m2fn", nan=False),
    _floating("fp4_e2m1", "FP4 E2M1", 2, 1, "float4_e2m1fn", nan=False),
)
_elements = {format.name: format for format in _floats}
# MX integers are fixed-point numbers of one integer bit, so that their largest element is just under 2
_mx_int8 = CodebookFormat(
    name="mx_int8_element",
    title="",
    bits=8,
    levels=tuple(code / 64 for code in range(-127, 128)),
)

_members: tuple[Format, ...] = (
    IdentityFormat(name="fp32", title="FP32", bits=32, signed=True),
    *_floats,
    *(format for bits in (8, 4, 16, 2, 3, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15) for format in _integers(bits)),
    _fixed_point("q8", "Qm.n 8 bit", 8, 2.0**7),
    _fixed_point("q16", "Qm.n 16 bit", 16, 2.0**15),
    _fixed_point("q4", "Qm.n 4 bit", 4, 2.0**3),
    _fixed_point("int8_pow2", "INT8, scale 2ⁿ", 8, 127),
    _fixed_point("int16_pow2", "INT16, scale 2ⁿ", 16, 32767),
    _fixed_point("int4_pow2", "INT4, scale 2ⁿ", 4, 7),
    _fixed_point("flex16_5", "Flexpoint 16+5", 16, 32767.499999999996),  # round(T / 2^e) <= 32767, a half being even
    _logarithmic("gfpq8", "GFPQ 8 bit", 8, 16),
    _logarithmic("gfpq16", "GFPQ 16 bit", 16, 2048),
    *(_logarithmic(f"log2_{bits}", f"Powers of two {bits} bit", bits, 1) for bits in (5, 4, 3)),
    CodebookFormat(name="nf4", title="NF4", bits=4, levels=normal_float_levels(4)),
    *(_k_means(bits) for bits in (4, 1, 2, 3, 5, 6, 7, 8)),
    CodebookFormat(name="binary", title="Binary", bits=1, levels=(-1.0, 1.0), family="binary"),
    CodebookFormat(name="ternary", title="Ternary", bits=2, levels=(-1.0, 0.0, 1.0), family="binary"),
    *(
        BlockFormat(name=name, title=title, bits=_elements[element].bits, element=_elements[element])
        for name, title, element in (
            ("mxfp8_e4m3", "MXFP8 E4M3", "fp8_e4m3"),
            ("mxfp8_e5m2", "MXFP8 E5M2", "fp8_e5m2"),
            ("mxfp6_e2m3", "MXFP6 E2M3", "fp6_e2m3"),
            ("mxfp6_e3m2", "MXFP6 E3M2", "fp6_e3m2"),
            ("mxfp4", "MXFP4", "fp4_e2m1"),
        )
    ),
    BlockFormat(name="mxint8", title="MXINT8", bits=8, element=_mx_int8),
    IdentityFormat(name="pruned", title="Pruned FP32", bits=32, signed=True, family="pruning", zero_band=True),
)

FORMATS: Catalogue[Format] = Catalogue(
    "format", {member.name: member for member in _members}, key_of=lambda f: f.name, member_type=Format
)


def as_format(format: Format | str) -> Format:
    """A `Format` as it is, a name looked up in `FORMATS`; WorkbenchError for an unknown name."""
    return format if isinstance(format, Format) else FORMATS[format]
