"""Reader of AIMET's encodings 2.0.0: the inputs and attributes of an ONNX QuantizeLinear for each tensor.

Source: AIMET, Encoding Format Specification, version 2.0.0: name, output_dtype (int8, uint4, ...), y_scale and
y_zero_point (a number, a list along axis, or nested lists with axis in its place for blocks; zero where it is missing),
axis, block_size.
"""

from pathlib import Path
from typing import Any

import numpy as np

from workbench.messages import Notice, WorkbenchError
from workbench.workflow.ranges.aimet_encodings import (
    block_size_of,
    check_version,
    covered,
    entries,
    entry_name,
    whole_number,
)
from workbench.workflow.ranges.lines import checked_scale, json_document, shown
from workbench.workflow.ranges.ranges import RangeFile, Reader, TensorRange

VERSION = "2.0.0"
LIST = "encodings"
DTYPES = tuple(f"{sign}int{bits}" for bits in (2, 4, 8, 16) for sign in ("", "u"))


def recognizes(head: bytes, path: Path) -> bool:
    """Whether it is a JSON object with the list and a field of its entries."""
    begins = head.lstrip()[:1] == b"{" and b'"encodings"' in head
    return begins and any(field in head for field in (b'"y_scale"', b'"output_dtype"', b'"2.0.0"'))


def read(path: Path) -> RangeFile:
    """Integers of 2 to 16 bits; other entries (32-bit biases, floats, LPBQ) are left out with a notice.

    Raises WorkbenchError naming tensor and field for what is missing, of the wrong kind, or comes twice.
    """
    document = json_document(path)
    check_version(document, VERSION)
    tensors: dict[str, TensorRange] = {}
    left_out: dict[str, str] = {}
    for entry in entries(document, LIST):
        name = entry_name(entry, LIST, {*tensors, *left_out})
        found = _entry(entry, name)
        if isinstance(found, TensorRange):
            tensors[name] = found
        else:
            left_out[name] = found
    notices = tuple(Notice("ranges", f"Left out: {name!r}: {why}.") for name, why in left_out.items())
    return RangeFile("aimet_encodings_2", path, tensors, notices=notices)


def _entry(entry: dict[str, Any], name: str) -> TensorRange | str:
    """What an entry says; a text: why it is left out."""
    dtype = entry.get("output_dtype")
    if not isinstance(dtype, str):
        raise WorkbenchError(f"tensor {name!r}: field 'output_dtype' is {shown(dtype)}; expected the name of a type")
    if dtype not in DTYPES:
        return f"its type {dtype:.40} has no format here"
    if "per_block_int_scale" in entry:
        return "encodings with whole-numbered scales of blocks (LPBQ) have no format here"
    scale = _array(entry.get("y_scale"), name, "y_scale", np.float32)
    given = entry.get("y_zero_point")
    if _has_fractions(given):
        return "a zero point between two codes has no format here"
    zero_point = np.zeros(scale.shape, np.int64) if given is None else _array(given, name, "y_zero_point", np.int64)
    if scale.shape != zero_point.shape:
        raise WorkbenchError(f"tensor {name!r}: 'y_scale' is {scale.shape}, 'y_zero_point' {zero_point.shape}")
    axis = None if entry.get("axis") is None else whole_number(entry["axis"], name, "axis")
    if entry.get("block_size") is not None:
        return _blocks(entry, name, dtype, scale, zero_point, axis)
    if scale.ndim == 0 or (scale.size == 1 and axis is None):
        scale, zero_point = scale.reshape(()), zero_point.reshape(())
    elif scale.ndim != 1 or axis is None:
        raise WorkbenchError(
            f"tensor {name!r}: 'y_scale' of shape {scale.shape} needs the fields 'axis' or 'block_size'"
        )
    return covered(name, dtype, scale, zero_point, None, axis=axis)


def _blocks(
    entry: dict[str, Any], name: str, dtype: str, scale: np.ndarray, zero_point: np.ndarray, axis: int | None
) -> TensorRange:
    if axis is None or not -scale.ndim <= axis < scale.ndim:
        raise WorkbenchError(f"tensor {name!r}: field 'axis' is {axis}; expected an axis of 'y_scale' {scale.shape}")
    rows, zeros = (np.moveaxis(array, axis, -1).reshape(-1) for array in (scale, zero_point))
    return covered(name, dtype, rows, zeros, None, axis=axis % scale.ndim, block_size=block_size_of(entry, name))


def _array(value: Any, name: str, field: str, dtype: type) -> np.ndarray:
    """Numbers in nested lists, all of one length at each depth."""
    try:
        nested = np.array(value, dtype=object)
    except ValueError:
        raise WorkbenchError(
            f"tensor {name!r}: field {field!r} has lists of several lengths or too many axes"
        ) from None
    if not nested.size:
        raise WorkbenchError(f"tensor {name!r}: field {field!r} is an empty list; expected numbers")
    where = f"tensor {name!r}: a number of {field!r}"
    if dtype is np.float32:
        numbers = [checked_scale(one, where) for one in nested.reshape(-1)]
    else:
        numbers = [whole_number(one, name, field) for one in nested.reshape(-1)]
    return np.array(numbers, dtype).reshape(nested.shape)


def _has_fractions(value: Any) -> bool:
    """Whether some number in nested lists is finite and not whole."""
    if isinstance(value, list):
        return any(map(_has_fractions, value))
    return isinstance(value, float) and abs(value) < 2**40 and value != int(value)


AIMET_ENCODINGS_2 = Reader("aimet_encodings_2", "AIMET encodings 2.0.0", (".encodings", ".json"), recognizes, read)
