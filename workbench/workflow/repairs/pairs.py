"""`find_pairs`: layers with nothing but scaled channels between them, and for the others why not.

A factor s > 0 on a channel passes through f where f(s x) = s f(x): Relu, LeakyRelu, PRelu, the largest and the mean of
a window (zeros or nothing at all stand at the border). A Clip at 6 does not let it through, one at 0 alone does, see
`clips`.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from onnx import NodeProto

from workbench.models.model import Layer, Model
from workbench.models.neighbours import LayerGraph
from workbench.models.network import Network
from workbench.models.protos import attribute, is_operator
from workbench.workflow.repairs.clips import passes
from workbench.workflow.repairs.kernel import SCALED, Kernel, kernel_of

PASSING = ("Relu", "LeakyRelu", "PRelu", "MaxPool", "AveragePool", "GlobalMaxPool", "GlobalAveragePool")


@dataclass(frozen=True)
class Pair:
    """Two layers of which the second alone reads what the first computes. Names of layers, and their kernels.

    clips: outputs of the Clips between them, which have to become Relus.
    """

    first: str
    second: str
    before: Kernel
    after: Kernel
    clips: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Following:
    """The next layer's operator. flattened: behind a Flatten. clips: as in `Pair`."""

    node: NodeProto
    flattened: bool
    clips: tuple[str, ...]


@dataclass(frozen=True)
class LeftOut:
    """A layer that is not equalized with what follows it. reason: words after "because"."""

    layer: str
    reason: str


def find_pairs(model: Model, like_relu: Collection[str] | None = None) -> tuple[tuple[Pair, ...], tuple[LeftOut, ...]]:
    """Every Conv, ConvTranspose and Gemm that another layer follows is in one of both, in graph order.

    like_relu: outputs of Clips that let a factor through, as data have shown; None: nobody has looked.
    """
    network = model.network
    readers, names = network.readers(), {layer.output: layer.name for layer in model.layers}
    pairs: list[Pair] = []
    left_out: list[LeftOut] = []
    follows = LayerGraph.of(model).after
    for place, layer in enumerate(model.layers):
        if is_operator(layer.node, *SCALED) and follows[place]:
            following = _following(layer.output, network, readers, like_relu)
            found = following if isinstance(following, str) else _pair(layer, following, network, readers, names)
            if isinstance(found, Pair):
                pairs.append(found)
            else:
                left_out.append(LeftOut(layer.name, found))
    return tuple(pairs), tuple(left_out)


def _pair(
    layer: Layer,
    following: _Following,
    network: Network,
    readers: Mapping[str, Sequence[int]],
    names: Mapping[str, str],
) -> Pair | str:
    """The pair that begins with a layer, or why there is none. names: output of a layer -> its name."""
    node = following.node
    before, after = (kernel_of(each, network, readers) for each in (layer.node, node))
    if isinstance(before, str):
        return f"its weight {before}"
    if isinstance(after, str):
        return f"the weight of the layer behind it {after}"
    if attribute(layer.node, "transA", 0) or attribute(node, "transA", 0):
        return "a Gemm reads its data transposed"
    n_taken = before.n_outputs
    if after.n_inputs % n_taken or after.n_inputs != n_taken and not following.flattened:
        return "the layer behind it counts its channels otherwise"
    refused = _unfit_bias(before, network, readers)
    return refused or Pair(layer.name, names.get(node.output[0], node.name), before, after, following.clips)


def _following(
    name: str, network: Network, readers: Mapping[str, Sequence[int]], like_relu: Collection[str] | None
) -> _Following | str:
    """The operator that alone reads a value, through those that let a factor through; or why there is none."""
    flattened = False
    clips: list[str] = []
    while True:
        if name in network.output_names:
            return "what it computes is an output of the network"
        if len(readers.get(name, ())) != 1:
            return "several operators read what it computes"
        node = network.nodes[readers[name][0]]
        data = bool(node.input) and node.input[0] == name
        if data and is_operator(node, *SCALED):
            return _Following(node, flattened, tuple(clips))
        flat = is_operator(node, "Flatten") and attribute(node, "axis", 1) == 1
        clip = node.output[0] in (like_relu or ())
        through = is_operator(node, *PASSING) or is_operator(node, "Clip") and passes(node, network)
        if not data or not (flat or clip or through):
            return _blocked_by(node, looked=like_relu is not None)
        name, flattened = node.output[0], flattened or flat
        if clip:
            clips.append(name)


def _blocked_by(node: NodeProto, *, looked: bool) -> str:
    """Why an operator lets no factor through. looked: whether Clips were looked at on data."""
    if is_operator(node, "Clip") and looked:
        words = "values come to the limit of a Clip that follows or are NaN, or it does not begin at 0"
        return f"{words}, or a limit is no stored number"
    if is_operator(node, "Clip"):
        return "a Clip follows, whose limits would have to move with each channel (see clip_as_relu)"
    return f"{node.op_type} follows, which lets no factor of a channel through"


def _unfit_bias(kernel: Kernel, network: Network, readers: Mapping[str, Sequence[int]]) -> str:
    """Why a bias cannot be scaled with its weight; "" where it can, or there is none."""
    if kernel.bias is None:
        return ""
    values = network.constants.get(kernel.bias)
    if values is None:
        return "its bias is computed, not stored"
    if len(readers[kernel.bias]) > 1 or kernel.bias in network.output_names:
        return "its bias is read elsewhere, too"
    if values.dtype != np.float32 or values.size != kernel.n_outputs or values.shape[-1:] != (kernel.n_outputs,):
        return "its bias is not one float32 value a channel"
    if not np.isfinite(values).all():
        return "its bias has values that are no numbers"
    return ""
