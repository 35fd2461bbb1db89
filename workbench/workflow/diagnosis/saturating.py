"""Inputs of sigmoid and tanh beyond what the functions can tell apart."""

from collections.abc import Iterator

from workbench.models.protos import is_operator, names_read
from workbench.numerics.clipping.cut_offs import SIGMOID_CUT, TANH_CUT
from workbench.workflow.diagnosis.case import Case
from workbench.workflow.diagnosis.finding import Finding
from workbench.workflow.diagnosis.ranges import beyond, ends, has_one_range
from workbench.workflow.diagnosis.words import finding, number, percent, remedy

CUTS = {"Sigmoid": ("sigmoid_cut", SIGMOID_CUT), "Tanh": ("tanh_cut", TANH_CUT)}
FAR = 1.2  # times the cut-off


def saturating(case: Case) -> Iterator[Finding]:
    """A range beyond 6 before a sigmoid (3 before a tanh) spends levels on what the function flattens: clip there."""
    for point in case.activations:
        readers = [node for node in case.model.network.nodes if point.name in names_read(node)]
        kinds = {node.op_type for node in readers if is_operator(node, *CUTS)}
        if len(kinds) != 1 or not has_one_range(point):
            continue
        operator = kinds.pop()
        method, cut = CUTS[operator]
        low, high = ends(point.choice)
        if max(high, -low) > FAR * cut:
            share = beyond(point.body, -cut, cut) / point.body.count
            sentence = (
                f"the range goes to {number(max(high, -low))}, but {operator.lower()} is flat beyond {cut:g} "
                f"({percent(share)} of the values)"
            )
            clip = remedy(f"clip at {cut:g}", point.chosen(method=method))
            advice = f"clip at {cut:g} if what else reads it allows that"
            yield finding("saturating", point, sentence, clip, advice=advice, share=share, cut=cut)
