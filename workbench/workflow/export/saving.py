"""`save_network`: a network as one file, or with its weights in a second one where one file cannot hold them."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
from onnx import ModelProto, TensorProto, numpy_helper

from workbench.models.external import is_external
from workbench.workflow.files import beside

LARGEST_FILE = 2_000_000_000  # bytes; protobuf ends at 2**31 - 1
SMALLEST_OUTSIDE = 1024  # bytes; shapes and scalars stay where shape inference sees them
PAGE = 4096  # where a tensor may begin, so that it can be mapped


def save_network(proto: ModelProto, path: Path) -> None:
    """Write `proto` to `path`, inside a `new_files` block; deterministic.

    Where it would become larger than LARGEST_FILE its larger initializers leave `proto`, one by one, for a file beside
    it, see `beside`: the format's external data, in one file that is named for what it holds.
    """
    if _size(proto) > LARGEST_FILE:
        _move_weights_out(proto, path)
    with open(path, "wb") as file:
        file.write(proto.SerializeToString(deterministic=True))


def stored_constants(path: Path) -> Iterator[tuple[str, np.ndarray]]:
    """Name and values of each initializer of a file, wherever they lie; one is held at a time."""
    for tensor in onnx.load(str(path), load_external_data=False).graph.initializer:
        alone = TensorProto()
        alone.CopyFrom(tensor)
        yield tensor.name, numpy_helper.to_array(alone, base_dir=str(path.parent))


def _size(proto: ModelProto) -> int:
    """Bytes of the file, to within its few fields outside of the graph; never serialized as a whole."""
    tensors = sum(len(tensor.raw_data) or tensor.ByteSize() for tensor in proto.graph.initializer)
    return int(tensors + sum(node.ByteSize() for node in proto.graph.node))


def _move_weights_out(proto: ModelProto, path: Path) -> None:
    """Initializers of SMALLEST_OUTSIDE bytes or more go to the file beside `path`; `proto` says where they are."""
    digest = hashlib.sha256()
    unnamed = path.with_name(f"{path.name}.data")
    moved: list[TensorProto] = []
    with open(unnamed, "wb") as file:
        for tensor in proto.graph.initializer:
            content = tensor.raw_data
            if len(content) < SMALLEST_OUTSIDE or is_external(tensor):
                continue
            for part in (bytes(-file.tell() % PAGE), content):
                file.write(part)
                digest.update(part)
            places = {"offset": file.tell() - len(content), "length": len(content)}
            tensor.ClearField("raw_data")
            for key, value in places.items():
                tensor.external_data.add(key=key, value=str(value))
            moved.append(tensor)
    named = beside(path, digest.hexdigest(), ".data")
    unnamed.rename(named)
    for tensor in moved:
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value=named.name)
