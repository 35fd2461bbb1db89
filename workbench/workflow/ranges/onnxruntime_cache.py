"""Reader `onnxruntime_cache`: the calibration cache of onnxruntime's quantize_static, and the overrides beside it.

A cache holds the lowest and the highest value of each tensor and no format: such ranges become int8, affine. What
stands under `TensorQuantOverrides` (our own files) has format, scale and zero point, and is taken exactly.
Source: onnxruntime 1.31, quantization/calibrate.py (load_tensors_data), quantize.py (TensorQuantOverrides).
"""

import math
from pathlib import Path
from typing import Any

import numpy as np

from workbench.messages import Notice, WorkbenchError
from workbench.numerics.formats.catalogue import FORMATS
from workbench.workflow.ranges.covering import covering_range
from workbench.workflow.ranges.lines import checked_scale, json_document
from workbench.workflow.ranges.ranges import RangeFile, Reader, TensorRange

OVERRIDES = "TensorQuantOverrides"
# QuantType of onnxruntime -> our format
QUANT_TYPES = {"QInt8": "int8", "QUInt8": "uint8", "QInt16": "int16", "QUInt16": "uint16"}
DEFAULT = "int8"


def read(path: Path) -> RangeFile:
    """Raises WorkbenchError naming tensor and field of what is no such file."""
    document = json_document(path)
    if document.get("CLS") != "TensorsData" or not isinstance(document.get("data"), dict):
        raise WorkbenchError("it is no calibration cache of onnxruntime: CLS must be 'TensorsData', data an object")
    overrides = document.get(OVERRIDES, {})
    if not isinstance(overrides, dict):
        raise WorkbenchError(f"field {OVERRIDES!r} must map tensor names to lists")
    names = dict.fromkeys([*document["data"], *overrides])
    tensors = {
        name: _override(name, overrides[name]) if name in overrides else _observed(name, document["data"][name])
        for name in names
    }
    n_observed = len(names) - len(overrides)
    words = f"say nothing of a format and became {DEFAULT}, with a zero point"
    notices = (Notice("ranges", f"{path.name}: {n_observed} ranges {words}."),) if n_observed else ()
    return RangeFile("onnxruntime_cache", path, tensors, notices=notices)


def _observed(name: str, entry: Any) -> TensorRange:
    low, high = (_number(name, entry, field) for field in ("lowest", "highest"))
    if low > high:
        raise WorkbenchError(f"tensor {name!r}: lowest {low} is above highest {high}")
    return TensorRange(name, DEFAULT, low, high, False, is_weight=False)


def _number(name: str, entry: Any, field: str) -> float:
    """A number as it stands, or in the writing of an array that has one element."""
    value = entry.get(field) if isinstance(entry, dict) else None
    if isinstance(value, dict):
        value = value.get("data")
    while isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise WorkbenchError(f"tensor {name!r}: field {field!r} is no finite number, but {value!r:.80}")
    return float(value)


def _override(name: str, entries: Any) -> TensorRange:
    if not isinstance(entries, list) or not entries or not all(isinstance(entry, dict) for entry in entries):
        raise WorkbenchError(f"tensor {name!r}: overrides are a list of objects, one at least")
    kind = entries[0].get("quant_type")
    if not isinstance(kind, str) or kind not in QUANT_TYPES:
        raise WorkbenchError(f"tensor {name!r}: quant_type is {kind!r:.80}; expected one of {', '.join(QUANT_TYPES)}")
    axis = entries[0].get("axis")
    if axis is not None and (isinstance(axis, bool) or not isinstance(axis, int)):
        raise WorkbenchError(f"tensor {name!r}: axis is {axis!r:.80}; expected a whole number")
    format = QUANT_TYPES[kind]
    scales = [checked_scale(entry.get("scale"), f"tensor {name!r}: scale") for entry in entries]
    points = [_zero_point(name, entry.get("zero_point"), format) for entry in entries]
    if axis is None:
        low, high, symmetric = covering_range(FORMATS[format], scales[0], points[0])
    else:
        low, high, symmetric = covering_range(FORMATS[format], np.array(scales, np.float32), np.array(points))
    return TensorRange(name, format, low, high, symmetric, axis)


def _zero_point(name: str, value: Any, format: str) -> int:
    lowest, highest = FORMATS[format].zero_points
    if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= highest:
        raise WorkbenchError(f"tensor {name!r}: zero_point is {value!r:.80}; expected {lowest} to {highest}")
    return value


ONNXRUNTIME_CACHE = Reader(
    name="onnxruntime_cache",
    title="onnxruntime calibration cache",
    suffixes=(".json",),
    recognizes=lambda head, path: b'"TensorsData"' in head,
    read=read,
)
