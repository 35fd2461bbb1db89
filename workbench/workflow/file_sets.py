"""A file and those beside it that it refers to by their names: which these are."""

import contextlib
import hashlib
import mmap
import os
import re
from pathlib import Path

DIGITS = 12  # of the SHA-256 in the name


def is_beside(main: str, name: str) -> bool:
    """Whether `name` is one that `files.beside` gives for the file named `main`, or for one beside it."""
    return re.fullmatch(re.escape(main) + rf"(\.[0-9a-f]{{{DIGITS}}}\.\w+)+", name) is not None


def set_of(main: Path) -> set[Path]:
    """The files beside `main` that it refers to, and those that these refer to; empty where there is no `main`.

    A name that stands anywhere in a file is a reference: the formats that refer to files write their names as they are.
    """
    near = {file for file in [*main.parent.iterdir()] if is_beside(main.name, file.name) and is_plain(file)}
    found: set[Path] = set()
    asked = [main]
    while asked and near - found:
        new = _referred_to(asked.pop(), near - found)
        found |= new
        asked += [file for file in new if file.suffix == ".onnx"]  # what weights hold are no names
    return found


def former_set(main: Path) -> set[Path]:
    """Of `set_of` those that are certainly ours: they hold what the digest in their name says, or are networks."""
    return {file for file in set_of(main) if file.suffix == ".onnx" or _holds_what_its_name_says(file)}


def is_plain(file: Path) -> bool:
    """Whether there is a file, and no directory or link."""
    return file.is_file() and not file.is_symlink()


def _referred_to(main: Path, files: set[Path]) -> set[Path]:
    with contextlib.suppress(FileNotFoundError, PermissionError), open(main, "rb") as opened:
        if os.fstat(opened.fileno()).st_size:  # nothing cannot be mapped
            with mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as content:
                return {file for file in files if content.find(os.fsencode(file.name)) >= 0}
    return set()


def _holds_what_its_name_says(file: Path) -> bool:
    with contextlib.suppress(FileNotFoundError, PermissionError), open(file, "rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
        return digest.startswith(file.name.split(".")[-2])
    return False
