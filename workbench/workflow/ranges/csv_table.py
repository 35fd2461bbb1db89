"""Reader `csv_table`: a table with one row a tensor and channel, of ours or of anybody's own making."""

import csv
import io
import math
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from workbench.messages import WorkbenchError
from workbench.numerics.clipping.catalogue import CLIPPING
from workbench.numerics.formats.catalogue import FORMATS
from workbench.numerics.scaling import LARGEST
from workbench.workflow.ranges.ranges import RangeFile, Reader, TensorRange

NEEDED = ("name", "format", "min", "max")
Row = dict[str, str]


def read(path: Path) -> RangeFile:
    """Columns name, format, min, max; axis and channel where there are any.

    Further columns of our own tables are read too: target name, symmetric, block size, method, rounding, overflow, zero
    band, dynamic, estimated, levels (numbers with a space between) and note. Others are passed over. Format fp32 means
    float.
    Raises WorkbenchError naming line and column.
    """
    tensors: dict[str, TensorRange] = {}
    floats: list[str] = []
    notes: dict[str, str] = {}
    names: dict[str, str] = {}
    for name, rows in _by_name(path).items():
        line, first = rows[0]
        if len(rows) > 1 and not all(row.get("channel") for _, row in rows):
            numbers = " and ".join(str(number) for number, _ in rows[:2])
            raise WorkbenchError(f"lines {numbers}: {name!r:.80} is there twice and has no channels; one is wrong")
        if first.get("note"):
            notes[name] = first["note"]
        if first.get("target name"):
            names[name] = first["target name"]
        if first["format"] == "fp32":
            floats.append(name)
        else:
            tensors[name] = _range(name, rows)
    return RangeFile("csv_table", path, tensors, tuple(floats), notes=notes, names=names)


def _by_name(path: Path) -> dict[str, list[tuple[int, Row]]]:
    try:
        text = path.read_bytes().decode("utf-8-sig")
        lines = csv.DictReader(io.StringIO(text, newline=""), strict=True)
        columns = lines.fieldnames or ()
        twice = [column for column, n in Counter(columns).items() if n > 1 and column in READ]
        if twice:
            raise WorkbenchError(f"line 1: there are two columns {twice[0]!r}; one of them is wrong")
        missing = [column for column in NEEDED if column not in columns]
        if missing:
            raise WorkbenchError(f"line 1: there is no column {missing[0]!r}; expected {', '.join(NEEDED)} at least")
        found: dict[str, list[tuple[int, Row]]] = {}
        for row in lines:
            if None in row or None in row.values():
                raise WorkbenchError(f"line {lines.line_num}: it has not as many fields as line 1")
            found.setdefault(row["name"], []).append((lines.line_num, row))
    except UnicodeDecodeError:
        raise WorkbenchError("it is no UTF-8 text; save the table as CSV in UTF-8") from None
    except csv.Error as error:
        raise WorkbenchError(f"line {lines.line_num}: it is no CSV ({error})") from None
    return found


def _range(name: str, rows: list[tuple[int, Row]]) -> TensorRange:
    line, first = rows[0]
    if first["format"] not in FORMATS:
        raise WorkbenchError(f"line {line}, column 'format': {first['format']!r:.80} is no format that is known here")
    rows = _in_order(rows)
    low, high = ([_number(line, row, column) for line, row in rows] for column in ("min", "max"))
    grouped = bool(first.get("channel"))
    others = {
        field: _value(line, first, column, kind) for column, (field, kind) in _OTHERS.items() if first.get(column)
    }
    return TensorRange(
        name,
        first["format"],
        np.array(low, np.float32) if grouped else low[0],
        np.array(high, np.float32) if grouped else high[0],
        _value(line, first, "symmetric", _truth) if first.get("symmetric") else None,
        _value(line, first, "axis", int) if first.get("axis") else None,
        others=others,
    )


def _in_order(rows: list[tuple[int, Row]]) -> list[tuple[int, Row]]:
    """Rows of one tensor by channel; WorkbenchError where a channel is missing, twice there, or formats differ."""
    line, first = rows[0]
    if len(rows) == 1 and not first.get("channel"):
        return rows
    channels = [_value(line, row, "channel", int) for line, row in rows]
    if sorted(channels) != list(range(len(rows))):
        raise WorkbenchError(
            f"line {line}, column 'channel': {first['name']!r:.80} has not each channel from 0 on once"
        )
    for line, row in rows:
        if row["format"] != first["format"]:
            raise WorkbenchError(f"line {line}, column 'format': channels of one tensor have one format")
    return [rows[channels.index(channel)] for channel in range(len(rows))]


def _value(line: int, row: Row, column: str, kind: Callable[[str], Any]) -> Any:
    try:
        return kind(row.get(column, ""))
    except ValueError:
        raise WorkbenchError(f"line {line}, column {column!r}: cannot read {row.get(column, '')!r:.80}") from None


def _number(line: int, row: Row, column: str) -> float:
    value: float = _value(line, row, column, float)
    if not math.isfinite(value) or abs(value) > LARGEST:
        raise WorkbenchError(f"line {line}, column {column!r}: {row[column]!r} is no finite number of float32")
    return value


def _truth(text: str) -> bool:
    if text not in ("yes", "no"):
        raise ValueError(text)
    return text == "yes"


def _method(text: str) -> str:
    if text not in CLIPPING and text not in ("hand", "own"):
        raise ValueError(text)
    return text


def _numbers(text: str) -> tuple[float, ...]:
    return tuple(map(float, text.split()))


# column -> field of TensorChoice, and what makes its value of a text
_OTHERS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "block size": ("block_size", int),
    "method": ("method", _method),
    "rounding": ("rounding", str),
    "overflow": ("overflow", str),
    "zero band": ("zero_band", float),
    "dynamic": ("dynamic", str),
    "estimated": ("estimated", _truth),
    "levels": ("levels", _numbers),
}
READ = (*NEEDED, "target name", "symmetric", "axis", "channel", "note", *_OTHERS)


def _recognizes(head: bytes, path: Path) -> bool:
    first = head.removeprefix(b"\xef\xbb\xbf").split(b"\n", 1)[0].decode("utf-8", "replace").strip()
    columns = {column.strip('"') for column in first.split(",")}
    return columns.issuperset(NEEDED)


CSV_TABLE = Reader(name="csv_table", title="CSV table", suffixes=(".csv",), recognizes=_recognizes, read=read)
