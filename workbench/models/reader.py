"""load: a file on disk becomes a Model; guard, read, normalise, fold."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from onnx import ModelProto, helper, inliner

from workbench.models import cleaning, constants, folding, guard, shapes, upgrading
from workbench.models.building import build_model
from workbench.models.counting import count_parameters
from workbench.models.external import data_files
from workbench.models.model import Model
from workbench.models.network import Network
from workbench.models.refusal import refusal, shown
from workbench.models.taking import normalise_domains, take_apart, take_back

OLDEST_IR, NEWEST_IR = 8, 10  # constants that are no inputs; what every onnxruntime in use can read


def load(
    path: str | Path,
    *,
    distribution_of: Callable[[np.ndarray], Any] | None = None,
    prepare: Callable[[Network], None] | None = None,
) -> Model:
    """Read an ONNX file into a Model: checked, opset 13 or newer, functions inlined, BatchNorm folded.

    distribution_of: what `Tensor.distribution` makes of one group of values, float32 array -> distribution.
    prepare: changes the network in place before anything is counted and folded; None leaves it as it is in the file.
    The file is read once and never written; nothing is left beside it.
    Raises WorkbenchError, naming file and field, for everything that cannot be loaded.
    """
    network, digest = read_network(path)
    place = Path(path)
    if prepare is not None:
        prepare(network)
    n_parameters = count_parameters(network)
    batch_norms = folding.fold(network)
    network.types = shapes.infer(network)
    shapes.complete_outputs(network)
    return build_model(
        network,
        path=place,
        sha256=digest,
        n_parameters=n_parameters,
        batch_norms=batch_norms,
        distribution_of=distribution_of,
    )


def read_network(path: str | Path) -> tuple[Network, str]:
    """The checked, normalised graph of a file, not yet folded, and the file's SHA-256. Raises WorkbenchError."""
    content = guard.read_file(path)
    place = Path(path)
    message = guard.parse(content, place)
    digest = hashlib.sha256(content).hexdigest()
    del content
    guard.check_model(message, place)
    lies_in = data_files(message, place)
    network = normalised(message, place)
    network.data_files = lies_in
    return network, digest


def normalised(message: ModelProto, path: Path) -> Network:
    """The graph in the one form that the rest of the package knows. Raises WorkbenchError."""
    normalise_domains(message)
    network = take_apart(message, path)
    settle_ir_version(network)
    inline_functions(network, path)
    cleaning.name_nodes(network)
    guard.check_operators(network.proto(light=True), path)
    upgrade(network, path)
    cleaning.remove_pass_through(network)
    constants.fold_weight_paths(network)
    network.drop_dead()
    cleaning.name_nodes(network)
    settle_ir_version(network)
    cleaning.remark(network)
    return network


def inline_functions(network: Network, path: Path) -> None:
    """Replace calls of local functions by the functions' nodes, in place. Raises WorkbenchError."""
    if not network.header.functions:
        return
    try:
        message = inliner.inline_local_functions(network.proto(light=True))
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        step = "export it without local functions"
        raise refusal(path, f"its local functions cannot be inlined ({reason})", "valid functions", step) from None
    take_back(network, message, path)
    for function in network.header.functions:
        network.note(
            "function",
            f"the local function {shown(function.name)} could not be inlined and is treated as one operator",
        )


def upgrade(network: Network, path: Path) -> None:
    """Raise an old opset to 13; where that fails the old one stays, with a notice."""
    old = network.opset
    if old >= upgrading.TARGET:
        return
    network.types = shapes.infer(network)  # the converter writes simpler graphs where it knows the ranks
    try:
        message = upgrading.upgraded(network.proto(light=True))
    except upgrading.UpgradeFailed as failure:
        network.note(
            "opset",
            f"opset {old} could not be raised to {upgrading.TARGET}: {failure}; the network is used as it "
            "is, per-channel quantization cannot be exported",
        )
        return
    network.types = {}
    take_back(network, message, path)
    network.note("opset", f"opset {old} was raised to {upgrading.TARGET}")


def settle_ir_version(network: Network) -> None:
    """An IR version that allows constants which are no inputs, fits the opset, and is no newer than need be."""
    header = network.header
    needed = helper.find_min_ir_version_for(list(header.opset_import), ignore_unknown=True)
    header.ir_version = max(min(header.ir_version, NEWEST_IR), OLDEST_IR, needed)
