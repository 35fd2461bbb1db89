"""`destination`: the file that a person's words for it mean, and what must not be replaced unasked."""

from collections.abc import Collection
from pathlib import Path

from workbench.messages import WorkbenchError
from workbench.workflow.export.catalogue import TARGETS
from workbench.workflow.export.target import Target

RECIPE = ".recipe.json"  # what an export in the app saves beside the file, after its whole name
OTHERS = {  # endings of files that no target writes -> what such a file is
    ".ipynb": "a notebook",
    ".py": "a Python script",
    ".npy": "an array",
    ".npz": "several arrays",
    ".pt": "a PyTorch file",
    ".pth": "a PyTorch file",
    ".param": "ncnn's own network",
    ".md": "a text",
    ".pdf": "a PDF document",
    ".png": "a picture",
    ".jpg": "a picture",
    ".zip": "an archive",
}


def destination(text: str, target: Target) -> Path:
    """The absolute path that was typed for a target's file; `~` is the home folder.

    Raises WorkbenchError where no name is given, and for the ending of another kind of file.
    """
    name = text.strip()
    if not name or name.endswith(("/", "\\")):
        raise WorkbenchError(f"Give a file name, such as network{target.suffix}.")
    try:
        path = Path(name).expanduser().absolute()
    except (RuntimeError, OSError):  # no such user; the working folder was removed
        raise WorkbenchError(f"{name}: that folder cannot be found; give a path that begins with /.") from None
    ending, owner = _ending(path.name.lower())
    if ending not in ("", target.suffix):
        wanted = f"{_short(target)} ends in {target.suffix}"
        raise WorkbenchError(f"{path.name} has the ending of another kind of file ({owner}). {wanted}.")
    return path


def suffixed(path: Path, suffix: str) -> Path:
    """`path` with a second ending after its own."""
    return path.with_name(path.name + suffix)


def occupied(path: Path, own: Collection[Path]) -> tuple[Path, ...]:
    """Files that writing `path`, and the recipe beside it, would replace and that are not among `own`."""
    return tuple(each for each in (path, suffixed(path, RECIPE)) if _is_file(each) and each.resolve() not in own)


def question(files: tuple[Path, ...]) -> str:
    """What to ask before they are replaced."""
    names = " and ".join(file.name for file in files)
    return f"{names} exist. Replace them?" if len(files) > 1 else f"{names} exists. Replace it?"


def working_folder() -> str:
    """Where a bare name goes; "" where the folder is gone."""
    try:
        return str(Path.cwd())
    except OSError:
        return ""


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # no name of a file: writing says why
        return False


def _ending(name: str) -> tuple[str, str]:
    """The longest known ending of a name, and whose it is; ("", "") where none is known."""
    owners = OTHERS | {target.suffix: _short(target) for target in reversed([*TARGETS.values()])}
    found = max((ending for ending in owners if ending and name.endswith(ending)), key=len, default="")
    return found, owners.get(found, "")


def _short(target: Target) -> str:
    return target.title.split(":")[0]
