"""Reader `qdq_file`: the ranges of an already quantized ONNX file, from its QuantizeLinear and DequantizeLinear."""

from collections.abc import Iterable
from pathlib import Path

from workbench.messages import Notice, WorkbenchError
from workbench.models.reader import read_network
from workbench.workflow.ranges.qdq_pairs import Pairs, found_pairs
from workbench.workflow.ranges.ranges import RangeFile, Reader, TensorRange


def read(path: Path) -> RangeFile:
    """Scales, zero points, axes and block sizes of activations and weights, under the names of the float tensors.

    Weights that tools rename (`W_quantized`, `W_DequantizeLinear_Output`) are called by what is before that.
    Raises WorkbenchError where the file is no sound ONNX model or has no pairs.
    """
    network, _ = read_network(path)
    pairs = found_pairs(network)
    if not pairs.ranges:
        raise WorkbenchError("no QuantizeLinear and DequantizeLinear in this file: it is no quantized network of pairs")
    return RangeFile("qdq_file", path, renamed(pairs), notices=remarks(pairs, path.name))


def renamed(pairs: Pairs) -> dict[str, TensorRange]:
    """The ranges under the names of the float tensors."""
    return {pairs.called.get(name, name): found for name, found in pairs.ranges.items()}


def remarks(pairs: Pairs, file: str) -> tuple[Notice, ...]:
    """What could not be kept."""
    if not pairs.differing:
        return ()
    words = "is quantized more than once, with other scales each time; the first ones were taken"
    return (Notice("ranges", f"{file}: {_some(pairs.differing)} {words}."),)


def _some(names: Iterable[str]) -> str:
    shown = list(dict.fromkeys(names))
    return f"{shown[0]!r}" + (f" (and {len(shown) - 1} more)" if len(shown) > 1 else "")


QDQ_FILE = Reader(
    name="qdq_file",
    title="quantized ONNX file (QuantizeLinear / DequantizeLinear)",
    suffixes=(".onnx",),
    recognizes=lambda head, path: path.suffix == ".onnx",
    read=read,
)
