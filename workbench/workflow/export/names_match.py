"""Which tensor of a model is which of another tool's network: by equal names, then by order, operator and shape."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from workbench.models.model import Layer, Model
from workbench.workflow.export.names_files import TheirLayer, TheirNetwork

_KIND = {"MatMul": "Gemm"}  # other tools have one operator for both


@dataclass
class Found:
    """What has been found so far. names, how: by tensor. candidates: tensor -> names that it could have."""

    names: dict[str, str] = field(default_factory=dict)
    how: dict[str, str] = field(default_factory=dict)
    candidates: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def take(self, tensor: str, name: str, how: str) -> None:
        """Keep a pair, unless one of the two is taken: then the tensor has candidates instead."""
        if tensor in self.names:
            if self.names[tensor] != name and self.how[tensor] != EQUAL:
                self.candidates[tensor] = (self.names[tensor], name)
        elif name in self.names.values():
            self.candidates[tensor] = (*self.candidates.get(tensor, ()), name)
        else:
            self.names[tensor], self.how[tensor] = name, how

    def without_doubts(self) -> "Found":
        """The same with tensors that could have more than one name taken out."""
        sure = {tensor: name for tensor, name in self.names.items() if tensor not in self.candidates}
        return Found(sure, {tensor: self.how[tensor] for tensor in sure}, self.candidates)


EQUAL, ORDER = "equal names", "order and shape"


def matched(model: Model, theirs: TheirNetwork, weights: Sequence[str], activations: Sequence[str]) -> Found:
    """Their names of weights, which are those of their layers, and of activations."""
    found = Found()
    there = {name for layer in theirs.layers for name in (*layer.inputs, *layer.outputs)}
    known_as = _with_former_names(model, activations)
    for tensor, names in known_as.items():
        equal = next((name for name in names if name in there), None)
        if equal is not None:
            found.take(tensor, equal, EQUAL)
    pairs = _layers(model, theirs)
    for ours, other, how in pairs:
        if ours.weight is not None and ours.weight in weights:
            found.take(ours.weight, other.name, how)
        _take_inputs(model, found, ours, other, activations)
    _suggest(model, found, theirs, pairs, (*weights, *activations))
    return found.without_doubts()


def _with_former_names(model: Model, tensors: Iterable[str]) -> dict[str, list[str]]:
    """Tensor -> its name and the names that it took the place of."""
    former = defaultdict(list)
    for old, new in model.renamed.items():
        former[new].append(old)
    return {tensor: [tensor, *former[tensor]] for tensor in tensors}


def _layers(model: Model, theirs: TheirNetwork) -> list[tuple[Layer, TheirLayer, str]]:
    """Layers that belong together: those of equal names first, then what lies between two of those."""
    others = [layer for layer in theirs.layers if layer.kind]
    places: dict[str, int] = {}
    for place, fused in enumerate(others):
        for name in fused.name.split(" + "):
            places.setdefault(name, place)
    pairs, ours, start = [], list(model.layers), (0, 0)
    for place, layer in enumerate(ours):
        other = next((places[name] for name in _names_of(layer) if name in places), None)
        if other is None or other < start[1]:
            continue
        pairs += _between(model, ours[start[0] : place], others[start[1] : other])
        pairs.append((layer, others[other], EQUAL))
        start = (place + 1, other + 1)
    return pairs + _between(model, ours[start[0] :], others[start[1] :])


def _names_of(layer: Layer) -> tuple[str, ...]:
    return tuple(name for name in (layer.node.name, layer.name) if name)


def _between(model: Model, ours: Sequence[Layer], others: Sequence[TheirLayer]) -> list[tuple[Layer, TheirLayer, str]]:
    """Pairs in order where both have the same operators with the same sizes, else those that only one can be."""
    if len(ours) == len(others) and all(_alike(model, a, b) for a, b in zip(ours, others, strict=True)):
        return [(a, b, ORDER) for a, b in zip(ours, others, strict=True)]
    pairs = []
    for layer in ours:
        like = [other for other in others if _alike(model, layer, other)]
        if len(like) == 1 and sum(_alike(model, each, like[0]) for each in ours) == 1:
            pairs.append((layer, like[0], ORDER))
    return pairs


def _alike(model: Model, ours: Layer, other: TheirLayer) -> bool:
    if _KIND.get(ours.op_type, ours.op_type) != other.kind:
        return False
    if ours.weight is None:
        return True
    shape = model.tensors[ours.weight].shape or ()
    n_weights = int(np.prod([size for size in shape if isinstance(size, int)]))
    n_outputs = None if ours.weight_axis is None or ours.op_type == "ConvTranspose" else shape[ours.weight_axis]
    sizes = ((n_weights, other.n_weights), (n_outputs, other.n_outputs))
    return all(one is None or two is None or one == two for one, two in sizes)


def _take_inputs(model: Model, found: Found, ours: Layer, other: TheirLayer, activations: Sequence[str]) -> None:
    """What two layers read is the same; of two inputs of a sum, where one is known the other is left."""
    names = list(other.inputs)
    tensors = [tensor for tensor in ours.inputs if tensor in activations]
    if ours.weight is None:
        known = [tensor for tensor in tensors if found.names.get(tensor) in names]
        tensors = [tensor for tensor in tensors if tensor not in known]
        names = [name for name in names if name not in map(found.names.get, known)]
        if len(tensors) != 1 or len(names) != 1:
            return
    for tensor, name in zip(tensors, names[:1], strict=False):
        if _same_shape(model.tensors[tensor].shape, other.shapes.get(name)):
            found.take(tensor, name, ORDER)


def _same_shape(ours: Sequence[int | str | None] | None, theirs: Sequence[int] | None) -> bool:
    """Dimensions after the batch, as far as both are known."""
    if ours is None or theirs is None:
        return True
    pairs = zip(ours[1:], theirs[1:], strict=False)
    return len(ours) == len(theirs) and all(a == b for a, b in pairs if isinstance(a, int) and b > 0)


def _suggest(
    model: Model,
    found: Found,
    theirs: TheirNetwork,
    pairs: Sequence[tuple[Layer, TheirLayer, str]],
    tensors: Sequence[str],
) -> None:
    """What the layers that were not paired could be: theirs of the same operator and sizes that are still free."""
    paired = {id(layer) for pair in pairs for layer in pair[:2]}
    free = [layer for layer in theirs.layers if layer.kind and id(layer) not in paired]
    for layer in model.layers:
        like = [other for other in free if _alike(model, layer, other)] if id(layer) not in paired else []
        could_be = {tensor: [name for other in like for name in other.inputs] for tensor in layer.inputs}
        if layer.weight is not None:
            could_be[layer.weight] = [other.name for other in like]
        for tensor, names in could_be.items():
            if names and tensor in tensors and tensor not in found.names:
                found.candidates[tensor] = tuple(dict.fromkeys((*found.candidates.get(tensor, ()), *names)))
