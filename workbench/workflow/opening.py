"""`load`: the front door for files; gives models the statistics that the numerics wing knows."""

from pathlib import Path

from workbench.models.model import Model
from workbench.models.reader import load as read
from workbench.numerics.statistics.sorted_sums import SortedSums


def load(path: str | Path) -> Model:
    """An ONNX file as a `Model`, checked, upgraded to opset 13 where older, BatchNorm folded once.

    The file is never modified and nothing is written beside it. `model.notices` says what was changed.
    Raises WorkbenchError, naming file, tensor and field, for anything that is no sound ONNX model.
    """
    return read(path, distribution_of=SortedSums.of)
