"""Reader of AIMET's encodings 1.0.0, which Qualcomm's tools take too.

Source: AIMET, Encoding Format Specification, and its writer (AffineEncoding of aimet_onnx). An entry has bw bits and,
for each tensor, channel or block, value = (q + offset) * scale with q in 0 .. 2^bw - 1, whatever the sign of the codes:
a zero point z of codes from qmin up is offset = qmin - z, so that symmetric int8 has -128. is_sym says that the codes
are signed; AIMET writes it for signed codes at zero point 0, and so signed ones with another are unsigned in the file,
at the same levels. No axis is named: channels are the layer's output channels, blocks run along its inputs.
"""

from pathlib import Path
from typing import Any

import numpy as np

from workbench.messages import Notice, WorkbenchError
from workbench.numerics.formats.catalogue import FORMATS
from workbench.workflow.ranges.covering import covering_range
from workbench.workflow.ranges.lines import checked_scale, json_document, shown
from workbench.workflow.ranges.ranges import RangeFile, Reader, TensorRange

VERSION = "1.0.0"
LISTS = {"activation_encodings": False, "param_encodings": True}
KINDS = ("PER_TENSOR", "PER_CHANNEL", "PER_BLOCK")
_LEFT_OUT = "LPBQ", "VECTOR"


def recognizes(head: bytes, path: Path) -> bool:
    """Whether it is a JSON object that names one of the lists."""
    return head.lstrip()[:1] == b"{" and any(f'"{field}"'.encode() in head for field in LISTS)


def read(path: Path) -> RangeFile:
    """Integers of 2 to 16 bits and fp16; FLOAT of 32 bits are floats; the rest is left out with a notice.

    Raises WorkbenchError naming tensor and field for what is missing, of the wrong kind, or comes twice.
    """
    document = json_document(path)
    check_version(document, VERSION)
    tensors: dict[str, TensorRange] = {}
    floats: list[str] = []
    left_out: dict[str, str] = {}
    for field, is_weight in LISTS.items():
        for entry in entries(document, field):
            name = entry_name(entry, field, {*tensors, *floats, *left_out})
            found = _entry(entry, name, is_weight)
            if isinstance(found, TensorRange):
                tensors[name] = found
            elif found is None:
                floats.append(name)
            else:
                left_out[name] = found
    notices = tuple(Notice("ranges", f"Left out: {name!r}: {why}.") for name, why in left_out.items())
    return RangeFile("aimet_encodings", path, tensors, tuple(floats), notices)


def check_version(document: dict[str, Any], expected: str) -> None:
    """WorkbenchError for encodings of another version."""
    version = document.get("version")
    if version != expected:
        raise WorkbenchError(
            f"field 'version' is {shown(version)}; expected {expected!r}, export the encodings as that"
        )


def entries(document: dict[str, Any], field: str) -> list[dict[str, Any]]:
    """The objects of a list; none where the field is missing."""
    found = document.get(field, [])
    if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
        raise WorkbenchError(f"field {field!r} must be a list of objects")
    return found


def entry_name(entry: dict[str, Any], field: str, former: set[str]) -> str:
    """The name of an entry, which none before it had."""
    name = entry.get("name")
    if not isinstance(name, str):
        raise WorkbenchError(f"an entry of {field!r} has no text in its field 'name', but {shown(name)}")
    if name in former:
        raise WorkbenchError(f"tensor {name!r} has two entries; one of them is wrong")
    return name


