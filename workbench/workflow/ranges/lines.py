"""Reading files of ranges: lines of text, JSON documents and the numbers in them, refused in words."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from workbench.messages import WorkbenchError
from workbench.numerics.scaling import LARGEST, TINY
from workbench.workflow.files import unique_fields


def numbered_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Number, from 1, and text of each line without its ending; WorkbenchError naming the line that is no UTF-8."""
    for number, line in enumerate(path.read_bytes().split(b"\n"), 1):
        try:
            yield number, line.rstrip(b"\r").decode("utf-8")
        except UnicodeDecodeError:
            raise WorkbenchError(f"line {number} is no text in UTF-8") from None


def json_document(path: Path) -> dict[str, Any]:
    """The JSON object in a file; WorkbenchError where it is none, and for a field that is there twice."""
    try:
        document = json.loads(path.read_bytes().decode("utf-8"), object_pairs_hook=unique_fields)
    except WorkbenchError:
        raise
    except (ValueError, RecursionError) as error:  # no text, no JSON, a number of thousands of digits, too deep
        raise WorkbenchError(f"not a JSON text ({error})") from None
    if not isinstance(document, dict):
        raise WorkbenchError(f"expected a JSON object, got {shown(document)}")
    return document


def checked_scale(value: Any, where: str) -> float:
    """A step as the float32 number it becomes; WorkbenchError beginning with `where` for what is no scale."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise WorkbenchError(f"{where} is {shown(value)}; expected a number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not (math.isfinite(number) and abs(number) <= LARGEST and np.float32(number) >= TINY):
        raise WorkbenchError(f"{where} is {shown(value)}; expected a positive normal float32 number")
    return float(np.float32(number))


def shown(value: Any) -> str:
    """The beginning of a value, for an error text."""
    text = "a list" if isinstance(value, list) else "an object" if isinstance(value, dict) else None
    if text is None and isinstance(value, int) and abs(value) > 2**64:
        text = "a huge whole number"
    return text or f"{value!r:.60}"
