"""Folders in which files are written before they are moved into place, and what becomes of one that is left behind."""

import contextlib
import hashlib
import json
import os
import platform
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from workbench.workflow.file_sets import is_beside, is_plain, set_of

_JOURNAL = ".moves"
_NOBODY = 0  # in the place of a process: the folder may be removed by whoever finds it
_YOUNG = 3600.0  # seconds in which a folder is left alone where its machine cannot be told from others
_WAIT = 10.0  # seconds to wait for somebody else who moves files
_MACHINE = ("/etc/machine-id", "/var/lib/dbus/machine-id", "/proc/sys/kernel/random/boot_id")


def staging_folder(parent: Path) -> Path:
    """A new folder in `parent` that nobody else can read. Raises OSError."""
    return Path(tempfile.mkdtemp(prefix=f"{_begin()}{os.getpid()}-", dir=parent))


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Nobody else moves files into `folder` meanwhile, who asks for the same.

    Where there are no such locks, and after a wait of seconds, the block runs all the same.
    """
    descriptor = None
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
    try:
        until = time.monotonic() + _WAIT
        while descriptor is not None and not _locks(descriptor) and time.monotonic() < until:
            time.sleep(0.01)
        yield
    finally:
        if descriptor is not None:
            with contextlib.suppress(OSError):
                _unlocks(descriptor)
            with contextlib.suppress(OSError):
                os.close(descriptor)


def _locks(descriptor: int) -> bool:
    """False while somebody else holds the lock."""
    if sys.platform == "win32":
        return True
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return True
    return True


def _unlocks(descriptor: int) -> None:
    """Said at once, because a process that was forked meanwhile has the descriptor too."""
    if sys.platform != "win32":
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_UN)


def note_moves(folder: Path, main: str, added: set[Path], former: set[Path]) -> None:
    """Write down what `clear` does: remove `former` once the main file has left `folder`, `added` until then."""
    names = {"added": sorted(file.name for file in added), "former": sorted(file.name for file in former)}
    (folder / _JOURNAL).write_text(json.dumps({"main": main, **names}), encoding="utf-8")


def clear(folder: Path) -> None:
    """Remove what is noted there and nobody refers to, and the folder; where that fails, the next writer tries again.

    Call it inside `alone` where `note_moves` was called.
    """
    with contextlib.suppress(OSError):
        if _remove_noted(folder):
            (folder / _JOURNAL).unlink(missing_ok=True)  # first: without it a main file that is gone means nothing
            shutil.rmtree(folder, ignore_errors=True)
            return
    with contextlib.suppress(OSError):
        folder.rename(folder.with_name(f"{_begin()}{_NOBODY}-{folder.name.rsplit('-', 1)[-1]}"))


def _remove_noted(folder: Path) -> bool:
    """Whether nothing is left to remove."""
    try:
        noted = json.loads((folder / _JOURNAL).read_text(encoding="utf-8"))
        main = folder.parent / Path(noted["main"]).name
        names = noted["added" if (folder / main.name).exists() else "former"]
        unwanted = {folder.parent / name for name in names if is_beside(main.name, name)}
    except (FileNotFoundError, ValueError, KeyError, TypeError):  # nothing was noted, or not to its end
        return True
    left = False
    for file in filter(is_plain, unwanted - set_of(main) if unwanted else ()):
        try:
            file.unlink()
        except OSError:
            left = True
    return not left


def remove_left_behind(parent: Path) -> None:
    """Clear the folders of processes that were killed; those of other machines are left alone."""
    ours = re.compile(re.escape(_begin()) + r"(\d+)-\w+")
    with contextlib.suppress(OSError):  # they are in nobody's way, and the next one tries again
        for left in [*parent.iterdir()]:
            found = ours.fullmatch(left.name)
            if found and left.is_dir() and not left.is_symlink() and _is_over(left, int(found[1])):
                with alone(parent):
                    clear(left)


def _begin() -> str:
    """How the names of staging folders begin, before the process: what tells this machine from others on its disk."""
    try:
        processes = os.readlink("/proc/self/ns/pid")  # containers count their own
    except OSError:
        processes = ""
    where = hashlib.sha256(f"{platform.node()} {_machine()} {processes}".encode()).hexdigest()[:8]
    return f".workbench-{where}-"


def _machine() -> str:
    """What no other machine has; empty where the system does not say."""
    for source in map(Path, _MACHINE):
        with contextlib.suppress(OSError, ValueError):
            if words := source.read_text(encoding="ascii").strip():
                return words
    return ""


def _is_over(folder: Path, process: int) -> bool:
    """Whether nobody writes there any more. Where another machine may have the same name, only after an hour."""
    if process == _NOBODY:
        return True
    return not _lives(process) and bool(_machine() or time.time() - folder.stat().st_mtime > _YOUNG)


def _lives(process: int) -> bool:
    """Whether a process of this machine may still run; where nothing can be asked without harm, it may."""
    if os.name != "posix":
        return True
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:  # it belongs to somebody else
        return True
    return True
