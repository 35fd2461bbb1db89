"""Parts of very different size under one scale: behind a Concat, or as scores and boxes of a detector."""

from collections.abc import Iterator

import numpy as np
from onnx import NodeProto

from workbench.models.protos import attribute, is_operator
from workbench.workflow.diagnosis.case import Case, Point
from workbench.workflow.diagnosis.finding import Finding
from workbench.workflow.diagnosis.words import finding, listed, number, remedy, times

MIXED = 8.0  # largest part over smallest
SCORES = ("Sigmoid", "Softmax", "HardSigmoid")
MOVES = ("Reshape", "Transpose", "Flatten", "Squeeze", "Unsqueeze", "Identity")


def concat(case: Case) -> Iterator[Finding]:
    """Parts that were joined share one scale, made for the largest of them: quantize them apart."""
    made_by = dict(case.producers())
    for point in case.activations:
        node = _joined(made_by, point.name)
        sizes = None if node is None else _sizes(case, node, point)
        if node is None or sizes is None or min(sizes) <= 0 or max(sizes) < MIXED * min(sizes):
            continue
        scores = [is_operator(made_by[name], *SCORES) for name in node.input if name in made_by]
        what = "scores and boxes" if any(scores) and not all(scores) else "parts"
        reach = " and ".join(number(size) for size in sizes[:4]) + (" ..." if len(sizes) > 4 else "")
        sentence = (
            f"{len(sizes)} {what} that reach {reach} share one scale, made for the largest: the smallest has "
            f"{times(max(sizes) / min(sizes))} times fewer codes"
        )
        finer = remedy("give it int16", point.chosen(format="int16"))
        advice = f"quantize {listed(list(node.input), 'part')} before they are joined"
        yield finding("concat", point, sentence, finer, advice=advice, parts=tuple(node.input), sizes=tuple(sizes))


def _joined(made_by: dict[str, NodeProto], name: str) -> NodeProto | None:
    """The Concat of channels that a value comes from, through what only moves values."""
    node = made_by.get(name)
    while node is not None and is_operator(node, *MOVES):
        node = made_by.get(node.input[0])
    return node if node is not None and is_operator(node, "Concat") else None


def _sizes(case: Case, node: NodeProto, point: Point) -> list[float] | None:
    """Largest magnitude of each part: as calibrated, or of its channels; None where it is not known."""
    known = [case.calibration[name].absmax for name in node.input if name in case.calibration]
    if len(known) == len(node.input):
        return known
    rows = None if case.look is None else case.look.rows.get(point.name)
    shapes = [case.model.tensors[name].shape if name in case.model.tensors else None for name in node.input]
    axis = int(attribute(node, "axis", 1))
    if rows is None or axis != 1 or node.output[0] != point.name or any(not shape for shape in shapes):
        return None
    lengths = [shape[axis] if shape is not None and len(shape) > axis else None for shape in shapes]
    if not all(isinstance(length, int) for length in lengths) or sum(map(int, lengths)) != len(rows):  # type: ignore[arg-type]
        return None
    cuts = np.cumsum([int(length or 0) for length in lengths])[:-1]
    return [float(np.abs(part).max(initial=0)) for part in np.split(rows, cuts)]
