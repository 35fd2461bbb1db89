"""How the loader says no: file, field, what was expected, next step."""

from pathlib import Path

from workbench.messages import WorkbenchError

LONGEST_NAME = 120


def refusal(file: str | Path, found: str, expected: str, step: str) -> WorkbenchError:
    """The error for a file that cannot be loaded: `<file>: <found>; expected <expected>; <step>`.

    file: path or file name; only its last part is shown.
    """
    return WorkbenchError(f"{Path(str(file)).name}: {found}; expected {expected}; {step}")


def shown(name: str | bytes) -> str:
    """A name from a file, quoted and escaped for an error text, cut to a readable length."""
    text = name.decode("utf-8", "backslashreplace") if isinstance(name, bytes) else str(name)
    return repr(text if len(text) <= LONGEST_NAME else text[: LONGEST_NAME - 3] + "...")
