"""Reader of ncnn's int8 tables: for each layer the scales of its weight and of its input.

Source: ncnn, tools/quantize/ncnn2int8.cpp and the guide to quantized int8 inference: `<layer>_param_0` and one number
for each output channel, `<layer>` and one number for the input; a number is 127 / threshold, codes are -127 to 127.
Numbers are read by scanf's %f, an empty line ends the file, and names that begin with # match no layer.
"""

import math
import re
from pathlib import Path

import numpy as np

from workbench.messages import Notice, WorkbenchError
from workbench.numerics.formats.catalogue import FORMATS
from workbench.workflow.ranges.covering import covering_range
from workbench.workflow.ranges.lines import checked_scale, numbered_lines
from workbench.workflow.ranges.ranges import RangeFile, Reader, TensorRange

FORMAT = "int8_narrow"
_WEIGHT = "_param_0"
_ENTRY = re.compile(rb"^#?\S+_param_\d+ +[-+.0-9infa]", re.MULTILINE)
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?|[-+]?inf|[-+]?nan", re.IGNORECASE)


def recognizes(head: bytes, path: Path) -> bool:
    """Whether there is an entry of a weight."""
    return b"\0" not in head and _ENTRY.search(head) is not None


def read(path: Path) -> RangeFile:
    """Symmetric ranges of the codes -127 to 127, by the names of the table; layers kept in float by their # are floats.

    Raises WorkbenchError naming the line for a name without numbers, a name that comes twice, several numbers for an
    input, and a number that is no positive one. 0 is what %f writes for thresholds above 127 / 5e-7: such an entry is
    left out with a notice.
    """
    tensors: dict[str, TensorRange] = {}
    floats: list[str] = []
    notices: list[Notice] = []
    seen: set[str] = set()
    for number, line in numbered_lines(path):
        name, *words = [word for word in line.split(" ") if word] or [""]
        if not name:
            break
        if not words:
            raise WorkbenchError(f"line {number}: {name!r:.60} has no number; expected one for an input or more")
        if name in seen:
            raise WorkbenchError(f"line {number}: {name!r:.60} was there before; one of the two is wrong")
        seen.add(name)
        values = [_number(word, number, name) for word in words]
        if name.startswith("#"):
            floats.append(name[1:])
        elif 0.0 in values:
            notices.append(
                Notice("ranges", f"Left out: {name!r}: a scale is 0, too small for the digits it was given.")
            )
        else:
            tensors[name] = _range(name, values, number)
    return RangeFile("ncnn_table", path, tensors, tuple(floats), tuple(notices), per_layer=True)


def _number(word: str, line: int, name: str) -> float:
    if _NUMBER.fullmatch(word) is None:
        raise WorkbenchError(f"line {line}: {word!r:.30} of {name!r:.60} is no number")
    value = float(word)
    if not (0 <= value < math.inf):
        raise WorkbenchError(f"line {line}: {word!r:.30} of {name!r:.60} is no scale; expected a positive number")
    return value


def _range(name: str, values: list[float], line: int) -> TensorRange:
    scales = [checked_scale(1 / value, f"line {line}: the step of {name!r:.60}") for value in values]
    is_weight = name.endswith(_WEIGHT)
    if not is_weight and len(scales) > 1:
        raise WorkbenchError(f"line {line}: the input of {name!r:.60} has {len(scales)} numbers; expected one")
    low, high, symmetric = covering_range(FORMATS[FORMAT], np.array(scales, np.float32) if is_weight else scales[0])
    return TensorRange(name, FORMAT, low, high, symmetric, is_weight=is_weight)


NCNN_TABLE = Reader("ncnn_table", "ncnn int8 table", (".table",), recognizes, read)
