"""Clips between two layers: which let a factor through, and which do where no value of the data comes to the limit.

A ReLU6 lets no factor of a channel through, a Relu does. That they are alike is seen on data, not proved.
Source: Nagel et al. 2019 (arXiv:1906.04721), who replace every ReLU6 for this reason, whatever the values are.
"""

import math
from collections.abc import Collection, Mapping

import numpy as np
from onnx import GraphProto, NodeProto

from workbench.messages import Notice
from workbench.models.model import Model
from workbench.models.network import Network
from workbench.models.protos import is_operator, names_read
from workbench.workflow.batches import Batches, Feeds, Outputs

ALL_OF_FLOAT32 = float(np.finfo(np.float32).max)  # a limit that exporters write for none


def ends(node: NodeProto, network: Network) -> tuple[float, float] | None:
    """Lower and upper limit of a Clip, infinite where nothing is cut; None where a limit is computed or NaN."""
    found = [-math.inf, math.inf]
    for place, name in enumerate(node.input[1:]):
        if not name:
            continue
        values = network.constants.get(name)
        if values is None or values.size != 1 or np.isnan(end := float(np.ravel(values)[0])):
            return None
        if abs(end) < ALL_OF_FLOAT32:
            found[place] = end
    return found[0], found[1]


def passes(node: NodeProto, network: Network) -> bool:
    """Whether a factor gets through a Clip whatever the values are: it cuts at 0 or not at all."""
    limits_of = ends(node, network)
    return limits_of is not None and all(end == 0 or math.isinf(end) for end in limits_of)


def limits(network: Network) -> dict[str, float]:
    """Output of each Clip from 0 up to a limit -> this limit."""
    found = {}
    for node in network.nodes:
        cut = ends(node, network) if is_operator(node, "Clip") else None
        if cut is not None and cut[0] == 0 < cut[1] < math.inf:
            found[node.output[0]] = cut[1]
    return found


def unreached(model: Model, batches: Batches) -> dict[str, float]:
    """Output of each Clip whose limit the data do not come to -> how near they come, as a share of it, below 1."""
    bounds = limits(model.network)
    largest = dict.fromkeys(bounds, 0.0)

    def look(name: str, values: np.ndarray) -> None:
        largest[name] = float(np.maximum(largest[name], values.max(initial=0.0)))  # NaN stays

    def run(feeds: Feeds) -> Outputs:
        return model.chain.run(feeds, keep=bounds, observe=look)

    for _ in batches.all_steps(run):
        pass
    return {name: share for name, high in bounds.items() if (share := largest[name] / high) < 1}


def become_relus(graph: GraphProto, outputs: Collection[str]) -> None:
    """Replace the Clips with these outputs; limits that nothing else reads are removed."""
    for node in graph.node:
        if node.output[0] in outputs:
            node.op_type = "Relu"
            del node.input[1:]
    read = {name for node in graph.node for name in names_read(node)}.union(port.name for port in graph.output)
    for position in reversed(range(len(graph.initializer))):
        if graph.initializer[position].name not in read:
            del graph.initializer[position]


def notice_of(shares: Mapping[str, float], n_samples: int) -> Notice:
    """What a person should know of Clips that are Relus now. shares: as `unreached` gives them."""
    sentence = (
        f"Relu in place of Clip: {len(shares)}. On the {n_samples} samples of the data no value came to the limit (the "
        f"nearest to {max(shares.values()):.0%} of it); values of other inputs that pass it are no longer cut."
    )
    return Notice("clip", sentence)
