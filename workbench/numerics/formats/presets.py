"""Presets: what another tool or chip does, as one choice of format, rounding and overflow."""

from dataclasses import dataclass

from workbench.catalogue import Catalogue
from workbench.numerics.formats.rounding import Overflow, Rounding


@dataclass(frozen=True)
class Preset:
    """One click that sets format, rounding and overflow together, and the range where the tool has a rule for it.

    name: the key in `PRESETS`. title, sentence: what menus show. source: where the behaviour is described.
    format, rounding, overflow: names in FORMATS, ROUNDINGS and OVERFLOWS; overflow None means the format's own.
    method: name in CLIPPING; None for formats without a threshold. symmetric, per_channel: of formats with a threshold;
    None keeps what the tensor has.
    """

    name: str
    title: str
    sentence: str
    source: str
    format: str
    rounding: Rounding = "nearest_even"
    overflow: Overflow | None = None
    method: str | None = None
    symmetric: bool | None = None
    per_channel: bool | None = None


_members = (
    Preset(
        "nvdla_fp16",
        "NVDLA fp16",
        "FP16 that never overflows: what lies beyond ±65504 becomes ±65504, infinities too; rounds to nearest even",
        "NVDLA hardware manual, precision scaling",
        "fp16",
        overflow="saturate",
    ),
    Preset(
        "half_library",
        "half library 1.x",
        "FP16 by truncation: the bits that do not fit are dropped, and 65536 and beyond become infinite",
        "half library 1.x documentation, HALF_ROUND_STYLE",
        "fp16",
        rounding="toward_zero",
        overflow="infinity",
    ),
    Preset(
        "bfloat16_truncation",
        "bfloat16 truncation",
        "BF16 as the upper half of a float32: the lower 16 bits are dropped, which rounds toward zero",
        "TensorFlow, core/framework/bfloat16 (truncating conversion)",
        "bf16",
        rounding="toward_zero",
    ),
    Preset(
        "ncnn_float2int8",
        "NCNN float2int8",
        "INT8 with one scale 127 / max|x| and no zero point; ties round away from zero, as C's round does",
        "Tencent ncnn, float2int8 (present versions end at -127: with this range no value reaches -128)",
        "int8",
        rounding="nearest_away",
        method="min_max",
        symmetric=True,
    ),
    Preset(
        "tensorflow_min_first",
        "TensorFlow MIN_FIRST",
        "UINT8 from minimum to maximum; the minimum is rounded to a whole step, so that 0 is a code and nothing drifts",
        "TensorFlow, tf.quantization.quantize, mode MIN_FIRST",
        "uint8",
        rounding="nearest_away",
        method="min_max",
        symmetric=False,
        per_channel=False,
    ),
)

PRESETS: Catalogue[Preset] = Catalogue("preset", {member.name: member for member in _members}, key_of=lambda p: p.name)
