"""Cuts a network into segments: where the workbench must be able to change a value between two sessions."""

import heapq
from collections import Counter
from collections.abc import Collection, Container, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from onnx import NodeProto

from workbench.models.network import Network
from workbench.models.protos import names_read

BIASED = ("Conv", "ConvTranspose", "Gemm")  # operators with a bias as third input
FOLDED = ("Add", "Sub", "Mul", "Div", "BatchNormalization")  # may be fused into the Conv before them
RANDOM = ("RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike", "Multinomial", "Bernoulli")


@dataclass(frozen=True, eq=False)
class Segment:
    """A run of nodes that one session computes.

    inputs: values that come from outside (graph inputs, earlier segments). outputs: values that later segments or the
    caller need. constants: initializers that the nodes read. made: all values that the nodes compute; inner: those
    that are read where they are made.
    """

    index: int
    nodes: tuple[NodeProto, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    constants: tuple[str, ...]
    made: frozenset[str]
    inner: frozenset[str]

    @cached_property
    def biases(self) -> frozenset[str]:
        """Constants that can be handed over in each run as well: kernels read them as they are, nothing is folded.

        Those are the biases of Conv, ConvTranspose and Gemm that nothing else reads, unless arithmetic with another
        constant follows, into which onnxruntime may fold them.
        """
        reads = Counter(name for node in self.nodes for name in names_read(node))
        fixed = set(self.constants)
        folding = {
            name
            for node in self.nodes
            if node.op_type in FOLDED and any(other in fixed for other in node.input)
            for name in node.input
        }
        return frozenset(
            node.input[2]
            for node in self.nodes
            if node.op_type in BIASED and len(node.input) > 2 and node.input[2] in fixed
            if reads[node.input[2]] == 1 and not folding.intersection(node.output)
        )


def plan_segments(network: Network, *, starts: Container[int], cut: Container[str]) -> tuple[Segment, ...]:
    """The segments of a network in an order in which they can run.

    starts: positions of nodes that begin a segment (weighted operators).
    cut: values whose readers must all be in later segments than their producer.
    Nodes that need no cut join the earliest segment that can hold them, so that onnxruntime still fuses what it
    would fuse in the whole graph (a Conv with its Relu, a MatMul with its bias). Nodes that depend on constants alone
    are repeated in every segment that reads them, so that their results are constants there too.
    """
    moving, constant = parted(network.nodes, network.constants, network.output_names)
    groups = grouped(
        [network.nodes[position] for position in moving],
        {index for index, position in enumerate(moving) if position in starts},
        cut,
    )
    groups = with_constant_nodes(groups, [network.nodes[position] for position in constant])
    return described(groups, network, network.output_names)


def split(segment: Segment, network: Network, cut: Collection[str]) -> tuple[Segment, ...]:
    """One segment as several, so that the values in `cut` can be changed or kept between them."""
    moving, constant = parted(segment.nodes, segment.constants, cut)
    groups = grouped([segment.nodes[position] for position in moving], (), cut)
    groups = with_constant_nodes(groups, [segment.nodes[position] for position in constant])
    return described(groups, network, (*segment.outputs, *cut), segment.index)


def described(
    groups: Sequence[Sequence[NodeProto]], network: Network, wanted: Iterable[str], index: int | None = None
) -> tuple[Segment, ...]:
    """Groups of nodes as segments. wanted: values that the caller needs. index: of all of them, else 0, 1, 2 ..."""
    reads = [dict.fromkeys(name for node in group for name in names_read(node)) for group in groups]
    makes = [{name for node in group for name in node.output if name} for group in groups]
    needed = set(wanted)
    for names, made in zip(reads, makes, strict=True):
        needed.update(name for name in names if name not in made)
    return tuple(
        Segment(
            index=number if index is None else index,
            nodes=tuple(group),
            inputs=tuple(name for name in reads[number] if name not in makes[number] and name not in network.constants),
            outputs=tuple(name for node in group for name in node.output if name in needed),
            constants=tuple(name for name in reads[number] if name in network.constants),
            made=frozenset(makes[number]),
            inner=frozenset(makes[number] & reads[number].keys()),
        )
        for number, group in enumerate(groups)
    )


def parted(nodes: Sequence[NodeProto], constants: Iterable[str], wanted: Container[str]) -> tuple[list[int], list[int]]:
    """Positions of the nodes that depend on data, and of those whose outputs are the same in every run.

    nodes: in topological order. wanted: values that must be computed once, even where they are constant.
    """
    fixed = set(constants)
    moving: list[int] = []
    constant: list[int] = []
    for position, node in enumerate(nodes):
        reads_constants = node.op_type not in RANDOM and all(name in fixed for name in names_read(node))
        if reads_constants and not any(name in wanted for name in node.output):
            constant.append(position)
            fixed.update(node.output)
        else:
            moving.append(position)
    return moving, constant


def with_constant_nodes(groups: list[list[NodeProto]], constant: Sequence[NodeProto]) -> list[list[NodeProto]]:
    """Each group with the constant nodes that it needs in front. constant: in topological order."""
    producer = {name: position for position, node in enumerate(constant) for name in node.output if name}
    result = []
    for group in groups:
        needed: set[int] = set()
        open_names = [name for node in group for name in names_read(node)]
        while open_names:
            position = producer.get(open_names.pop())
            if position is not None and position not in needed:
                needed.add(position)
                open_names.extend(names_read(constant[position]))
        result.append([*(constant[position] for position in sorted(needed)), *group])
    return result


def grouped(nodes: Sequence[NodeProto], starts: Container[int], cut: Container[str]) -> list[list[NodeProto]]:
    """The nodes of each segment, in topological order. nodes: in topological order."""
    producer = {name: position for position, node in enumerate(nodes) for name in node.output if name}
    reads = [set(names_read(node)) for node in nodes]
    readers: dict[int, list[int]] = {}
    missing = [0] * len(nodes)
    for position, names in enumerate(reads):
        for source in {producer[name] for name in names if name in producer}:
            readers.setdefault(source, []).append(position)
            missing[position] += 1
    free: list[int] = []  # can join the current segment
    waiting: list[int] = []  # read a cut value of the current segment: the next one
    starting: list[int] = []  # begin a segment of their own
    group_of: dict[int, int] = {}
    groups: list[list[NodeProto]] = [[]]

    def admit(position: int) -> None:
        current = len(groups) - 1
        if position in starts:
            heapq.heappush(starting, position)
        elif any(name in cut and group_of.get(producer.get(name, -1)) == current for name in reads[position]):
            waiting.append(position)
        else:
            heapq.heappush(free, position)

    for position, count in enumerate(missing):
        if not count:
            admit(position)
    while free or waiting or starting:
        if free:
            position = heapq.heappop(free)
        else:
            if groups[-1]:
                groups.append([])
            for blocked in waiting:
                heapq.heappush(free, blocked)
            waiting.clear()
            if not starting:
                continue
            position = heapq.heappop(starting)
        groups[-1].append(nodes[position])
        group_of[position] = len(groups) - 1
        for reader in readers.get(position, ()):
            missing[reader] -= 1
            if not missing[reader]:
                admit(reader)
    return groups
