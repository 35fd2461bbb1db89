"""What files that name layers instead of tensors call the weight and the input of a layer."""

from collections.abc import Mapping

from workbench.models.model import Layer, Model


def layer_name(layer: Layer, names: Mapping[str, str]) -> str:
    """Name of a weighted layer in a file: that given to its weight, else its node's, else its output's.

    names: tensor -> its name in the file. Converters keep the name of a node; where it has none they take the output's.
    """
    return names.get(layer.weight or "") or layer.node.name or layer.output


def weight_entry(layer: str) -> str:
    """The entry of a layer's weight, in the words of ncnn's tables."""
    return f"{layer}_param_0"


def tensors_of_layers(model: Model, names: Mapping[str, str]) -> dict[str, str]:
    """Entry of a file -> tensor of the model, for the weights and the inputs of all weighted layers."""
    found = {}
    for layer in model.layers:
        if layer.weight is not None:
            called = layer_name(layer, names)
            found[weight_entry(called)] = layer.weight
            if layer.inputs:
                found[called] = layer.inputs[0]
    return found
