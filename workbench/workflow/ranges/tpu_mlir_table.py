"""Reader `tpu_mlir_table`: the calibration table of TPU-MLIR, `name threshold min max` a line, comments behind #.

The tool quantizes symmetrically by the threshold (threshold / 127) unless it is told otherwise, and by min and max with
255 steps where it is told --asymmetric. Its own tables keep the observed ends in min and max, so that the threshold is
what counts there; ours say in their first lines that min and max are the range of the codes.
Source: TPU-MLIR, developer manual, calibration table of run_calibration and options of model_deploy.
"""

import math
from pathlib import Path

from workbench.messages import Notice, WorkbenchError
from workbench.workflow.ranges.ranges import RangeFile, Reader, TensorRange

HEADING = "# op_name    threshold    min    max"
FULL_RANGE = "# min and max are the range of the codes"
_SECTION = "#int4_th"


def read(path: Path) -> RangeFile:
    """int8 ranges of activations. Raises WorkbenchError naming the line that is none, or a name's two."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        raise WorkbenchError("it is no UTF-8 text") from None
    ours = FULL_RANGE in lines
    tensors: dict[str, TensorRange] = {}
    format, n_other = "int8", 0
    line_of: dict[tuple[str, str], int] = {}  # a name may be in both sections, the one of int4 is taken
    for number, line in enumerate(lines, 1):
        if line.startswith("#"):
            format = "int4" if line.startswith(_SECTION) else "other" if line.startswith("#weight_scale") else format
        elif line.strip() and format == "other":
            n_other += 1
        elif line.strip():
            name, threshold, low, high = _fields(number, line)
            before = line_of.setdefault((format, name), number)
            if before != number:
                raise WorkbenchError(f"lines {before} and {number}: {name!r:.80} is there twice; one is wrong")
            symmetric = not ours
            bounds = (-threshold, threshold) if symmetric else (low, high)
            tensors[name] = TensorRange(name, format, *bounds, symmetric, is_weight=False)
    notices = []
    if not ours:
        words = "was read as symmetric, by its thresholds, as the tool does by default; min and max were passed over."
        notices.append(Notice("ranges", f"{path.name} {words}"))
    if n_other:
        notices.append(Notice("ranges", f"{path.name}: scales of {n_other} weights were passed over."))
    return RangeFile("tpu_mlir_table", path, tensors, notices=tuple(notices))


def _fields(number: int, line: str) -> tuple[str, float, float, float]:
    words = line.split()
    if len(words) != 4:
        raise WorkbenchError(f"line {number}: {line!r:.80} has {len(words)} fields; expected name threshold min max")
    try:
        threshold, low, high = map(float, words[1:])
    except ValueError:
        raise WorkbenchError(f"line {number}: {line!r:.80}: threshold, min and max are numbers") from None
    if not all(map(math.isfinite, (threshold, low, high))) or threshold <= 0 or low > high:
        raise WorkbenchError(f"line {number}: {line!r:.80}: expected a threshold above 0, and min below max")
    return words[0], threshold, low, high


TPU_MLIR_TABLE = Reader(
    name="tpu_mlir_table",
    title="TPU-MLIR calibration table",
    suffixes=(".cali_table", "_cali_table"),
    recognizes=lambda head, path: b"op_name" in head and b"threshold" in head and b"\n" in head and head[:1] == b"#",
    read=read,
)
