"""Channels behind a ReLU-N that sit at its upper end, or never leave zero."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from workbench.models.protos import is_operator
from workbench.workflow.diagnosis.case import Case
from workbench.workflow.diagnosis.finding import Finding
from workbench.workflow.diagnosis.words import finding, listed, number

MOSTLY = 0.9  # share of a channel's values


def relu_n(case: Case) -> Iterator[Finding]:
    """Such channels tell nothing any more: the network, not the format, has to change."""
    yield from sorted(_findings(case), key=lambda found: -found.evidence["share"])


def _findings(case: Case) -> Iterator[Finding]:
    constants = case.model.network.constants
    for name, node in case.producers():
        point = case.points.get(name)
        if point is None or case.look is None or name not in case.look.rows or not is_operator(node, "Clip"):
            continue
        limit = constants.get(node.input[2]) if len(node.input) > 2 else None
        if limit is None or limit.size != 1:
            continue
        rows, top = case.look.rows[name], float(limit.reshape(()))
        full = np.flatnonzero((rows >= top).mean(axis=1) > MOSTLY).tolist()
        dead = np.flatnonzero(rows.max(axis=1) <= 0).tolist()
        parts = []
        if full:
            parts.append(f"{listed(full, 'channel')} {_are(full)} mostly at the upper end {number(top)}")
        if dead:
            parts.append(f"{listed(dead, 'channel')} {_are(dead)} 0 throughout")
        if parts:
            they = "it carries" if len(full) + len(dead) == 1 else "they carry"
            sentence = f"of {len(rows):,} channels, {' and '.join(parts)}: {they} almost nothing"
            advice = "remove such channels, or train without a fixed upper end"
            numbers: dict[str, Any] = dict(saturated=tuple(full), dead=tuple(dead))
            share = (len(full) + len(dead)) / len(rows)
            yield finding("relu_n", point, sentence, advice=advice, share=share, **numbers)


def _are(channels: list[int]) -> str:
    return "is" if len(channels) == 1 else "are"
