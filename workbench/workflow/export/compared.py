"""`compared`: the quantized network against the float one for an order, run once however often it is asked."""

from weakref import WeakKeyDictionary

from workbench.messages import WorkbenchError
from workbench.workflow.comparison import Comparison
from workbench.workflow.export.target import Order
from workbench.workflow.simulate import Simulator

COMPARISON = "a Comparison of this recipe that was measured already; the network is not run again"
_DONE: WeakKeyDictionary[Order, Comparison] = WeakKeyDictionary()


def compared(order: Order) -> Comparison | None:
    """Outputs and observed tensors on the order's data; its option `comparison` where given; None without data.

    Raises WorkbenchError where labels do not fit the data, and where the option is no Comparison.
    """
    given = order.options.get("comparison")
    if given is not None:
        if not isinstance(given, Comparison):
            raise WorkbenchError(f"option comparison is a {type(given).__name__}; expected what wb.simulate returns")
        return given
    if order.batches is None:
        return None
    if order not in _DONE:
        simulator = Simulator(order.model, order.batches, order.labels, cache_bytes=0)
        _DONE[order] = simulator.compare(order.recipe)
    return _DONE[order]
