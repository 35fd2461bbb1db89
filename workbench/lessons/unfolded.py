"""`before_folding`: a convolution and its BatchNormalization as they stand in the file, for a lesson."""

from dataclasses import dataclass

import numpy as np

from workbench.messages import WorkbenchError
from workbench.models.folding import read_batch_norm
from workbench.models.model import Model
from workbench.models.reader import read_network


@dataclass(frozen=True)
class BeforeFolding:
    """What a BatchNorm folds into a weight.

    weight: float32 (out, in, height, width). gamma, beta, mean, variance: float64 (out,). epsilon: under the root.
    """

    weight: np.ndarray
    gamma: np.ndarray
    beta: np.ndarray
    mean: np.ndarray
    variance: np.ndarray
    epsilon: float


def before_folding(model: Model, layer: str) -> BeforeFolding:
    """Weight and BatchNorm parameters of a layer, read from the model's file once more.

    layer: its name, as in `model.layers`. Raises WorkbenchError for an unknown one and one without a BatchNorm.
    """
    weights = {each.name: each.weight for each in model.layers if each.weight is not None}
    if layer not in weights:
        raise WorkbenchError(f"{model.name} has no layer {layer!r} with a weight; it has {', '.join(weights)}")
    network, _ = read_network(model.path)
    operator = next(node for node in network.nodes if weights[layer] in node.input)
    for node in network.nodes:
        norm = read_batch_norm(node, network) if operator.output[0] in node.input else None
        if norm is not None:
            weight = network.constants[operator.input[1]]
            return BeforeFolding(weight, norm.scale, norm.shift, norm.mean, norm.variance, norm.epsilon)
    raise WorkbenchError(f"no BatchNormalization follows {layer!r}; expected a layer such as 'stem.conv'")
