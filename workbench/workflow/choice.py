"""`TensorChoice`: what was chosen for one tensor, the intention and the numbers."""

import functools
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from workbench.messages import WorkbenchError
from workbench.numerics.clipping.catalogue import CLIPPING
from workbench.numerics.formats.catalogue import FORMATS
from workbench.numerics.formats.codebook import CodebookFormat
from workbench.numerics.formats.format import Format
from workbench.numerics.formats.rounding import Overflow, Rounding
from workbench.numerics.quantizer import Quantizer

Bound = float | np.ndarray
Dynamic = Literal["batch", "sample"]


@dataclass(frozen=True, eq=False)
class TensorChoice:
    """How one tensor is quantized.

    tensor: ONNX value name. format: name in FORMATS (never "fp32": a float tensor has no entry).
    method: where the range comes from: a name in CLIPPING, "hand", or "own" (formats without a scale).
    symmetric: True, False, or None for the rule of `Quantizer.covering`.
    axis, block_size: grouping, see `workbench.numerics.grouping`.
    low, high: the range; floats per tensor, float32 (channels,) or (blocks,) where grouped.
    rounding, overflow: names in ROUNDINGS and OVERFLOWS; overflow None means the format's own.
    zero_band: values of magnitude <= zero_band become 0 first (magnitude pruning).
    levels: of a codebook that was fitted to this tensor or that is a user's own, ascending float32 numbers; None for
    other formats.
    dynamic: the range is found anew in each "batch" or "sample" while the network runs; low and high are then those
    of calibration, shown for comparison. None: the range is fixed.
    estimated: the range was not measured on data (BatchNorm statistics).
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
    rounding: Rounding = "nearest_even"
    overflow: Overflow | None = None
    zero_band: float = 0.0
    levels: tuple[float, ...] | None = None
    dynamic: Dynamic | None = None

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
        if self.levels is None and self.format in FORMATS and self.format not in FORMATS.built_in:
            own = FORMATS[self.format]  # a user's own: its levels are kept, as another day's may be others
            object.__setattr__(self, "levels", own.levels if isinstance(own, CodebookFormat) else None)
        if self.levels is not None:
            object.__setattr__(self, "levels", tuple(np.asarray(self.levels, np.float32).tolist()))
        object.__setattr__(self, "zero_band", float(self.zero_band))
        if self.dynamic not in (None, "batch", "sample"):
            raise WorkbenchError(f"{self.tensor!r}: dynamic is {self.dynamic!r}; expected None, 'batch' or 'sample'")
        _ = self.quantizer  # refuses an unknown format or an impossible range now, not when it is used

    @functools.cached_property
    def variation(self) -> Format:
        """The format with the rounding, the overflow and the levels of this choice."""
        format = FORMATS[self.format]
        if self.levels is not None:
            if not isinstance(format, CodebookFormat):
                raise WorkbenchError(f"tensor {self.tensor!r}: {self.format} is no codebook and takes no levels")
            fitted = (
                self.format in FORMATS.built_in
            )  # a user's own may have become another: the choice keeps its levels
            format = format.with_levels(self.levels) if fitted else format.redefined(self.levels)
        return format.with_choices(rounding=self.rounding, overflow=self.overflow)

    @functools.cached_property
    def quantizer(self) -> Quantizer:
        """The quantizer that covers the range."""
        try:
            format = self.variation
            return Quantizer.covering(
                format,
                self.low,
                self.high,
                symmetric=self.symmetric,
                axis=self.axis if format.has_scale or format.block_size else None,
                block_size=self.block_size if format.has_scale else None,
                zero_band=self.zero_band,
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
            **{name: _plain_or_none(getattr(self, name)) for name in UNSAID if getattr(self, name) != UNSAID[name]},
        }

    @classmethod
    def from_json(cls, tensor: str, entry: Any) -> "TensorChoice":
        """The inverse of `to_json`; WorkbenchError naming the tensor and field that is missing or of the wrong kind.

        `scale` and `zero_point` follow from the range and are checked against it where they are given.
        """
        if not isinstance(entry, dict):
            raise WorkbenchError(f"tensor {tensor!r}: expected an object with format, low and high, got {entry!r:.80}")
        known = {*_KINDS, "low", "high"}
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
        _refuse_unknown_names(tensor, values["format"], values["method"])
        for field in ("low", "high"):
            values[field] = _bound(tensor, field, entry[field])
        if values.get("levels") is not None:
            values["levels"] = _bound(tensor, "levels", values["levels"])
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
    "rounding": (str,),
    "overflow": (str, type(None)),
    "zero_band": (int, float),
    "levels": (list, type(None)),
    "dynamic": (str, type(None)),
}
UNSAID: dict[str, Any] = {  # fields that are written only where they say something
    "rounding": "nearest_even",
    "overflow": None,
    "zero_band": 0.0,
    "levels": None,
    "dynamic": None,
}
_OTHER_METHODS = ("hand", "own")  # not in CLIPPING: chosen by a person, brought by the format or fitted to the values


def _refuse_unknown_names(tensor: str, format: str, method: str) -> None:
    if format not in FORMATS:
        raise WorkbenchError(
            f"tensor {tensor!r}: the format {format!r} is not known here; if it is your own, register it with "
            "wb.FORMATS.register(format) before the recipe is loaded"
        )
    if method not in CLIPPING and method not in _OTHER_METHODS:
        raise WorkbenchError(
            f"tensor {tensor!r}: the method {method!r} is not known here; register it with "
            f"wb.CLIPPING.register({method!r}, function) before the recipe is loaded, or write 'hand' instead"
        )


def _plain_or_none(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _plain(value: Any) -> Any:
    array = np.asarray(value)
    return array.tolist() if array.ndim else array.item()


def _bound(tensor: str, field: str, value: Any) -> Bound:
    numbers = value if isinstance(value, list) else [value]
    if not numbers or not all(isinstance(v, int | float) and not isinstance(v, bool) for v in numbers):
        raise WorkbenchError(f"tensor {tensor!r}: field {field!r} must be a number or a list of numbers")
    try:
        with np.errstate(over="ignore"):  # an infinite bound is refused, by name, where the range is looked at
            return np.array(value, np.float32) if isinstance(value, list) else float(value)
    except OverflowError:
        raise WorkbenchError(f"tensor {tensor!r}: field {field!r} has a number beyond those of float32") from None


def own_range_of(format: Format, levels: Any = None, axis: int | None = None) -> dict[str, Any]:
    """The fields of a choice whose format has no threshold: the range is that of its levels.

    levels: of a codebook. axis: kept for formats that find the scales of blocks in the data.
    """
    if isinstance(format, CodebookFormat) and levels is not None:
        format = format.with_levels(levels)
    low, high = -format.largest, format.largest
    if isinstance(format, CodebookFormat) and not format.needs_values:
        ends = format.unit_levels()[[0, -1]].tolist()
        low, high = min(ends[0], 0.0), max(ends[1], 0.0)
    kept = axis if format.block_size is not None else None
    return {"method": "own", "low": low, "high": high, "axis": kept, "block_size": None, "symmetric": None}
