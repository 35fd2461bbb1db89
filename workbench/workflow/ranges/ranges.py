"""`RangeFile`: what a file of ranges says, tensor by tensor, in the names and the numbers of the file."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from workbench.messages import Notice

Numbers = float | np.ndarray


@dataclass(frozen=True, eq=False)
class TensorRange:
    """What a file says of one tensor.

    name: as in the file. format: name in FORMATS. low, high: the range that the codes cover, floats, or float32
    (channels,) where each channel has its own, or (blocks,); a quantizer that covers it has exactly the file's scale
    and zero point. symmetric: of the quantizer; None: the rule of `Quantizer.covering`. axis: of the channels or
    blocks, None per tensor or where the file does not say: see `fitted`. Blocks come in the order of `Grouping.split`,
    without an axis in that of the tensor's axes. is_weight: None where the file does not say. others: further fields of
    `TensorChoice` that the file says (method, rounding, block_size, levels ...).
    """

    name: str
    format: str
    low: Numbers
    high: Numbers
    symmetric: bool | None = None
    axis: int | None = None
    is_weight: bool | None = None
    others: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class RangeFile:
    """kind: name in READERS. path: of the file. tensors: name in the file -> what it says, in the file's order.

    floats: names that the file keeps in float. notices: what was read and could not be kept. notes: name in the file
    -> a person's own words about that tensor. per_layer: the names are those of layers and stand for the layer's input
    or, see `weight_entry`, its weight. names: name in the file -> what a target's tool calls that tensor.
    """

    kind: str
    path: Path
    tensors: Mapping[str, TensorRange]
    floats: tuple[str, ...] = ()
    notices: tuple[Notice, ...] = ()
    notes: Mapping[str, str] = field(default_factory=dict)
    per_layer: bool = False
    names: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Reader:
    """name: the key in READERS. title: what menus show. suffixes: usual endings of such files.

    recognizes(head, path): whether a file looks like one; head: its first 64 KB. read(path): WorkbenchError naming
    line and field where it is none.
    """

    name: str
    title: str
    suffixes: tuple[str, ...]
    recognizes: Callable[[bytes, Path], bool]
    read: Callable[[Path], RangeFile]
