"""`match_names`: what another tool calls the tensors of a model, read from that tool's own file."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workbench.models.model import Model
from workbench.workflow.choose import weight_names
from workbench.workflow.export.names_files import TheirNetwork, read_names
from workbench.workflow.export.names_match import Found, matched

_TITLES = {"ncnn": "ncnn network", "tensorrt": "TensorRT layer information", "pairs": "pairs of names"}
_SHOWN = 4


@dataclass(frozen=True, eq=False)
class NameMatch:
    """A proposal; `workbench.export(..., names=match)` and `recipe.with_names(match.names)` take it.

    kind: "ncnn", "tensorrt" or "pairs". path: of the tool's file. names: tensor -> the tool's name. how: tensor -> why.
    unmatched: tensor -> names that it could have; none of them is sure. unused: the tool's names that were left over.
    """

    kind: str
    path: Path
    names: Mapping[str, str]
    how: Mapping[str, str]
    unmatched: Mapping[str, tuple[str, ...]]
    unused: tuple[str, ...] = field(default=())

    def table(self) -> list[dict[str, Any]]:
        """One record a tensor, unmatched ones first: tensor, name ("" where unmatched), how, candidates."""
        rows = [{"tensor": t, "name": "", "how": "", "candidates": could_be} for t, could_be in self.unmatched.items()]
        return rows + [
            {"tensor": tensor, "name": name, "how": self.how[tensor], "candidates": ()}
            for tensor, name in self.names.items()
        ]

    def __str__(self) -> str:
        ways = ", ".join(f"{n} by {how}" for how, n in Counter(self.how.values()).items())
        lines = [
            f"{self.path} ({_TITLES[self.kind]}): {len(self.names)} tensors matched{f' ({ways})' if ways else ''}."
        ]
        if self.unmatched:
            lines.append(f"Unmatched: {_listed(tuple(self.unmatched))}. Each keeps the model's name.")
        if self.unused:
            lines.append(f"Left over in the file: {_listed(self.unused)}.")
        return "\n".join(lines)


def match_names(model: Model, path: str | Path) -> NameMatch:
    """Propose which tensor of the model is which in another tool's file.

    path: ncnn's `.param`; TensorRT's layer information as JSON (`trtexec --profilingVerbosity=detailed
    --exportLayerInfo=file`); or a CSV of pairs, our name and theirs. ncnn's files of ranges have names of layers alone:
    a weight gets its layer's, activations get none. TensorRT's have names of activations alone.
    Equal names come first, then layers in the same order with the same operator and as many weights and outputs. What
    could be more than one stays unmatched.
    Raises WorkbenchError naming the file, and line or field, for what cannot be read.
    """
    source = Path(path)
    theirs = read_names(source)
    weights = [] if theirs.kind == "tensorrt" else list(weight_names(model))
    activations = [] if theirs.kind == "ncnn" else list(dict.fromkeys((*model.observed, *model.residual_inputs)))
    points = list(dict.fromkeys(_in_order(model, weights, activations)))
    found = _of_pairs(theirs, points) if theirs.kind == "pairs" else matched(model, theirs, weights, activations)
    unmatched = {tensor: found.candidates.get(tensor, ()) for tensor in points if tensor not in found.names}
    names = {tensor: found.names[tensor] for tensor in points if tensor in found.names}
    return NameMatch(theirs.kind, source, names, found.how, unmatched, _unused(theirs, names))


def _in_order(model: Model, weights: list[str], activations: list[str]) -> list[str]:
    """Quantization points layer by layer."""
    read = [name for layer in model.layers for name in (*layer.inputs, layer.weight) if name is not None]
    known = {*weights, *activations}
    return [name for name in (*read, *activations, *weights) if name in known]


def _of_pairs(theirs: TheirNetwork, points: list[str]) -> Found:
    found = Found()
    for tensor in points:
        if tensor in theirs.pairs:
            found.take(tensor, theirs.pairs[tensor], "the file")
    return found


def _unused(theirs: TheirNetwork, names: Mapping[str, str]) -> tuple[str, ...]:
    """Names that could be those of quantization points, and that no tensor got."""
    taken = set(names.values())
    if theirs.kind == "pairs":
        return tuple(name for name in theirs.pairs.values() if name not in taken)
    layers = [layer for layer in theirs.layers if layer.kind]
    if theirs.kind == "ncnn":
        there = [layer.name for layer in layers if layer.kind != "Add"]
    else:
        there = [name for layer in layers for name in layer.inputs]
    return tuple(name for name in dict.fromkeys(there) if name not in taken)


def _listed(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(map(repr, names[:_SHOWN])) + more
