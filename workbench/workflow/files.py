"""Files are written whole or not at all: to a temporary neighbour, flushed to the disk, then moved into place."""

import contextlib
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from workbench.messages import WorkbenchError


@contextlib.contextmanager
def new_file(path: str | Path) -> Iterator[Path]:
    """A path to write to beside `path`; moved to `path` when the block ends well, removed when it does not.

    Raises WorkbenchError where the folder is missing or cannot be written, or `path` is a directory.
    """
    target = Path(path)
    if target.is_dir():
        raise WorkbenchError(f"{target} is a directory; give the name of a file")
    try:
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        os.close(handle)
    except OSError as error:
        raise WorkbenchError(
            f"cannot write {target}: {error.strerror}; choose a folder that exists and is writable"
        ) from None
    temporary = Path(name)
    try:
        yield temporary
        with open(temporary, "rb+") as written:
            os.fsync(written.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, target)
    except OSError as error:
        raise WorkbenchError(f"cannot write {target}: {error.strerror or error}") from None
    finally:
        temporary.unlink(missing_ok=True)


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
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise WorkbenchError(f"not a JSON text ({error})") from None
    except OSError as error:
        raise WorkbenchError(f"cannot be read: {error.strerror}") from None
