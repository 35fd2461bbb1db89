"""Weights that lie beside the model file: nothing is read outside the model's own folder."""

import os
import stat
from pathlib import Path, PurePosixPath, PureWindowsPath

import numpy as np
from onnx import ModelProto, TensorProto

from workbench.models.protos import all_graphs, attribute_tensors, element_dtype
from workbench.models.refusal import refusal, shown

MAPPED_FROM = 256 * 2**20  # bytes; larger tensors are mapped instead of read
BESIDE = "put the data file beside the model, or save the model again in one file"


def is_external(tensor: TensorProto) -> bool:
    """True for a tensor whose values lie in another file."""
    return tensor.data_location == TensorProto.EXTERNAL


def data_files(message: ModelProto, path: Path) -> tuple[Path, ...]:
    """The files beside a checked model in which its tensors lie, resolved, each once."""
    tensors = [tensor for graph in all_graphs(message.graph) for tensor in graph.initializer]
    for graph in all_graphs(message.graph):
        tensors += [tensor for node in graph.node for _, tensor in attribute_tensors(node)]
    places = (place_of(tensor, f"tensor {shown(tensor.name)}", path)[0] for tensor in tensors if is_external(tensor))
    return tuple(dict.fromkeys(places))


def check_external(tensor: TensorProto, needed: int, what: str, path: Path) -> None:
    """The data file exists, lies in the model's folder and holds the bytes. Raises WorkbenchError.

    needed: bytes that the tensor's dims and type ask for.
    """
    file, offset, length = place_of(tensor, what, path)
    try:
        status = os.stat(file)
    except OSError:
        raise refusal(path, f"{what} lies in {shown(file.name)}, which is not there", "that file", BESIDE) from None
    if not stat.S_ISREG(status.st_mode):
        raise refusal(path, f"{what} lies in {shown(file.name)}, which is no regular file", "a regular file", BESIDE)
    if length is not None and length != needed:
        expected = f"{needed:,} for dims {list(tensor.dims)}"
        raise refusal(path, f"{what} has {length:,} bytes of external data", expected, BESIDE)
    if offset + needed > status.st_size:
        found = f"{what} ends at byte {offset + needed:,} of {shown(file.name)}, which has {status.st_size:,}"
        raise refusal(path, found, "a complete data file", BESIDE)


def place_of(tensor: TensorProto, what: str, path: Path) -> tuple[Path, int, int | None]:
    """File, offset and length (None: not stated) of an external tensor. Raises WorkbenchError for unsafe places."""
    entries = {entry.key: entry.value for entry in tensor.external_data}
    location = entries.get("location", "")
    posix, windows = PurePosixPath(location), PureWindowsPath(location)
    inside = "a file in the model's own folder"
    if not location or "\0" in location or not isinstance(location, str):
        raise refusal(path, f"the external location {shown(location)} of {what} is no file name", inside, BESIDE)
    if posix.is_absolute() or windows.is_absolute() or windows.drive or location[0] in "/\\":
        raise refusal(path, f"the external location {shown(location)} of {what} is absolute", inside, BESIDE)
    if ".." in posix.parts or ".." in windows.parts:
        raise refusal(path, f"the external location {shown(location)} of {what} leaves the folder", inside, BESIDE)
    folder = path.parent.resolve()
    try:
        file = (folder / location).resolve()
    except (OSError, RuntimeError, ValueError):
        raise refusal(path, f"the external location {shown(location)} of {what} is broken", inside, BESIDE) from None
    if not file.is_relative_to(folder):
        found = f"the external location {shown(location)} of {what} is a link that leaves the folder"
        raise refusal(path, found, inside, BESIDE)
    return (
        file,
        whole_number(entries.get("offset", "0"), "offset", what, path),
        (whole_number(entries["length"], "length", what, path) if "length" in entries else None),
    )


def whole_number(text: str, field: str, what: str, path: Path) -> int:
    """A non-negative number of bytes. Raises WorkbenchError."""
    if not (isinstance(text, str) and text.isascii() and text.isdigit() and len(text) < 20):
        raise refusal(path, f"the external {field} of {what} is {shown(text)}", "a number of bytes", BESIDE)
    return int(text)


def read_external(tensor: TensorProto, needed: int, what: str, path: Path) -> np.ndarray | TensorProto:
    """The values of a checked external tensor: a mapped array where they are many, else a tensor that holds them."""
    file, offset, _ = place_of(tensor, what, path)
    dtype = element_dtype(tensor.data_type)
    if needed >= MAPPED_FROM and dtype is not None and dtype.itemsize * int(np.prod(tensor.dims)) == needed:
        return np.memmap(file, dtype=dtype, mode="r", offset=offset, shape=tuple(tensor.dims))
    try:
        with open(file, "rb") as stream:
            stream.seek(offset)
            content = stream.read(needed)
    except OSError as error:
        raise refusal(path, f"{what} cannot be read ({error.strerror})", "a readable data file", BESIDE) from None
    if len(content) != needed:
        raise refusal(path, f"{what} ends early in {shown(file.name)}", f"{needed:,} bytes", BESIDE)
    return TensorProto(name=tensor.name, data_type=tensor.data_type, dims=tensor.dims, raw_data=content)
