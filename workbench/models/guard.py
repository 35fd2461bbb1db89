"""Checks a model file before anything believes it: every refusal names the file, the field and the next step."""

import os
import stat
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from onnx import GraphProto, ModelProto, TensorProto

from workbench.models.guard_functions import check_functions
from workbench.models.guard_tensors import check_tensors
from workbench.models.protos import DEFAULT_DOMAINS, all_graphs
from workbench.models.refusal import refusal, shown

OLDEST_OPSET, NEWEST_OPSET = 7, 24
LARGEST_FILE = 2**31 - 1  # protobuf cannot read more
EXPORT_AGAIN = "export the model again and check that the file was copied completely"


def read_file(path: str | Path) -> bytes:
    """The bytes of a regular, non-empty file. Raises WorkbenchError for everything else, without ever blocking."""
    try:
        place = Path(path)
        status = os.stat(place)
    except (TypeError, ValueError):
        raise refusal(
            str(path)[:200].replace("\0", "\\0"), "this is no file path", "the path of an ONNX file", "correct the path"
        ) from None
    except OSError as error:
        found = (
            "there is no such file" if isinstance(error, FileNotFoundError) else f"cannot be reached ({error.strerror})"
        )
        step = f"check the path {shown(str(place))} and the working directory {shown(os.getcwd())}"
        raise refusal(place, found, "the path of an ONNX file", step) from None
    check_regular(place, status)
    try:
        # a pipe put in the file's place between the two checks would block an ordinary open
        descriptor = os.open(place, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with os.fdopen(descriptor, "rb") as file:
            check_regular(place, os.fstat(file.fileno()))
            content = file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise refusal(place, f"cannot be read ({error.strerror})", "a readable file", "check its permissions") from None
    if not content:
        raise refusal(place, "the file is empty", "an ONNX model", EXPORT_AGAIN)
    return content


def check_regular(path: Path, status: os.stat_result) -> None:
    """Raises WorkbenchError unless the path is a regular file of a size that protobuf can hold."""
    if stat.S_ISDIR(status.st_mode):
        raise refusal(path, "this is a folder", "an ONNX file", "name the .onnx file inside it")
    if not stat.S_ISREG(status.st_mode):
        kind = "named pipe" if stat.S_ISFIFO(status.st_mode) else "device or socket"
        raise refusal(path, f"this is a {kind}", "a regular file", "save the model to disk first")
    if status.st_size > LARGEST_FILE:
        found = f"the file has {status.st_size:,} bytes"
        raise refusal(path, found, "at most 2 GB in one file", "save the weights as external data beside it")


def parse(content: bytes, path: Path) -> ModelProto:
    """The bytes as an ONNX message. Raises WorkbenchError where they are none, are cut off or hold no graph."""
    model = ModelProto()
    try:
        model.ParseFromString(content)
    except DecodeError:
        found = f"its {len(content):,} bytes are not a complete ONNX message (another format, or cut off)"
        raise refusal(path, found, "an ONNX model", EXPORT_AGAIN) from None
    if not model.HasField("graph"):
        raise refusal(path, "it holds no graph", "an ONNX model with a graph", EXPORT_AGAIN)
    return model


def check_model(model: ModelProto, path: Path) -> None:
    """Everything that can be said of a message without running a library on it. Raises WorkbenchError."""
    check_names(model, path)
    check_versions(model, path)
    check_interface(model.graph, path)
    check_functions(model, path)
    check_tensors(model, path)


def check_versions(model: ModelProto, path: Path) -> None:
    """One known opset of the default domain, OLDEST_OPSET to NEWEST_OPSET, and a known IR version."""
    expected = f"opset {OLDEST_OPSET} to {NEWEST_OPSET} of the default domain"
    found = {entry.version for entry in model.opset_import if entry.domain in DEFAULT_DOMAINS}
    if not found:
        raise refusal(path, "opset_import names no version of the default domain", expected, EXPORT_AGAIN)
    if len(found) > 1 or not OLDEST_OPSET <= min(found) <= NEWEST_OPSET:
        versions = " and ".join(str(version) for version in sorted(found))
        raise refusal(path, f"opset_import asks for opset {versions}", expected, "export it with opset 17 or so")
    if not 1 <= model.ir_version <= onnx.IR_VERSION:
        found_ir = f"ir_version is {model.ir_version}"
        raise refusal(path, found_ir, f"1 to {onnx.IR_VERSION}", "export it again, or update the onnx package")


def check_interface(graph: GraphProto, path: Path) -> None:
    """At least one node and one output; inputs, outputs and initializers named, each once."""
    if not graph.node:
        raise refusal(path, "its graph has no nodes", "a network", EXPORT_AGAIN)
    if not graph.output:
        raise refusal(path, "its graph has no outputs", "at least one graph output", EXPORT_AGAIN)
    for field, names in (
        ("graph.input", [value.name for value in graph.input]),
        ("graph.output", [value.name for value in graph.output]),
        ("graph.initializer", [tensor.name for tensor in graph.initializer]),
    ):
        seen: set[str] = set()
        for name in names:
            if not name:
                raise refusal(path, f"{field} has an entry without a name", "a name for each", EXPORT_AGAIN)
            if name in seen:
                raise refusal(path, f"{field} lists {shown(name)} twice", "unique names", EXPORT_AGAIN)
            seen.add(name)


def check_names(model: ModelProto, path: Path) -> None:
    """Every name in the file is UTF-8 text (protobuf hands out bytes where it is not)."""
    for graph in all_graphs(model.graph):
        for value in (*graph.input, *graph.output, *graph.value_info, *graph.initializer):
            require_text(value.name, path, "the name of a value")
        for node in graph.node:
            check_node_names(node, path)
    for function in model.functions:
        for name in (function.name, function.domain, *function.input, *function.output):
            require_text(name, path, "a name in a local function")
        for node in function.node:
            check_node_names(node, path)
    for entry in model.opset_import:
        require_text(entry.domain, path, "a domain in opset_import")
    properties = [text for entry in model.metadata_props for text in (entry.key, entry.value)]
    for text in (model.producer_name, model.producer_version, model.graph.name, *properties):
        require_text(text, path, "a text about the model")


def check_node_names(node: onnx.NodeProto, path: Path) -> None:
    """As `check_names`, for one node."""
    for name in (node.op_type, node.domain, node.name, *node.input, *node.output):
        require_text(name, path, "a name in a node")
    for entry in node.attribute:
        require_text(entry.name, path, f"an attribute name of node {shown(node.name)}")


def require_text(name: str | bytes, path: Path, what: str) -> None:
    """Raises WorkbenchError where a name is not UTF-8."""
    if isinstance(name, bytes):
        raise refusal(path, f"{what} is {shown(name)}, which is not UTF-8", "UTF-8 names", "rename it and export again")


def check_operators(model: ModelProto, path: Path) -> None:
    """onnx.checker's judgement of a model without large weights, in one sentence. Raises WorkbenchError."""
    opset = next(entry.version for entry in model.opset_import if entry.domain in DEFAULT_DOMAINS)
    for graph in all_graphs(model.graph):
        for node in graph.node:
            if node.domain in DEFAULT_DOMAINS and not known(node.op_type, opset):
                found = f"node {shown(node.name)} uses the operator {shown(node.op_type)}"
                raise refusal(path, found, f"an operator of ONNX opset {opset}", "replace it and export again")
    judged = ModelProto()
    judged.CopyFrom(model)
    # many exporters leave the type or shape of ports open; onnxruntime works them out, the checker refuses
    for output in judged.graph.output:
        if output.type.WhichOneof("value") is None:
            output.type.tensor_type.elem_type = TensorProto.FLOAT
    for port in (*judged.graph.input, *judged.graph.output):
        if port.type.WhichOneof("value") == "tensor_type":
            port.type.tensor_type.shape.SetInParent()
    try:
        onnx.checker.check_model(judged)
    except (onnx.checker.ValidationError, ValueError, RuntimeError) as error:
        reason = next((line.strip() for line in str(error).splitlines() if line.strip()), "no reason given")
        found = f"its graph is not valid ONNX ({reason[:300]})"
        raise refusal(path, found, "a graph that follows the ONNX specification", EXPORT_AGAIN) from None


def known(op_type: str, opset: int) -> bool:
    """True where ONNX defines the operator at this opset."""
    try:
        onnx.defs.get_schema(op_type, opset, "")
    except onnx.defs.SchemaError:
        return False
    return True
