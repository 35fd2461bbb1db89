"""Removes what does nothing at inference, gives every node a name, and remarks on what is unusual."""

from collections.abc import Collection

import numpy as np
from onnx import NodeProto

from workbench.models.network import Network, last_name
from workbench.models.protos import DEFAULT_DOMAINS, is_operator, names_read, unused_name
from workbench.models.refusal import shown

QUANTIZED = ("QuantizeLinear", "DequantizeLinear", "QLinearConv", "QLinearMatMul", "ConvInteger", "MatMulInteger")


def name_nodes(network: Network) -> None:
    """Give unnamed nodes a name, and the second of two equal names a number, in place."""
    wanted = {node.name for node in network.nodes}
    taken: set[str] = set()
    for position, node in enumerate(network.nodes):
        if not node.name or node.name in taken:
            node.name = unused_name(node.name or f"{node.op_type}_{position}", wanted)
            wanted.add(node.name)
        taken.add(node.name)


def remove_pass_through(network: Network) -> None:
    """Remove Identity, and Dropout as inference sees it; readers then read the value before it, in place.

    Where its output is a graph output the producer takes over that name; where that is no node's, the node stays.
    """
    survivor: dict[str, str] = {}
    given = {*network.input_names, *network.constants}
    outputs = set(network.output_names)
    read = outputs.union(*map(names_read, network.nodes))
    kept: list[NodeProto] = []
    for node in network.nodes:
        if not passes_through(node, network, read):
            kept.append(node)
            continue
        source, target = last_name(node.input[0], survivor), node.output[0]
        if target not in outputs:
            survivor[target] = source
        elif source not in given and source not in outputs:
            survivor[source] = target
        else:
            kept.append(node)
    network.nodes = kept
    for node in kept:
        for position, name in enumerate(node.output):
            node.output[position] = last_name(name, survivor)
    network.rename(survivor)


def passes_through(node: NodeProto, network: Network, read: Collection[str]) -> bool:
    """True for an Identity, and for a Dropout that drops nothing and whose mask nobody reads."""
    if not node.input or not node.input[0] or not node.output or not node.output[0]:
        return False
    if is_operator(node, "Identity"):
        return True
    if not is_operator(node, "Dropout") or any(name in read for name in node.output[1:] if name):
        return False
    if len(node.input) < 3 or not node.input[2]:
        return True
    training = network.constants.get(node.input[2])
    return training is not None and not np.any(training)


def remark(network: Network) -> None:
    """Notices on weights and operators that a person may not expect."""
    arrays = network.float_constants()
    stored: dict[str, list[str]] = {}
    for name, array in arrays.items():
        if array.dtype != np.float32 and array.ndim:
            stored.setdefault(array.dtype.name, []).append(name)
    for kind, names in stored.items():
        network.note(
            "type",
            f"{len(names)} tensors are stored as {kind} (first: {shown(names[0])}); they stay as they are and are "
            "shown as float32",
        )
    for name, array in arrays.items():
        note_strange_values(network, name, array)
    operators = network.operators()
    quantized = [name for name in QUANTIZED if name in operators]
    if quantized:
        network.note(
            "operators",
            f"the network is already quantized in places ({', '.join(quantized)}); those parts are kept",
        )
    own = sorted({node.domain for node in network.nodes if node.domain not in DEFAULT_DOMAINS})
    if own:
        network.note(
            "operators",
            f"it uses operators of other domains ({', '.join(map(shown, own))}); it runs only where "
            "onnxruntime knows them",
        )


def note_strange_values(network: Network, name: str, array: np.ndarray) -> None:
    """A notice where a tensor holds NaN or infinity; infinities in a single constant (masks, bounds) are usual."""
    values = array.astype(np.float32) if array.dtype.name == "bfloat16" else array
    finite = np.isfinite(values)
    if finite.all():
        return
    n_nan = int(np.isnan(values).sum())
    n_infinite = int(values.size - finite.sum()) - n_nan
    if n_nan or array.size > 1:
        network.note(
            "weights",
            f"{shown(name)} holds {n_nan:,} NaN and {n_infinite:,} infinite values; they cannot be quantized",
        )
