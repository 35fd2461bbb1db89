"""Faults at the n-th call of the system while files are written; also a program that kills exports there."""

import builtins
import contextlib
import errno
import io
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

NAMES = ("replace", "rename", "fsync", "chmod", "unlink", "rmdir", "open", "close", "mkdir", "listdir", "scandir")


class Calls:
    """Counts calls and does `fault` at number `at`. seen: names of the calls so far."""

    def __init__(self, at: int, fault: Callable[[], None]) -> None:
        self.at, self.fault = at, fault
        self.seen: list[str] = []

    def __call__(self, name: str) -> None:
        self.seen.append(name)
        if len(self.seen) - 1 == self.at:
            self.fault()

    @property
    def struck(self) -> bool:
        return len(self.seen) > self.at


def no_space() -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


class Written:
    """An open file; a write that fails has written half."""

    def __init__(self, file, calls: Calls) -> None:
        self._file, self._calls = file, calls

    def __getattr__(self, name):
        return getattr(self._file, name)

    def __enter__(self):
        return self

    def __exit__(self, *what) -> None:
        self._file.close()

    def write(self, content) -> int:
        half = len(content) // 2
        self._file.write(content[:half])
        self._calls("write")
        return half + self._file.write(content[half:])


@contextlib.contextmanager
def counted(calls: Calls, folder: Path) -> Iterator[None]:
    """All calls go through `calls`; of files those inside `folder` alone."""
    kept = {name: getattr(os, name) for name in NAMES}
    plain = builtins.open

    def through(name):
        def call(*arguments, **options):
            calls(name)
            return kept[name](*arguments, **options)

        return call

    def opened(file, mode="r", *arguments, **options):
        if not str(file).startswith(str(folder)):
            return plain(file, mode, *arguments, **options)
        calls(f"open {mode}")
        made = plain(file, mode, *arguments, **options)
        return Written(made, calls) if "w" in mode else made

    for name in NAMES:
        setattr(os, name, through(name))
    builtins.open = io.open = opened
    try:
        yield
    finally:
        builtins.open = io.open = plain
        for name, function in kept.items():
            setattr(os, name, function)


def killed_exports(export: Callable[[], object], folder: Path) -> Iterator[bool]:
    """Runs `export` in a child for each of its calls, which ends there without a word; False when one came through."""
    number = 0
    while True:
        child = os.fork()
        if child == 0:
            with counted(Calls(number, lambda: os._exit(9)), folder):
                export()
            os._exit(0)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if code not in (0, 9):
            sys.exit(f"the export ended with {code} at call {number}")
        yield code == 9
        if code == 0:
            return
        number += 1
