"""Names for people: a layer is called by its module path, then node name, then weight name, then operator and index."""

import re
from collections import Counter
from collections.abc import Iterable

from onnx import NodeProto

MODULE_PATHS = "pkg.torch.onnx.name_scopes"
WEIGHT_ENDINGS = re.compile(r"([._/](weight|kernel|w)(_0)?)(:\d+)?$", re.IGNORECASE)
BIAS_ENDINGS = re.compile(r"([._/](bias|b)(_0)?)(:\d+)?$", re.IGNORECASE)
READ_VARIABLE = re.compile(r"(/ReadVariableOp|/Read|/Conv2D|/MatMul)+(:\d+)?$")
INLINED = re.compile(r"^(F\d+::)?(If_\d+_(then|else)_branch__Inline_\d+__)*")
GENERATED = re.compile(r"^(onnx::\w+|(val|tensor|const\w*|_v)_?\d*|\d*|.*_output_\d+)$", re.IGNORECASE)
LETTER = re.compile(r"^[A-Za-z_]\d*$")


def layer_name(
    node: NodeProto, *, weight: str | None, bias: str | None = None, batch_norm: str | None = None, index: int = 0
) -> str:
    """The name of one layer, not yet unique.

    weight, bias: names of its constants. batch_norm: name of a parameter of the BatchNorm folded into it.
    index: its number among the layers of its operator type.
    """
    own, of_weight = from_node_name(node, weight is not None), from_weight(weight)
    # a module may compute with the weight of its part: `attention` with `attention.out_proj.weight`
    part = bool(own) and of_weight.startswith(f"{own}.") and WEIGHT_ENDINGS.search(weight or "")
    candidates = (
        from_module_path(node, weight is not None),
        of_weight if part else own,
        of_weight,
        from_batch_norm(batch_norm),
        from_bias(bias),
        readable(node.name),
    )
    return next((candidate for candidate in candidates if candidate), f"{node.op_type}_{index}")


def unique(names: Iterable[str]) -> list[str]:
    """The same names, the second of equal ones with " (2)", the third with " (3)" ..."""
    counts: Counter[str] = Counter()
    result: dict[str, None] = {}
    for name in names:
        candidate = name
        while candidate in result:
            counts[name] += 1
            candidate = f"{name} ({counts[name] + 1})"
        result[candidate] = None
    return list(result)


def from_module_path(node: NodeProto, owns_weight: bool) -> str:
    """The path that torch's exporter keeps in the node's metadata, a printed list that ends with the node itself."""
    for entry in node.metadata_props:
        if entry.key == MODULE_PATHS and isinstance(entry.value, str):
            scopes = [scope for scope in re.findall(r"'([^']*)'", entry.value[:4000]) if scope]
            if len(scopes) > 1:
                return scopes[-2] if owns_weight else f"{scopes[-2]}.{scopes[-1]}"
    return ""


def from_node_name(node: NodeProto, owns_weight: bool) -> str:
    """`/layer1/layer1.0/conv1/Conv` -> `layer1.0.conv1`; empty for names such as `Conv_0` and `node_conv2d_3`."""
    name = readable(node.name)
    generic = rf"^({re.escape(node.op_type)}|node|op|n|node_\w+)?[_-]?\d*$"
    if re.match(generic, name, re.IGNORECASE):
        return ""
    parts = [part for part in name.split("/") if part]
    own = re.compile(rf"^{re.escape(node.op_type)}(_\d+)?$", re.IGNORECASE)
    if owns_weight and len(parts) > 1 and own.match(parts[-1]):
        parts.pop()
    return joined(parts)


def joined(parts: Iterable[str]) -> str:
    """Path components as one dotted path; torch repeats a parent's name in its child: `layer1`, `layer1.0`."""
    path: list[str] = []
    for part in parts:
        if path and part.startswith(path[-1] + "."):
            path[-1] = part
        else:
            path.append(part)
    return ".".join(path)


def from_weight(weight: str | None) -> str:
    """`conv1_w_0` -> `conv1`, `features.0.weight` -> `features.0`; empty for generated names."""
    if not weight:
        return ""
    name = READ_VARIABLE.sub("", readable(weight))
    path = WEIGHT_ENDINGS.sub("", name)
    return "" if GENERATED.match(path) or (path == name and LETTER.match(path)) else path


def from_bias(bias: str | None) -> str:
    """`fc.bias` -> `fc`; empty for generated names."""
    name = readable(bias or "")
    path = BIAS_ENDINGS.sub("", name)
    return "" if path == name or GENERATED.match(path) else path


def from_batch_norm(parameter: str | None) -> str:
    """The operator before a BatchNorm: `block.0.bn1.weight` -> `block.0.conv1`, `features.1.bias` -> `features.0`."""
    name = readable(parameter or "")
    path = BIAS_ENDINGS.sub("", WEIGHT_ENDINGS.sub("", name))
    if path == name or GENERATED.match(path):
        return ""
    head, dot, last = path.rpartition(".")
    if norm := re.fullmatch(r"(?:bn|norm|batch_?norm)(\d*)", last, re.IGNORECASE):
        return f"{head}{dot}conv{norm[1]}"
    return f"{head}{dot}{int(last) - 1}" if last.isdecimal() and int(last) else path


def readable(name: str) -> str:
    """A name without a leading slash and without what inlining tools put before it."""
    return INLINED.sub("", name).lstrip("/")
