"""What was solved so far: remembered in a small file beside the notebooks' autosaves, so that a new kernel knows it."""

import json
import re
from pathlib import Path

from workbench.messages import WorkbenchError
from workbench.workflow.files import read_json, write_text

FILE = Path("workbench-autosave") / "lessons.json"
_NAME = re.compile(r"\w+\.\w+")
_known: set[str] = set()


def all_solved() -> set[str]:
    """Names of the exercises that were solved, in this kernel or before."""
    return _known | _saved()


def remember(exercise: str) -> None:
    """Add one. Where the folder cannot be written, it is remembered as long as the kernel lives."""
    everything = all_solved() | {exercise}
    _known.add(exercise)
    try:
        FILE.parent.mkdir(exist_ok=True)
        write_text(FILE, json.dumps(sorted(everything)) + "\n")
    except (OSError, WorkbenchError):
        return


def _saved() -> set[str]:
    try:
        names = read_json(FILE)
    except WorkbenchError:  # none yet, or spoiled: it is written anew with the next answer
        return set()
    return (
        {name for name in names if isinstance(name, str) and _NAME.fullmatch(name)}
        if isinstance(names, list)
        else set()
    )
