"""Files are written whole or not at all: to a temporary neighbour, flushed to the disk, then moved into place."""

import contextlib
import json
import os
import stat
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.messages import WorkbenchError
from workbench.workflow.file_sets import DIGITS, former_set
from workbench.workflow.staging import alone, clear, note_moves, remove_left_behind, staging_folder


@contextlib.contextmanager
def new_file(path: str | Path) -> Iterator[Path]:
    """A path to write to beside `path`; moved to `path` when the block ends well, removed when it does not.

    Raises WorkbenchError where the folder is missing or cannot be written, and as `place_of`.
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

    content: hexadecimal SHA-256 of what it holds; of a network: of the model that it is made from. suffix: begins with
    a dot. The name has the main file's and the digest in it, so that it never takes the place of a file that an older
    main file refers to: the set changes in the moment in which the main file is moved into place.
    """
    return path.with_name(f"{path.name}.{content[:DIGITS]}{suffix}")


@contextlib.contextmanager
def new_files(path: str | Path) -> Iterator[Staged]:
    """As `new_file`, for a file with others beside it, see `beside`: either the old set is there, or the new one.

    Files that the former main file referred to are removed after the new one is in place; the new ones have its
    permissions. Where `path` is a link, a set can only be written if the link lies in the folder of its file: what is
    beside would not be found through it.
    """
    target = place_of(path)
    remove_left_behind(target.parent)
    try:
        folder = staging_folder(target.parent)
    except OSError as error:
        raise _no_place(target, error) from None
    staged = Staged(folder / target.name)
    try:
        yield staged
        others = sorted(file for file in folder.iterdir() if file != staged.path)
        if others and not target.parent.samefile(Path(path).parent):
            words = f"{path} is a link, and files beside its file are not found through it"
            raise WorkbenchError(f"{words}; give {target} itself")
        for file in (*others, staged.path):
            _flush(file)
            _permit(file, target)
        staged.files = _change(others, staged.path, target)
    except OSError as error:
        raise WorkbenchError(f"cannot write {target}: {error.strerror or error}") from None
    finally:
        clear(folder)


def place_of(path: str | Path) -> Path:
    """Where a file that is written to `path` goes: itself, or where it is a link what the link leads to.

    Raises WorkbenchError where no file can be, where a directory, a device or a pipe is (it would be replaced, not
    written to), for links in a circle, and for a file that its owner or this user has no permission to write.
    """
    target = Path(path)
    if "\0" in str(target):
        raise WorkbenchError(f"{str(target)!r} is no name of a file")
    try:
        if target.is_symlink():
            target = Path(os.path.realpath(target))
        mode = target.stat().st_mode
    except FileNotFoundError:
        return target
    except OSError as error:  # a name that is too long, links in a circle
        raise _no_place(Path(path), error) from None
    if stat.S_ISDIR(mode):
        raise WorkbenchError(f"{path} is a directory; give the name of a file")
    if not stat.S_ISREG(mode):
        raise WorkbenchError(f"{path} is a device or a pipe; give the name of a file")
    if not mode & stat.S_IWUSR:
        raise WorkbenchError(f"{path} is read-only; give another name, or allow its owner to write it")
    if not os.access(target, os.W_OK):
        raise WorkbenchError(f"{path} belongs to somebody who allows no writing; give another name")
    return target


def _no_place(path: Path, error: OSError) -> WorkbenchError:
    return WorkbenchError(f"cannot write {path}: {error.strerror}; choose a folder that exists and is writable")


def _flush(file: Path) -> None:
    with open(file, "rb+") as written:
        os.fsync(written.fileno())


def _permit(file: Path, target: Path) -> None:
    """Give a file the permissions of the one whose place it takes, and where that can be its owner too."""
    with contextlib.suppress(FileNotFoundError):
        was, now = target.stat(), file.stat()
        if (was.st_uid, was.st_gid) != (now.st_uid, now.st_gid):
            with contextlib.suppress(OSError):
                os.chown(file, was.st_uid, was.st_gid)
        os.chmod(file, was.st_mode & 0o777)


def _change(others: list[Path], main: Path, target: Path) -> tuple[Path, ...]:
    """Move the files into place, the main one last, and remove what the former one referred to; gives the places."""
    places = [target.with_name(file.name) for file in others]
    with alone(target.parent):
        try:
            former = former_set(target) - {*places}
            if others or former:
                note_moves(main.parent, target.name, {place for place in places if not place.exists()}, former)
            for file, place in zip(others, places, strict=True):
                os.replace(file, place)
            if others:
                _flush_folder(target.parent)
            os.replace(main, target)
            _flush_folder(target.parent)
        finally:
            clear(main.parent)
    lost = [place.name for place in places if not place.exists()]
    if lost:  # where there are no locks
        raise WorkbenchError(f"another program wrote {target} at the same time and removed {lost[0]}; write it again")
    return (target, *places)


def _flush_folder(folder: Path) -> None:
    """Make names durable in the order in which they were given; some systems cannot, which loses only that order."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def write_text(path: str | Path, text: str) -> Path:
    """Write UTF-8 text whole or not at all; returns the path."""
    with new_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return Path(path)


def read_json(path: str | Path) -> Any:
    """The JSON document in a file; WorkbenchError in words where it is missing, no JSON, or a field is there twice."""
    source = Path(path)
    if not source.is_file():
        raise WorkbenchError("no such file" if not source.exists() else "not a regular file")
    try:
        return json.loads(source.read_text(encoding="utf-8"), object_pairs_hook=unique_fields)
    except (ValueError, RecursionError) as error:  # no text, no JSON, a number of thousands of digits, too deep
        raise WorkbenchError(f"not a JSON text ({error})") from None
    except OSError as error:
        raise WorkbenchError(f"cannot be read: {error.strerror}") from None


def unique_fields(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The `object_pairs_hook` of a JSON reader that does not take the last of two fields of one name silently."""
    fields = dict(pairs)
    if len(fields) < len(pairs):
        twice = next(name for name, n in Counter(name for name, _ in pairs).items() if n > 1)
        raise WorkbenchError(f"field {twice!r} is there twice in one object; one of them is wrong")
    return fields
