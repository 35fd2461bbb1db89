"""Target `csv_table`: every number of a recipe as a table, one row a tensor and channel; every format can be said.

Numbers are the shortest decimal numbers that come back to the same bits. Texts that a spreadsheet would take for a
formula (beginning with = + - @) are kept as they are, in quotes: import the table as text where that matters.
"""

import csv
import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from workbench.messages import Notice, WorkbenchError
from workbench.numerics.formats.fixed_point import FixedPointFormat
from workbench.workflow.choice import TensorChoice
from workbench.workflow.export.range_check import check_read_back
from workbench.workflow.export.recipe_file import no_refusal
from workbench.workflow.export.target import Order, SelfCheck, Target
from workbench.workflow.ranges import csv_table


@dataclass(frozen=True)
class _Row:
    """One row. index: of the channel or block; None where the tensor has one range."""

    name: str
    target_name: str
    note: str
    choice: TensorChoice | None
    index: int | None

    def of(self, values: Any) -> Any:
        """The one value of this row; float32 numbers as such, so that they print short."""
        array = np.asarray(values)
        return array if array.ndim == 0 else array[self.index or 0]


def _number(value: Any) -> str:
    """The shortest text that comes back to the same bits of the value's own type."""
    array = np.asarray(value)
    return str(array.astype(np.float32)[()]) if array.dtype == np.float32 else repr(float(array))


def _q(choice: TensorChoice, row: _Row) -> str:
    format = choice.variation
    if not isinstance(format, FixedPointFormat):
        return ""
    n = format.fraction_bits(float(row.of(choice.quantizer.scale)))
    return f"Q{format.bits - 1 - n}.{n}"


def _shift(choice: TensorChoice, row: _Row) -> str:
    format = choice.variation
    fixed = isinstance(format, FixedPointFormat)
    return str(format.fraction_bits(float(row.of(choice.quantizer.scale)))) if fixed else ""  # type: ignore[attr-defined]


def _said(value: Any) -> str:
    return "" if value is None else str(value)


def _yes(value: bool | None) -> str:
    return "" if value is None else "yes" if value else "no"


# column -> its text for a tensor that has a choice
_OF_CHOICE: dict[str, Callable[[TensorChoice, _Row], str]] = {
    "bits": lambda c, row: str(c.variation.bits),
    "axis": lambda c, row: _said(c.axis),
    "channel": lambda c, row: _said(row.index),
    "min": lambda c, row: _number(row.of(c.low)),
    "max": lambda c, row: _number(row.of(c.high)),
    "scale": lambda c, row: _number(row.of(c.quantizer.scale)) if c.variation.has_scale else "",
    "zero point": lambda c, row: str(int(row.of(c.quantizer.zero_point))) if c.variation.has_scale else "",
    "Qm.n": _q,
    "shift": _shift,
    "method": lambda c, row: c.method,
    "symmetric": lambda c, row: _yes(c.symmetric),
    "block size": lambda c, row: _said(c.block_size),
    "rounding": lambda c, row: c.rounding,
    "overflow": lambda c, row: _said(c.overflow),
    "zero band": lambda c, row: _number(c.zero_band) if c.zero_band else "",
    "dynamic": lambda c, row: _said(c.dynamic),
    "estimated": lambda c, row: _yes(c.estimated or None),
    "levels": lambda c, row: " ".join(_number(np.float32(x)) for x in c.levels or ()),
}
_OF_ANY: dict[str, Callable[[_Row], str]] = {
    "name": lambda row: row.name,
    "target name": lambda row: row.target_name,
    "format": lambda row: row.choice.format if row.choice is not None else "fp32",
    "note": lambda row: row.note,
}
COLUMNS = ("name", "target name", "format", *_OF_CHOICE, "note")


def _rows(order: Order) -> Iterator[_Row]:
    recipe = order.recipe
    for name in dict.fromkeys([*recipe, *recipe.notes, *order.names]):
        choice = recipe.choices.get(name)
        called = order.names.get(name, "")
        grouped = choice is not None and np.ndim(choice.low)
        for index in range(np.size(choice.low)) if choice is not None and grouped else (None,):
            yield _Row(name, called, recipe.notes.get(name, ""), choice, index)


def _columns(order: Order) -> tuple[str, ...]:
    asked = order.options.get("columns")
    if asked is not None and not (asked and isinstance(asked, str | list | tuple)):
        raise WorkbenchError(f"columns is {asked!r}; expected names of columns, some of {', '.join(COLUMNS)}")
    columns = COLUMNS if asked is None else (asked,) if isinstance(asked, str) else tuple(asked)
    for column in columns:
        if column not in COLUMNS:
            raise WorkbenchError(f"columns: {column!r} is no column; expected some of {', '.join(COLUMNS)}")
    return columns


def _text(column: str, row: _Row) -> str:
    if column in _OF_ANY:
        return _OF_ANY[column](row)
    return _OF_CHOICE[column](row.choice, row) if row.choice is not None else ""


def write(order: Order, path: Path) -> tuple[Notice, ...]:
    """The table, in the order of the recipe; all texts in quotes where CSV needs them or a formula could begin."""
    columns, texts = _columns(order), 0
    with open(path, "w", encoding="utf-8", newline="") as file:
        plain = csv.writer(file, lineterminator="\n")
        quoted = csv.writer(file, lineterminator="\n", quoting=csv.QUOTE_ALL)
        plain.writerow(columns)
        for row in _rows(order):
            risky = any(text.startswith(("=", "+", "-", "@")) for text in (row.name, row.target_name, row.note))
            texts += risky
            (quoted if risky else plain).writerow([_text(column, row) for column in columns])
    words = "begin with = + - or @; they are kept as they are, in quotes: import these columns as text, not as formulas"
    return (Notice("names", f"Names or notes of {texts} rows {words}."),) if texts else ()


def check(order: Order, path: Path) -> SelfCheck:
    """Every range and code read back, where all columns were written."""
    if set(_columns(order)) >= set(COLUMNS):
        return check_read_back(dataclasses.replace(order, names={}), path, csv_table.read)
    return SelfCheck(notices=(Notice("check", "Only some columns were written, so that it was not read back."),))


CSV_TABLE = Target(
    name="csv_table",
    title="CSV table",
    runs_on="anything",
    suffix=".csv",
    refusal=no_refusal,
    write=write,
    check=check,
    kind="ranges",
    read=csv_table.read,
    options={"columns": f"which columns are written, in this order; all are {', '.join(COLUMNS)}"},
)
