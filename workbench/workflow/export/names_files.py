"""Files in which other tools name the parts of their networks: ncnn's `.param`, TensorRT's layer information, pairs."""

import csv
import io
import json
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workbench.messages import WorkbenchError

LARGEST = 2**28  # bytes; such files hold names, not weights
NCNN_MAGIC = "7767517"
_KINDS = {  # how the tools call the operators that have a weight, and the sum of two activations
    "Convolution": "Conv",
    "ConvolutionDepthWise": "Conv",
    "Convolution1D": "Conv",
    "ConvolutionDepthWise1D": "Conv",
    "CaskConvolution": "Conv",
    "CudaDepthwiseConvolution": "Conv",
    "Deconvolution": "ConvTranspose",
    "DeconvolutionDepthWise": "ConvTranspose",
    "CaskDeconvolutionV2": "ConvTranspose",
    "InnerProduct": "Gemm",
    "Gemm": "Gemm",
    "MatMul": "Gemm",
    "FullyConnected": "Gemm",
    "MatrixMultiply": "Gemm",
    "gemm": "Gemm",
    "BinaryOp": "Add",
    "Eltwise": "Add",
    "ElementWise": "Add",
}
# ncnn: layer type -> keys of (number of outputs, number of weights) among its parameters
_NCNN_SIZES = {"InnerProduct": ("0", "2")} | dict.fromkeys(
    (name for name, kind in _KINDS.items() if kind in ("Conv", "ConvTranspose")), ("0", "6")
)
_NCNN_SUMS = {"BinaryOp": {"0": "0", "1": "0"}, "Eltwise": {"0": "1"}}  # parameters with which they add two tensors


@dataclass(frozen=True)
class TheirLayer:
    """A layer as a file names it. kind: our operator that it is, "" for any other. shapes: tensor -> its dimensions.

    n_outputs, n_weights: output channels and weights, None where the file does not say.
    """

    name: str
    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    n_outputs: int | None = None
    n_weights: int | None = None
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class TheirNetwork:
    """kind: "ncnn", "tensorrt" or "pairs". layers: in the file's order. pairs: our name -> theirs, where it says so."""

    kind: str
    layers: tuple[TheirLayer, ...] = ()
    pairs: Mapping[str, str] = field(default_factory=dict)


def read_names(path: Path) -> TheirNetwork:
    """Read a file of names; its kind is told by what is in it. WorkbenchError naming file and line, or field."""
    try:
        about = os.stat(path)
        if not stat.S_ISREG(about.st_mode):
            raise WorkbenchError(f"{path}: not a regular file")
        if about.st_size > LARGEST:
            raise WorkbenchError(f"{path}: {about.st_size} bytes are too many for a file of names")
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise WorkbenchError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise WorkbenchError(
            f"{path}: not a text; expected ncnn's .param, TensorRT's layer information as JSON, or lines of two names"
        ) from None
    start = text.lstrip()
    try:
        if start.startswith(NCNN_MAGIC):
            return _ncnn(text)
        return _tensorrt(text) if start[:1] in ("{", "[") else _pairs(text)
    except WorkbenchError as error:
        raise WorkbenchError(f"{path}: {error}") from None


def _ncnn(text: str) -> TheirNetwork:
    """Layer lines: type, name, number of inputs, of outputs, their names, `key=value` parameters.

    Source: ncnn, docs/developer-guide/param-and-model-file-structure.md.
    """
    layers: list[TheirLayer] = []
    for number, line in enumerate(text.splitlines()[2:], start=3):
        words = line.split()
        if not words:
            continue
        if len(words) < 4 or not (_is_count(words[2]) and _is_count(words[3])):
            raise WorkbenchError(f"line {number}: expected a layer's type, name and numbers of inputs and outputs")
        n_in, n_out = int(words[2]), int(words[3])
        blobs = words[4 : 4 + n_in + n_out]
        if len(blobs) < n_in + n_out:
            raise WorkbenchError(f"line {number}: expected {n_in + n_out} names of inputs and outputs")
        inputs, outputs = tuple(blobs[:n_in]), tuple(blobs[n_in:])
        values = dict(pair.split("=", 1) for pair in words[4 + n_in + n_out :] if "=" in pair)
        is_other = words[0] in _NCNN_SUMS and any(values.get(k, "0") != v for k, v in _NCNN_SUMS[words[0]].items())
        keys = _NCNN_SIZES.get(words[0], ("", ""))
        n_outputs, n_weights = (int(values[key]) if _is_count(values.get(key, "")) else None for key in keys)
        kind = "" if is_other else _KINDS.get(words[0], "")
        layers.append(TheirLayer(words[1], kind, inputs, outputs, n_outputs, n_weights))
    return TheirNetwork("ncnn", tuple(layers))


