"""Reader of TensorRT's calibration caches: one scale of int8 for each activation.

Source: NVIDIA TensorRT developer guide, INT8 calibration; the cache is what IInt8Calibrator.write_calibration_cache
gets: a line `TRT-<version>-<algorithm>`, then `tensor: hex`, the big-endian bits of a float32.
"""

import re
import struct
from pathlib import Path

from workbench.messages import Notice, WorkbenchError
from workbench.numerics.formats.catalogue import FORMATS
from workbench.workflow.ranges.covering import covering_range
from workbench.workflow.ranges.lines import checked_scale, numbered_lines
from workbench.workflow.ranges.ranges import RangeFile, Reader, TensorRange

HEADER = re.compile(r"TRT-\d+-\w*Calibration\w*")


def recognizes(head: bytes, path: Path) -> bool:
    """Whether the first line is that of a cache."""
    return HEADER.fullmatch(head.split(b"\n", 1)[0].rstrip(b"\r").decode("latin-1")) is not None


def read(path: Path) -> RangeFile:
    """Symmetric int8 ranges, +-127 scales; a scale of 0 (a dead tensor) is left out with a notice.

    Raises WorkbenchError naming the line for a wrong header, a line without name and 8 digits (or 0), a name that comes
    twice, and a scale that is NaN, infinite, subnormal or negative.
    """
    tensors: dict[str, TensorRange] = {}
    dead: list[str] = []
    for number, line in numbered_lines(path):
        if number == 1:
            if HEADER.fullmatch(line) is None:
                raise WorkbenchError(f"line 1 is {line!r:.60}; expected TRT-<version>-EntropyCalibration2 or the like")
        elif line:
            name, digits = _parts(number, line)
            if name in tensors or name in dead:
                raise WorkbenchError(f"line {number}: tensor {name!r} has a scale already; one of the two is wrong")
            scale = struct.unpack(">f", bytes.fromhex(digits))[0]
            if scale == 0:
                dead.append(name)
                continue
            low, high, symmetric = covering_range(
                FORMATS["int8"], checked_scale(scale, f"line {number}: scale of {name!r}")
            )
            tensors[name] = TensorRange(name, "int8", low, high, symmetric, is_weight=False)
    notices: tuple[Notice, ...] = ()
    if dead:
        shown = ", ".join(map(repr, dead[:4])) + (f" and {len(dead) - 4} more" if len(dead) > 4 else "")
        notices = (Notice("ranges", f"Left out: {shown}: the scale is 0, nothing but 0 was seen there."),)
    return RangeFile("tensorrt_cache", path, tensors, notices=notices)


def _parts(number: int, line: str) -> tuple[str, str]:
    name, separator, digits = line.rpartition(": ")
    if not separator or not name or re.fullmatch(r"0+|[0-9a-fA-F]{8}", digits) is None:
        raise WorkbenchError(f"line {number} is {line!r:.60}; expected a tensor, ': ' and 8 hexadecimal digits")
    return name, digits.rjust(8, "0")


TENSORRT_CACHE = Reader("tensorrt_cache", "TensorRT calibration cache", (".cache",), recognizes, read)
