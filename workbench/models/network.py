"""Network: the working copy of a graph while it is being loaded, and what a Model keeps of it."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from onnx import ModelProto, NodeProto, TypeProto, ValueInfoProto, helper

from workbench.messages import Notice
from workbench.models.protos import DEFAULT_DOMAINS, is_float, names_read, rename_reads, to_tensor

LIGHT = 1024  # elements; larger constants are left out where only the structure matters


def last_name(name: str, names: Mapping[str, str]) -> str:
    """Follow renamings, old -> new, to the name that stays."""
    while name in names:
        name = names[name]
    return name


@dataclass
class Network:
    """A graph in pieces: nodes in topological order, constants as arrays, and the header of the file.

    file: its name, for notices.
    header: the message without its graph's nodes, values and initializers (opsets, metadata, leftover functions).
    constants: initializers by name, read-only arrays of the file's own type.
    types: what is known of each value's type and shape.
    renamed: names that vanished -> the name that now holds the same values.
    lifted: constants that were Constant nodes in the file. origins: worked-out weight -> the weight it came from.
    data_files: files beside the model in which its constants lie.
    """

    file: str
    header: ModelProto
    nodes: list[NodeProto]
    constants: dict[str, np.ndarray]
    inputs: list[ValueInfoProto]
    outputs: list[ValueInfoProto]
    types: dict[str, TypeProto] = field(default_factory=dict)
    notices: list[Notice] = field(default_factory=list)
    renamed: dict[str, str] = field(default_factory=dict)
    lifted: set[str] = field(default_factory=set)
    origins: dict[str, str] = field(default_factory=dict)
    data_files: tuple[Path, ...] = ()

    @property
    def opset(self) -> int:
        """Version of the default domain."""
        return next(int(entry.version) for entry in self.header.opset_import if entry.domain in DEFAULT_DOMAINS)

    @property
    def input_names(self) -> list[str]:
        return [value.name for value in self.inputs]

    @property
    def output_names(self) -> list[str]:
        return [value.name for value in self.outputs]

    def note(self, topic: str, sentence: str) -> None:
        """Remember a remark for the person who loads the model; the file's name is put before it."""
        self.notices.append(Notice(topic, f"{self.file}: {sentence}"))

    def readers(self) -> dict[str, list[int]]:
        """Name of a value -> positions of the nodes that read it (one entry per reading)."""
        readers: dict[str, list[int]] = {}
        for position, node in enumerate(self.nodes):
            for name in names_read(node):
                readers.setdefault(name, []).append(position)
        return readers

    def producers(self) -> dict[str, int]:
        """Name of a value -> position of the node that computes it."""
        return {name: position for position, node in enumerate(self.nodes) for name in node.output if name}

    def names(self) -> set[str]:
        """Every value name in use."""
        names = {*self.input_names, *self.output_names, *self.constants}
        for node in self.nodes:
            names.update(node.output)
            names.update(names_read(node))
        return names

    def rename(self, names: Mapping[str, str]) -> None:
        """Let all readers of the old names read the new ones, and remember it in `renamed`.

        names: old -> new; a new name that is renamed itself leads on to the last one.
        """
        names = {old: last_name(old, names) for old in names}
        for node in self.nodes:
            rename_reads(node, names)
        for old, new in self.renamed.items():
            self.renamed[old] = names.get(new, new)
        self.renamed.update(names)

    def drop_dead(self) -> None:
        """Remove nodes that no output depends on, then the constants that nothing reads."""
        alive = set(self.output_names)
        kept: list[NodeProto] = []
        for node in reversed(self.nodes):
            if any(name in alive for name in node.output if name):
                kept.append(node)
                alive.update(names_read(node))
        self.nodes = kept[::-1]
        self.constants = {name: array for name, array in self.constants.items() if name in alive}

    def proto(self, *, light: bool = False, values: bool = True) -> ModelProto:
        """The graph as a fresh message.

        light: large constants become inputs, so that checks and shape inference need no weights.
        values: state the known types of the values in between.
        """
        model = ModelProto()
        model.CopyFrom(self.header)
        graph = model.graph
        graph.node.extend(self.nodes)
        graph.input.extend(self.inputs)
        graph.output.extend(self.outputs)
        for name, array in self.constants.items():
            if light and array.size > LIGHT and array.dtype.kind != "O":
                data_type = helper.np_dtype_to_tensor_dtype(array.dtype)
                graph.input.append(helper.make_tensor_value_info(name, data_type, array.shape))
            else:
                graph.initializer.append(to_tensor(array, name))
        if values:
            ends = {*self.input_names, *self.output_names}
            graph.value_info.extend(
                ValueInfoProto(name=name, type=kind) for name, kind in self.types.items() if name not in ends
            )
        return model

    def operators(self) -> Counter[str]:
        """How often each operator type occurs; other domains' operators carry their domain."""
        return Counter(
            node.op_type if node.domain in DEFAULT_DOMAINS else f"{node.domain}.{node.op_type}" for node in self.nodes
        )

    def float_constants(self) -> dict[str, np.ndarray]:
        """The constants of a floating-point type."""
        return {name: array for name, array in self.constants.items() if is_float(array.dtype)}
