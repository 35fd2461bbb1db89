"""A network at a newer opset than it was loaded with, for files whose formats need it."""

from dataclasses import replace
from pathlib import Path

from onnx import ModelProto, helper

from workbench.messages import WorkbenchError
from workbench.models import upgrading
from workbench.models.network import Network
from workbench.models.taking import take_back


def proto_at(network: Network, opset: int, path: Path) -> ModelProto:
    """The graph as a fresh message at `opset` or newer; `network` stays as it is.

    Raises WorkbenchError where the converter cannot raise it.
    """
    if network.opset >= opset:
        return network.proto()
    try:
        message = upgrading.upgraded(network.proto(light=True), target=opset)
    except upgrading.UpgradeFailed as failure:
        raise WorkbenchError(
            f"{path.name}: opset {network.opset} could not be raised to {opset}, which the chosen formats need: "
            f"{failure}; choose 8-bit formats per tensor or per channel, or export the network at that opset"
        ) from None
    raised = replace(network, nodes=[], types={}, notices=[], renamed={}, lifted=set(network.lifted))
    take_back(raised, message, path)
    needed = helper.find_min_ir_version_for(list(raised.header.opset_import), ignore_unknown=True)
    raised.header.ir_version = max(raised.header.ir_version, needed)
    return raised.proto()
