"""Files are written whole or not at all: to a temporary neighbour, flushed to the disk, then moved into place."""

import contextlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.messages import WorkbenchError


@contextlib.contextmanager
def new_file(path: str | Path) -> Iterator[Path]:
    """A path to write to beside `path`; moved to `path` when the block ends well, removed when it does not.

    Raises WorkbenchError where the folder is missing or cannot be written, or `path` is a directory or a device.
    """
    with new_files(path) as staged:
        yield staged.path


@dataclass
class Staged:
    """Files on their way. path: where the main file is to be written. files: where all of them are in the end."""

    path: Path
    files: tuple[Path, ...] = ()


def beside(path: Path, content: str, suffix: str) -> Path:
    """Where to write a file that the main one at `path` refers to by its name, inside a `new_files` block.

    content: hexadecimal digest of what it holds. suffix: begins with a dot. The name has the main file's and the digest
    in it, so that it never takes the place of a file that an older main file refers to: the set changes in the moment
    in which the main file is moved into place.
    """
    return path.with_name(f"{path.name}.{content[:_DIGITS]}{suffix}")


_DIGITS = 12


@contextlib.contextmanager
def new_files(path: str | Path) -> Iterator[Staged]:
    """As `new_file`, for a file with others beside it, see `beside`: either the old set is there, or the new one.

    Files that the former main file had beside it are removed after the new one is in place.
    """
    target = Path(path)
    try:
        _check_place(target)
        folder = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    except OSError as error:
        raise WorkbenchError(
            f"cannot write {target}: {error.strerror}; choose a folder that exists and is writable"
        ) from None
    staged = Staged(folder / target.name)
    try:
        yield staged
        others = sorted(file for file in folder.iterdir() if file != staged.path)
        for file in (*others, staged.path):
            _flush(file)
        _move(others, staged.path, target)
        staged.files = (target, *(target.with_name(file.name) for file in others))
    except OSError as error:
        raise WorkbenchError(f"cannot write {target}: {error.strerror or error}") from None
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    _flush_folder(target.parent)
    _remove_former(target, keep=staged.files)


def _check_place(target: Path) -> None:
    """WorkbenchError where a file cannot be: a device or a pipe would be replaced, not written to."""
    if "\0" in str(target):
        raise WorkbenchError(f"{str(target)!r} is no name of a file")
    if target.is_dir():
        raise WorkbenchError(f"{target} is a directory; give the name of a file")
    if target.exists() and not target.is_file():
        raise WorkbenchError(f"{target} is a device or a pipe; give the name of a file")


def _flush(file: Path) -> None:
    with open(file, "rb+") as written:
        os.fsync(written.fileno())
    os.chmod(file, 0o666 & ~_umask())


def _move(others: list[Path], main: Path, target: Path) -> None:
    """The main file last; where that fails, what came before it is taken away again."""
    moved: list[Path] = []
    try:
        for file in others:
            place = target.with_name(file.name)
            if not place.exists():
                moved.append(place)
            os.replace(file, place)
        if others:
            _flush_folder(target.parent)
        os.replace(main, target)
    except OSError:
        for place in moved:
            with contextlib.suppress(OSError):  # the next export removes it
                place.unlink(missing_ok=True)
        raise


def _flush_folder(folder: Path) -> None:
    """Make names durable in the order in which they were given; some systems cannot, which loses only that order."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _remove_former(target: Path, keep: tuple[Path, ...]) -> None:
    former = re.compile(re.escape(target.name) + rf"(\.[0-9a-f]{{{_DIGITS}}}\.\w+)+")
    with contextlib.suppress(OSError):  # they are in nobody's way, and the next export tries again
        for file in [*target.parent.iterdir()]:
            if former.fullmatch(file.name) and file not in keep:
                with contextlib.suppress(OSError):
                    file.unlink()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_text(path: str | Path, text: str) -> Path:
    """Write UTF-8 text whole or not at all; returns the path."""
    with new_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return Path(path)


def read_json(path: str | Path) -> Any:
    """The JSON document in a file; WorkbenchError in words where it is missing or no JSON."""
    source = Path(path)
    if not source.is_file():
        raise WorkbenchError("no such file" if not source.exists() else "not a regular file")
    try:
        return json.loads(source.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:  # no text, no JSON, a number of thousands of digits, too deep
        raise WorkbenchError(f"not a JSON text ({error})") from None
    except OSError as error:
        raise WorkbenchError(f"cannot be read: {error.strerror}") from None
