"""The self-check of files that hold ranges exactly: read back, every quantizer and every code of a weight the same."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from workbench.messages import Notice, WorkbenchError
from workbench.workflow.choose import weight_names
from workbench.workflow.export.target import Order, SelfCheck
from workbench.workflow.ranges.importing import choice_of
from workbench.workflow.ranges.ranges import RangeFile

NOT_RUN = "The file holds ranges and no network, so that nothing was run; every range was read back and compared."


def check_read_back(
    order: Order, path: Path, read: Callable[[Path], RangeFile], *, weights: bool = True, notice: str = NOT_RUN
) -> SelfCheck:
    """Whether a file says of every tensor what the recipe says: format, scales, zero points, and codes of weights.

    weights: whether the file holds weights. Raises WorkbenchError naming the tensor where anything differs.
    """
    found, of_weights = read(path), set(weight_names(order.model))
    for name, choice in order.recipe.items():
        if name in of_weights and not weights:
            continue
        called = order.name(name)
        if called not in found.tensors:
            raise WorkbenchError(f"the written file says nothing of {called!r}, nothing was kept")
        back = choice_of(order.model, name, found.tensors[called])
        if back.quantizer != choice.quantizer or back.dynamic != choice.dynamic:
            raise WorkbenchError(f"the written file gives {called!r} another scale or zero point, nothing was kept")
        if name in of_weights:
            values = order.model.tensors[name].array()
            again, before = (one.quantizer.fake_quantize(values) for one in (back, choice))
            if not np.array_equal(again, before, equal_nan=True):  # beyond the range some formats have NaN
                raise WorkbenchError(f"the written file gives {called!r} other codes, nothing was kept")
    return SelfCheck(notices=(Notice("check", notice),))
