"""Parts of very different size under one scale: behind a Concat, or as scores and boxes of a detector."""

from collections.abc import Iterator

import numpy as np
from onnx import NodeProto

from workbench.models.protos import is_operator
from workbench.workflow.diagnosis.case import Case
from workbench.workflow.diagnosis.finding import Finding
from workbench.workflow.diagnosis.look import joined
from workbench.workflow.diagnosis.words import finding, listed, number, remedy, times

MIXED = 8.0  # largest part over smallest
SCORES = ("Sigmoid", "Softmax", "HardSigmoid")


def concat(case: Case) -> Iterator[Finding]:
    """Parts that were joined share one scale, made for the largest of them: quantize them apart."""
    made_by = dict(case.producers())
    for point in case.activations:
        node = joined(made_by, point.name)
        sizes = None if node is None else _sizes(case, node)
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


def _sizes(case: Case, node: NodeProto) -> list[float] | None:
    """Largest magnitude of each part; None where one is not known."""
    known: dict[str, float] = {} if case.look is None else dict(case.look.reach)
    known |= {name: case.calibration[name].absmax for name in node.input if name in case.calibration}
    constants = case.model.network.constants
    known |= {name: float(np.abs(constants[name]).max(initial=0)) for name in node.input if name in constants}
    return [known[name] for name in node.input] if all(name in known for name in node.input) else None
