"""Raises the default opset, in a child process; 13 is the first that per-channel quantization can use."""

import subprocess
import sys
from pathlib import Path

import numpy as np
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from onnx import ModelProto, NodeProto, TensorProto, numpy_helper

from workbench.models.protos import DEFAULT_DOMAINS
from workbench.models.refusal import shown

TARGET = 13
SECONDS = 60.0
CHILD = Path(__file__).with_name("upgrading_child.py")


class UpgradeFailed(Exception):
    """The converter refused, crashed or took too long; the text says which."""


def upgraded(model: ModelProto, *, target: int = TARGET, seconds: float = SECONDS) -> ModelProto:
    """The same network at opset `target`; value names, initializers and node names are kept.

    model: a message without large weights, with inputs in their place. The converter can crash its process, so
    it runs in a child. Raises UpgradeFailed.
    """
    result = ModelProto()
    try:
        result.ParseFromString(converted(model.SerializeToString(), target, seconds))
    except DecodeError:
        raise UpgradeFailed("the converter's answer could not be read") from None
    compare(model, result, target)
    restore_metadata(model, result)
    return result


def converted(content: bytes, target: int, seconds: float) -> bytes:
    """The child's answer. Raises UpgradeFailed."""
    command = [sys.executable, "-P", str(CHILD), str(target)]
    try:
        child = subprocess.run(command, input=content, capture_output=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        raise UpgradeFailed(f"the converter did not finish within {seconds:g} s") from None
    except OSError as error:
        raise UpgradeFailed(f"the converter could not be started ({error.strerror})") from None
    if child.returncode < 0:
        raise UpgradeFailed(f"the converter crashed (signal {-child.returncode})")
    if child.returncode:
        lines = [line.strip() for line in child.stderr.decode("utf-8", "replace").splitlines() if line.strip()]
        raise UpgradeFailed(f"the converter refused it ({lines[-1][:300] if lines else 'no reason given'})")
    return child.stdout


def compare(before: ModelProto, after: ModelProto, target: int = TARGET) -> None:
    """The target is reached and every value, input, output and initializer survived. Raises UpgradeFailed."""
    if not any(entry.domain in DEFAULT_DOMAINS and entry.version == target for entry in after.opset_import):
        raise UpgradeFailed(f"the converter did not reach opset {target}")
    old = {name for node in before.graph.node for name in node.output if name}
    new = {name for node in after.graph.node for name in node.output if name}
    for lost in sorted(old - new):
        raise UpgradeFailed(f"the converter lost the value {shown(lost)}")
    for field in ("input", "output"):
        if [entry.name for entry in getattr(before.graph, field)] != [
            entry.name for entry in getattr(after.graph, field)
        ]:
            raise UpgradeFailed(f"the converter changed the names in graph.{field}")
    kept = {tensor.name: tensor for tensor in after.graph.initializer}
    for tensor in before.graph.initializer:
        if tensor.name not in kept or not same_values(tensor, kept[tensor.name]):
            raise UpgradeFailed(f"the converter changed the initializer {shown(tensor.name)}")


def same_values(one: TensorProto, other: TensorProto) -> bool:
    """True where two tensors hold the same bits."""
    first, second = numpy_helper.to_array(one), numpy_helper.to_array(other)
    if first.dtype != second.dtype or first.shape != second.shape:
        return False
    return bool(np.array_equal(first, second)) if first.dtype == object else first.tobytes() == second.tobytes()


def restore_metadata(before: ModelProto, after: ModelProto) -> None:
    """The converter forgets the nodes' metadata (module paths): copy it back by output name, in place."""
    old: dict[str, NodeProto] = {name: node for node in before.graph.node for name in node.output if name}
    for node in after.graph.node:
        original = old.get(node.output[0]) if node.output else None
        if original is not None and original.metadata_props and not node.metadata_props:
            node.metadata_props.extend(original.metadata_props)
