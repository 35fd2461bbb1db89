"""Numbers and names in the sentences of a diagnosis."""

from collections.abc import Sequence
from typing import Any

from workbench.workflow.choice import TensorChoice
from workbench.workflow.diagnosis.case import Point
from workbench.workflow.diagnosis.finding import Finding, Remedy

SHOWN = 3


def number(value: float) -> str:
    """Three digits that count."""
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e6 else f"{value:.3g}"


def percent(share: float) -> str:
    """A share as %, never 0 or 100 where it is not."""
    if 0 < share < 0.001:
        return f"{100 * share:.2g} %"
    return f"{100 * share:.3g} %" if share < 0.999 or share == 1 else f"{100 * share:.5g} %"


def times(ratio: float) -> str:
    """A factor."""
    return f"{ratio:,.0f}" if ratio >= 10 else f"{ratio:.1f}"


def listed(things: Sequence[Any], what: str) -> str:
    """`sample 3` or `samples 3, 17 and 4 more`."""
    names = [str(thing) for thing in things[:SHOWN]]
    if len(things) == 1:
        return f"{what} {names[0]}"
    if len(things) > SHOWN:
        return f"{what}s {', '.join(names)} and {len(things) - SHOWN} more"
    return f"{what}s {', '.join(names[:-1])} and {names[-1]}"


def range_words(choice: TensorChoice, verb: str) -> str:
    """`clip at 4.2`, `clip at -1.2 and 4.2`."""
    if choice.axis is not None:
        return f"{verb} what each channel needs"
    low, high = float(choice.low), float(choice.high)  # type: ignore[arg-type]
    if low == 0 or low == -high:
        return f"{verb} {number(high)}"
    return f"{verb} {number(low)} and {number(high)}"


def finding(kind: str, point: Point, sentence: str, *remedies: Remedy, advice: str = "", **evidence: Any) -> Finding:
    """A finding about a point; the first remedy is its advice."""
    first = remedies[0] if remedies else None
    return Finding(kind, point.layer.name, point.name, sentence, evidence, first, remedies[1:], advice)


def remedy(words: str, *choices: TensorChoice, short: str = "") -> Remedy:
    """New entries for some tensors. short: for a button, where the words are too long for one."""
    return Remedy(words, {choice.tensor: choice for choice in choices}, short or words)
