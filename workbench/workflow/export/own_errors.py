"""`own_errors`: what quantization does to each tensor of an order by itself, not counting what reaches it."""

from workbench.numerics.errors.error import QuantizationError
from workbench.numerics.errors.expected import expected_error
from workbench.numerics.errors.measured import measured_error
from workbench.numerics.statistics.distribution import Distribution
from workbench.workflow.choose import weight_names
from workbench.workflow.export.target import Order


def distribution_of(order: Order, tensor: str) -> Distribution | None:
    """The values of a weight, or of an activation where calibration has seen some; None otherwise."""
    if tensor in set(weight_names(order.model)):
        found: Distribution = order.model.tensors[tensor].distribution()
    elif order.calibration is not None and tensor in order.calibration:
        found = order.calibration[tensor]
    else:
        return None
    return found if found.count else None


def own_errors(order: Order) -> dict[str, QuantizationError]:
    """Tensor -> its own error, for those of the recipe whose values are known; dynamic ranges as if they were fixed."""
    weights, found = set(weight_names(order.model)), {}
    for name, choice in order.recipe.items():
        distribution = distribution_of(order, name)
        if distribution is None:
            continue
        if name in weights:
            found[name] = measured_error(order.model.tensors[name].array(), choice.quantizer, divergence=False)
        elif choice.variation.block_size is None:  # blocks are scaled by values that no distribution has in order
            found[name] = expected_error(distribution, choice.quantizer)
    return found
