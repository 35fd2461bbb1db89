"""Class indices of files, from a CSV table or a mapping."""

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from workbench.messages import WorkbenchError

FILE_COLUMNS = ("file", "filename", "file_name", "image", "path")
CLASS_COLUMNS = ("class_index", "label", "class", "target", "index")
NAME_COLUMNS = ("class_name", "label_name", "name")


def listed_in(labels: str | Path | Mapping[str, int], split: str | None = None) -> dict[str, int]:
    """File name -> class index, folders in front of the name left out.

    split: keep only the rows of a table whose column `split` says this. Raises WorkbenchError naming file and row.
    """
    if isinstance(labels, Mapping):
        if split is not None:
            raise WorkbenchError(f"split={split!r} chooses rows of a labels file; the labels given are a mapping")
        return {Path(str(name)).name: _index(value, f"labels[{name!r}]") for name, value in labels.items()}
    path = Path(labels)
    if not path.is_file():
        raise WorkbenchError(
            f"{path}: {'not a file' if path.exists() else 'no such file'}; expected a CSV table of labels"
        )
    found: dict[str, int] = {}
    for place, name, value in _rows(path, split):
        index = _index(value, place)
        if found.setdefault(name, index) != index:
            raise WorkbenchError(f"{place}: {name!r} has two labels, {found[name]} and {index}")
    if not found:
        raise WorkbenchError(f"{path}: no row" + (f" with split {split!r}" if split is not None else ""))
    return found


def names_in(labels: str | Path | Mapping[str, int]) -> dict[int, str]:
    """Class index -> its name, as a readable table says; empty for a mapping and without a column of names."""
    if isinstance(labels, Mapping):
        return {}
    with open(labels, newline="", encoding="utf-8-sig") as text:
        reader = csv.DictReader(text)
        header = list(reader.fieldnames or ())
        column = next((name for name in NAME_COLUMNS if name in header), None)
        class_column = _column(Path(labels), header, CLASS_COLUMNS)
        pairs = [] if column is None else [((row[class_column] or "").strip(), row[column]) for row in reader]
        return {int(index): name for index, name in pairs if index.isdecimal() and name}


def _rows(path: Path, split: str | None) -> Iterator[tuple[str, str, str | None]]:
    """Where a row stands, its file name and its class index as text."""
    try:
        with open(path, newline="", encoding="utf-8-sig") as text:
            reader = csv.DictReader(text)
            header = list(reader.fieldnames or ())
            file_column = _column(path, header, FILE_COLUMNS)
            class_column = _column(path, header, CLASS_COLUMNS)
            if split is not None:
                _column(path, header, ("split",))
            for row in reader:
                if split is None or row["split"] == split:
                    yield f"{path}, line {reader.line_num}", Path(row[file_column] or "").name, row[class_column]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise WorkbenchError(f"{path}: not a readable CSV table ({error})") from None


def _column(path: Path, header: list[str], wanted: tuple[str, ...]) -> str:
    for name in wanted:
        if name in header:
            return name
    raise WorkbenchError(
        f"{path}: no column {' or '.join(wanted)}; its first line has {', '.join(header) or 'nothing'}"
    )


def _index(value: object, place: str) -> int:
    if isinstance(value, int | np.integer) and not isinstance(value, bool):
        index = int(value)
    else:
        text = str(value).strip()
        index = int(text) if text.isdecimal() else -1
    if index < 0:
        raise WorkbenchError(f"{place}: {value!r} is no class index; expected a whole number from 0 on")
    return index
