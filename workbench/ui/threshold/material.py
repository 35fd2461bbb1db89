"""`Material`: what takes long to make of a subject. The rest of what the plot shows is made of it in a millisecond."""

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from workbench.numerics.formats.floating import FloatingFormat
from workbench.numerics.formats.format import Format
from workbench.numerics.formats.integer import IntegerFormat
from workbench.numerics.formats.logarithmic import LogarithmicFormat
from workbench.numerics.statistics.distribution import Distribution
from workbench.ui.threshold.arrays import live_arrays, packed
from workbench.ui.threshold.curves import Curves, Parts, curves_of, no_pause
from workbench.ui.threshold.following import is_fine
from workbench.ui.threshold.groups import Groups
from workbench.ui.threshold.subject import Subject

Source = Distribution | Groups


@dataclass(frozen=True, eq=False)
class Material:
    """subject: what it was made of. source: its values. curves: figures against the threshold, None without one; parts:
    the pieces they were put together of. data: arrays for the browser one after the other, `arrays` says where.
    """

    subject: Subject
    kind: str
    source: Source
    curves: Curves | None = None
    parts: Parts = field(default_factory=dict)
    arrays: Mapping[str, list[Any]] = field(default_factory=dict)
    data: bytes = b""

    @property
    def n_bytes(self) -> int:
        """What keeping it costs, without a distribution, which its owner keeps."""
        curves = sum(part.n_bytes for part in self.parts.values()) + (0 if self.curves is None else self.curves.n_bytes)
        return len(self.data) + curves + (self.source.n_bytes if isinstance(self.source, Groups) else 0)


def material_of(subject: Subject, known: Material | None = None, *, pause: Callable[[], object] = no_pause) -> Material:
    """known: what was made before; all that still holds is taken from it, and it is returned itself where all does.

    pause() is called now and then on the way; what it raises ends the work.
    """
    same = known if known is not None and _alike(subject, known.subject) else None
    kind = kind_of(subject) if same is None else same.kind
    source = _source(subject, kind) if same is None else same.source
    if kind == "handles":
        curves, table, parts = curves_of(subject, source, {} if same is None else same.parts, pause)
    else:
        curves, table, parts = None, {}, {}
    if same is not None:
        unchanged = parts.keys() == same.parts.keys()
        return same if unchanged else Material(subject, kind, source, curves, parts, same.arrays, same.data)
    if kind not in ("handles", "levels"):
        return Material(subject, kind, source)
    pause()
    return Material(subject, kind, source, curves, parts, *packed(live_arrays(subject, source, table)))


def way_of(subject: Subject) -> str:
    """The same for two subjects of the same values where only the range differs."""
    q = subject.quantizer
    if q is None:
        return subject.quantity
    format = q.format
    how = f"{format.name} {format.rounding} {format.overflow} {levels_key(format)} {q.zero_band}"
    return f"{subject.quantity}|{how} {subject.mirrored} {subject.one_sided} {q.axis} {q.block_size}"


def kind_of(subject: Subject) -> str:
    """ "handles"; "own_range": the format has a range of its own (fp16, bf16, TF32); "levels": its levels are fixed
    (fitted codebooks); "float": nothing but the distribution is shown.
    """
    format = None if subject.quantizer is None else subject.quantizer.format
    if format is None or format.unit_levels() is None:
        return "float"
    if not format.has_scale and subject.values.count:
        if isinstance(format, FloatingFormat):
            return "own_range"
        return "float" if is_fine(format) else "levels"
    if subject.grouped:
        array = np.asarray(subject.array)
        return "handles" if np.abs(array[np.isfinite(array)]).max(initial=0.0) > 0 else "float"
    return "handles" if format.has_scale and subject.values.absmax > 0 else "float"


def levels_key(format: Format) -> int:
    """Tells codebooks of one name apart: fitted to different values, or registered anew."""
    if isinstance(format, IntegerFormat | FloatingFormat | LogarithmicFormat):
        return 0
    levels = format.unit_levels()
    return 0 if levels is None else zlib.crc32(levels.tobytes())


def _alike(a: Subject, b: Subject) -> bool:
    return way_of(a) == way_of(b) and same_values(a, b)


def same_values(a: Subject, b: Subject) -> bool:
    """Whether two subjects show the same numbers; arrays are compared, as they may have been read anew."""
    if a.distribution is not b.distribution and not (a.distribution == b.distribution):
        return False
    if same_memory(a.array, b.array) or a.array is None or b.array is None:
        return same_memory(a.array, b.array)
    return a.array.shape == b.array.shape and np.array_equal(a.array, b.array)


def same_memory(a: np.ndarray | None, b: np.ndarray | None) -> bool:
    """Whether two arrays are views of the very same numbers, or both are none."""
    if a is None or b is None:
        return a is b
    return a.__array_interface__ == b.__array_interface__


def _source(subject: Subject, kind: str) -> Source:
    if kind != "handles" or not subject.grouped:
        return subject.values
    assert subject.array is not None and subject.quantizer is not None
    return Groups.of(subject.array, subject.quantizer)