def _is_count(word: str) -> bool:
    return word.isdecimal() and len(word) < 20


def _tensorrt(text: str) -> TheirNetwork:
    """Objects with Name, LayerType, Inputs and Outputs, below "Layers" or as a list.

    Source: TensorRT documentation, Engine Inspector.
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:  # no JSON, a number of thousands of digits, too deep
        raise WorkbenchError(f"not a JSON text ({error})") from None
    listed = document.get("Layers") if isinstance(document, dict) else document
    if not isinstance(listed, list):
        raise WorkbenchError("expected a list of layers, or an object with one in the field 'Layers'")
    if listed and all(isinstance(layer, str) for layer in listed):
        raise WorkbenchError(
            "holds names of layers alone; build the engine with detailed profiling verbosity "
            "(trtexec --profilingVerbosity=detailed --exportLayerInfo=...)"
        )
    layers = tuple(_tensorrt_layer(layer, number) for number, layer in enumerate(listed))
    return TheirNetwork("tensorrt", layers)


def _tensorrt_layer(layer: Any, number: int) -> TheirLayer:
    if not isinstance(layer, dict) or not isinstance(layer.get("Name"), str):
        raise WorkbenchError(f"layer {number}: expected an object with a text in the field 'Name'")
    shapes: dict[str, tuple[int, ...]] = {}
    ports: dict[str, tuple[str, ...]] = {}
    for port in ("Inputs", "Outputs"):
        tensors = layer.get(port, [])
        if not isinstance(tensors, list) or not all(
            isinstance(t, dict) and isinstance(t.get("Name"), str) for t in tensors
        ):
            raise WorkbenchError(f"layer {layer['Name']!r}: field {port!r} must list objects with a 'Name'")
        ports[port] = tuple(tensor["Name"] for tensor in tensors)
        for tensor in tensors:
            dimensions = tensor.get("Dimensions")
            if isinstance(dimensions, list) and all(type(size) is int for size in dimensions):
                shapes[tensor["Name"]] = tuple(dimensions)
    said = (layer.get("ParameterType"), layer.get("LayerType"))
    kind = next((_KINDS[word] for word in said if isinstance(word, str) and word in _KINDS), "")
    if kind == "Add" and "SUM" not in str(layer.get("Operation", "SUM")).upper():
        kind = ""
    weights = layer.get("Weights")
    sizes = [layer.get("OutMaps"), weights.get("Count") if isinstance(weights, dict) else None]
    n_outputs, n_weights = (size if type(size) is int else None for size in sizes)
    return TheirLayer(layer["Name"], kind, ports["Inputs"], ports["Outputs"], n_outputs, n_weights, shapes)


def _pairs(text: str) -> TheirNetwork:
    pairs: dict[str, str] = {}
    try:
        rows = list(csv.reader(io.StringIO(text)))
    except csv.Error as error:
        raise WorkbenchError(f"no lines of two names: {error}") from None
    for number, row in enumerate(rows, start=1):
        if not any(cell.strip() for cell in row):
            continue
        if len(row) != 2 or not all(row):
            raise WorkbenchError(f"line {number}: expected two names with a comma between them, ours and theirs")
        if row[0] in pairs:
            raise WorkbenchError(f"line {number}: {row[0]!r} has a name already, {pairs[row[0]]!r}")
        pairs[row[0]] = row[1]
    return TheirNetwork("pairs", pairs=pairs)
