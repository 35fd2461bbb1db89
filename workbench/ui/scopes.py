""" "Apply to": which tensors a choice is meant for."""

from collections.abc import Iterable
from typing import Literal, get_args

from workbench.messages import WorkbenchError
from workbench.models.model import Layer, Model
from workbench.workflow.choose import weight_names
from workbench.workflow.recipe import Recipe

Word = Literal["tensor", "layer", "operator", "network"]
Scope = Word | tuple[str, ...]  # or the names of layers
PICKED = "picked"  # what panels call the layers that are picked in the list


def tensors_in_scope(
    model: Model, recipe: Recipe, name: str, layer: Layer | None, scope: Scope, *, same_kind: bool = False
) -> tuple[str, ...]:
    """Names of the tensors, in layer order.

    tensor: the one named. layer: the weight of `layer` and the activations it reads. operator: the same of all layers
    with its operator. names of layers: the same of these. network: all weights, the activations that weighted operators
    read, and whatever has an entry in the recipe already (inputs of residual Adds only then). same_kind: weights only
    for a weight, else activations only.
    Raises WorkbenchError for an unknown scope or layer.
    """
    if not isinstance(scope, str):
        names = [n for each in layers_named(model, scope) for n in quantizable(model, each)]
    elif scope not in get_args(Word):
        expected = f"{', '.join(get_args(Word))} or names of layers"
        raise WorkbenchError(f"unknown scope {scope!r}; expected one of {expected}")
    elif scope == "tensor" or layer is None:
        names = [name]
    elif scope == "network":
        wanted = {*weight_names(model), *model.observed, *recipe}
        names = [n for each in model.layers for n in quantizable(model, each) if n in wanted]
    else:
        layers = [layer] if scope == "layer" else [each for each in model.layers if each.op_type == layer.op_type]
        names = [n for each in layers for n in quantizable(model, each)]
    weights = set(weight_names(model))
    if same_kind:
        names = [n for n in names if (n in weights) == (name in weights)]
    return tuple(dict.fromkeys(names))


def layers_named(model: Model, names: Iterable[str]) -> tuple[Layer, ...]:
    """Layers by name, in model order. Raises WorkbenchError for a name that no layer has."""
    wanted = set(names)
    found = tuple(layer for layer in model.layers if layer.name in wanted)
    unknown = wanted - {layer.name for layer in found}
    if unknown:
        raise WorkbenchError(f"the model has no layer {min(unknown)!r}; model.layers lists their names")
    return found


def quantizable(model: Model, layer: Layer) -> tuple[str, ...]:
    """The weight of a layer and the activations it reads that can be observed."""
    weight = (layer.weight,) if layer.weight is not None else ()
    return (*weight, *dict.fromkeys(n for n in layer.inputs if n in model.observable))
