"""`workbench diff`: what two recipes do not share."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from workbench.cli.command import Command, Result

_WIDEST = 40


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("before", type=Path, metavar="a.json", help="a recipe")
    parser.add_argument("after", type=Path, metavar="b.json", help="the recipe to compare with")


def _run(arguments: argparse.Namespace) -> Result:
    from workbench.workflow.recipe import Recipe

    before, after = Recipe.load(arguments.before), Recipe.load(arguments.after)
    differences = before.diff(after)
    facts = {"same_model": before.model_sha256 == after.model_sha256, "differences": [vars(one) for one in differences]}
    lines = [] if facts["same_model"] else [f"made for different files: {before.model_name}, {after.model_name}"]
    if not differences:
        return Result("\n".join([*lines, "no difference"]), facts)
    rows = [("tensor", "field", "before", "after")]
    rows += [(one.tensor, one.field, _short(one.before), _short(one.after)) for one in differences]
    return Result("\n".join([*lines, *table(rows)]), facts)


def _short(value: Any) -> str:
    """One line; of a list how many and which ends."""
    if isinstance(value, list) and value:
        return f"{len(value)} values, {min(value):.6g} to {max(value):.6g}"
    text = f"{value:.6g}" if isinstance(value, float) else " ".join(str(value).split())
    return text if len(text) <= _WIDEST else f"{text[: _WIDEST - 1]}…"


def table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Columns as wide as their longest entry."""
    shown = [tuple(" ".join(cell.split()) for cell in row) for row in rows]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    return ["  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in shown]


DIFF = Command("diff", "show what two recipes do not share", _arguments, _run)
