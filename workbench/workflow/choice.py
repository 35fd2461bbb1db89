"""`TensorChoice`: what was chosen for one tensor, the intention and the numbers."""

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.messages import WorkbenchError
from workbench.numerics.formats.catalogue import FORMATS
from workbench.numerics.quantizer import Quantizer

Bound = float | np.ndarray


@dataclass(frozen=True, eq=False)
class TensorChoice:
    """How one tensor is quantized.

    tensor: ONNX value name. format: name in FORMATS (never "fp32": a float tensor has no entry).
    method: where the range comes from: a name in CLIPPING, "hand", or "own" (formats without a scale).
    symmetric: True, False, or None for the rule of `Quantizer.covering`.
    axis, block_size: grouping, see `workbench.numerics.grouping`.
    low, high: the range; floats per tensor, float32 (channels,) or (blocks,) where grouped.
    estimated: the range was not measured on data (BatchNorm statistics). note: the person's own words.
    """

    tensor: str
    format: str
    method: str
    low: Bound
    high: Bound
    symmetric: bool | None = None
    axis: int | None = None
    block_size: int | None = None
    estimated: bool = False
    note: str = ""

    def __post_init__(self) -> None:
        if self.format == "fp32":
            raise WorkbenchError(f"{self.tensor!r}: fp32 means no entry; use recipe.without({self.tensor!r})")
        for field in ("low", "high"):
            bound = getattr(self, field)
            grouped = np.ndim(bound) > 0
            frozen = np.array(bound, np.float32).reshape(-1) if grouped else float(bound)
            if isinstance(frozen, np.ndarray):
                frozen.setflags(write=False)
            object.__setattr__(self, field, frozen)
        if np.ndim(self.low) != np.ndim(self.high) or np.size(self.low) != np.size(self.high):
            raise WorkbenchError(f"{self.tensor!r}: {np.size(self.low)} lower but {np.size(self.high)} upper bounds")
        _ = self.quantizer  # refuses an unknown format or an impossible range now, not when it is used

    @functools.cached_property
    def quantizer(self) -> Quantizer:
        """The quantizer that covers the range."""
        try:
            return Quantizer.covering(
                self.format,
                self.low,
                self.high,
                symmetric=self.symmetric,
                axis=self.axis if FORMATS[self.format].has_scale else None,
                block_size=self.block_size if FORMATS[self.format].has_scale else None,
            )
        except WorkbenchError as error:
            raise WorkbenchError(f"tensor {self.tensor!r}: {error}") from None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TensorChoice):
            return NotImplemented
        return self.to_json() == other.to_json()

    __hash__ = None  # type: ignore[assignment]  # holds arrays

    def to_json(self) -> dict[str, Any]:
        """Plain values for JSON; float32 numbers are written so that they come back to the last bit."""
        quantizer = self.quantizer
        return {
            "format": self.format,
            "method": self.method,
            "symmetric": self.symmetric,
            "axis": self.axis,
            "block_size": self.block_size,
            "low": _plain(self.low),
            "high": _plain(self.high),
            "scale": _plain(quantizer.scale),
            "zero_point": _plain(quantizer.zero_point),
            "estimated": self.estimated,
            "note": self.note,
        }

    @classmethod
    def from_json(cls, tensor: str, entry: Any) -> "TensorChoice":
        """The inverse of `to_json`; WorkbenchError naming the tensor and field that is missing or of the wrong kind.

        `scale` and `zero_point` follow from the range and are checked against it where they are given.
        """
        if not isinstance(entry, dict):
            raise WorkbenchError(f"tensor {tensor!r}: expected an object with format, low and high, got {entry!r:.80}")
        known = {"format", "method", "symmetric", "axis", "block_size", "low", "high", "estimated", "note"}
        unknown = set(entry) - known - {"scale", "zero_point"}
        if unknown:
            raise WorkbenchError(f"tensor {tensor!r}: unknown field {sorted(unknown)[0]!r}; expected {sorted(known)}")
        for field in ("format", "low", "high"):
            if field not in entry:
                raise WorkbenchError(f"tensor {tensor!r}: field {field!r} is missing")
        for field, kinds in _KINDS.items():
            if field in entry and not isinstance(entry[field], kinds):
                raise WorkbenchError(f"tensor {tensor!r}: field {field!r} is {entry[field]!r:.80}")
        values = {k: v for k, v in entry.items() if k in known}
        values.setdefault("method", "hand")
        for field in ("low", "high"):
            values[field] = _bound(tensor, field, entry[field])
        choice = cls(tensor, **values)
        for field in ("scale", "zero_point"):
            if field in entry and entry[field] != choice.to_json()[field]:
                raise WorkbenchError(
                    f"tensor {tensor!r}: {field} {entry[field]!r:.80} does not follow from low and high; "
                    f"correct the range, or take {field} out and it will be computed"
                )
        return choice


_KINDS: dict[str, tuple[type, ...]] = {
    "format": (str,),
    "method": (str,),
    "symmetric": (bool, type(None)),
    "axis": (int, type(None)),
    "block_size": (int, type(None)),
    "estimated": (bool,),
    "note": (str,),
}


def _plain(value: Any) -> Any:
    array = np.asarray(value)
    return array.tolist() if array.ndim else array.item()


def _bound(tensor: str, field: str, value: Any) -> Bound:
    numbers = value if isinstance(value, list) else [value]
    if not numbers or not all(isinstance(v, int | float) and not isinstance(v, bool) for v in numbers):
        raise WorkbenchError(f"tensor {tensor!r}: field {field!r} must be a number or a list of numbers")
    return np.array(value, np.float32) if isinstance(value, list) else float(value)