def whole_number(value: Any, name: str, field: str) -> int:
    """A whole number, also where it is written as 8.0."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value or value in (np.inf, -np.inf):
        raise WorkbenchError(f"tensor {name!r}: field {field!r} is {shown(value)}; expected a whole number")
    if value != int(value) or abs(value) > 2**40:
        raise WorkbenchError(f"tensor {name!r}: field {field!r} is {shown(value)}; expected a whole number")
    return int(value)


def block_size_of(entry: dict[str, Any], name: str) -> int:
    """Its block size, 1 or more."""
    size = whole_number(entry.get("block_size"), name, "block_size")
    if size < 1:
        raise WorkbenchError(f"tensor {name!r}: field 'block_size' is {size}; expected 1 or more")
    return size


def float16(name: str, is_weight: bool | None) -> TensorRange:
    """A tensor that is stored in float16."""
    reach = FORMATS["fp16"].largest
    return TensorRange(name, "fp16", -reach, reach, is_weight=is_weight, others={"method": "own"})


def covered(
    name: str, format: str, scale: np.ndarray, zero_point: np.ndarray, is_weight: bool | None, **others: Any
) -> TensorRange:
    """The range of a scale and a zero point, or of one for each channel or block; others: axis, block_size.

    Raises WorkbenchError naming the tensor for a zero point that is no code of the format.
    """
    kind = FORMATS[format]
    lowest, highest = kind.zero_points
    wrong = zero_point[(zero_point < lowest) | (zero_point > highest)]
    if wrong.size:
        raise WorkbenchError(f"tensor {name!r}: zero point {wrong.flat[0]} is no code of {format}")
    try:
        low, high, symmetric = covering_range(kind, scale, zero_point)
    except WorkbenchError as error:
        raise WorkbenchError(f"tensor {name!r}: {error}") from None
    axis = others.pop("axis", None)
    return TensorRange(name, format, low, high, symmetric, axis, is_weight, others)


def _entry(entry: dict[str, Any], name: str, is_weight: bool) -> TensorRange | str | None:
    """What an entry says; None: the tensor is float32; a text: why it is left out."""
    bits, dtype, kind = whole_number(entry.get("bw"), name, "bw"), entry.get("dtype"), entry.get("enc_type")
    if dtype not in ("INT", "FLOAT"):
        raise WorkbenchError(f"tensor {name!r}: field 'dtype' is {shown(dtype)}; expected 'INT' or 'FLOAT'")
    if dtype == "FLOAT":
        if bits in (16, 32):
            return float16(name, is_weight) if bits == 16 else None
        return f"there is no format for floats of {bits} bits in encodings of this version"
    if kind in _LEFT_OUT:
        return f"encodings of the type {kind} have no format here"
    if kind not in KINDS:
        raise WorkbenchError(f"tensor {name!r}: field 'enc_type' is {shown(kind)}; expected {', '.join(KINDS)}")
    if not isinstance(entry.get("is_sym"), bool):
        raise WorkbenchError(f"tensor {name!r}: field 'is_sym' is {shown(entry.get('is_sym'))}; expected true or false")
    scales, offsets = _scales(entry, name), _offsets(entry, name)
    if len(scales) != len(offsets):
        raise WorkbenchError(f"tensor {name!r}: {len(scales)} numbers in 'scale', but {len(offsets)} in 'offset'")
    if kind == "PER_TENSOR" and len(scales) != 1:
        raise WorkbenchError(f"tensor {name!r}: {len(scales)} numbers in 'scale'; PER_TENSOR has one")
    others = {"block_size": block_size_of(entry, name)} if kind == "PER_BLOCK" else {}
    format = f"{'int' if entry['is_sym'] else 'uint'}{bits}"
    if format not in FORMATS:
        return f"there is no format for integers of {bits} bits"
    if not is_weight and kind != "PER_TENSOR":
        return "activations have one range here"
    if entry.get("zero_point_shift"):
        return "a zero point between two codes has no format here"
    zero_points = (-(2 ** (bits - 1)) if entry["is_sym"] else 0) - offsets
    if kind == "PER_TENSOR":
        scales, zero_points = scales[0], zero_points[0]
    return covered(name, format, scales, zero_points, is_weight, **others)


def _scales(entry: dict[str, Any], name: str) -> np.ndarray:
    given = _list(entry, name, "scale")
    return np.array([checked_scale(value, f"tensor {name!r}: a number of 'scale'") for value in given], np.float32)


def _offsets(entry: dict[str, Any], name: str) -> np.ndarray:
    return np.array([whole_number(value, name, "offset") for value in _list(entry, name, "offset")], np.int64)


def _list(entry: dict[str, Any], name: str, field: str) -> list[Any]:
    given = entry.get(field)
    if not isinstance(given, list) or not given:
        raise WorkbenchError(f"tensor {name!r}: field {field!r} is {shown(given)}; expected a list of numbers")
    return given


AIMET_ENCODINGS = Reader("aimet_encodings", "AIMET encodings 1.0.0", (".encodings", ".json"), recognizes, read)
