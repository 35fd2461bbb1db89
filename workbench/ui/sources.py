"""`joined`: the scripts or style sheets of a widget as one text, as it is sent to the page."""

from pathlib import Path


def joined(folder: Path, *names: str) -> str:
    """Files of a folder, one after the other: they share one scope.

    Indentation, empty lines and lines of comment stay at home: a page with thousands of layers is told enough. No text
    in a script goes over a line.
    """
    lines = (line.strip() for name in names for line in (folder / name).read_text(encoding="utf-8").splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("//"))
