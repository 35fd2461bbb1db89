"""A contender in a process of its own, so that its peak memory is its own: `python -m tests.benchmarks.speed.child`.

The child prepares, says so, and runs once for each line that it gets; each answer is one line of JSON. Both sides of a
comparison live in such a process at the same time and take turns.
"""

import gc
import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.benchmarks.speed.measuring import Sample

PROJECT = Path(__file__).resolve().parents[3]
Run = Callable[[], dict[str, Any]]


class Child:
    """`with Child("calibrate", model=..., n=32) as child`: `child()` runs the contender once and gives a Sample."""

    def __init__(self, name: str, **options: Any) -> None:
        self._said = tempfile.TemporaryFile()  # other tools talk a lot; it is shown where they fail
        command = [sys.executable, "-m", "tests.benchmarks.speed.child", name, json.dumps(options, default=str)]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=self._said, text=True, cwd=PROJECT)

    def __enter__(self) -> "Child":
        try:
            self._answer()  # prepared
        except BaseException:
            self._close(kill=True)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, traceback: TracebackType | None) -> None:
        self._close(kill=kind is not None)

    def _close(self, kill: bool) -> None:
        if kill:
            self._process.kill()
        self._process.communicate()
        self._said.close()

    def __call__(self) -> Sample:
        assert self._process.stdin is not None
        self._process.stdin.write("run\n")
        self._process.stdin.flush()
        return Sample(**self._answer())

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._process.wait()
            self._said.seek(0)
            raise RuntimeError(f"the contender stopped:\n{self._said.read().decode(errors='replace')[-3000:]}")
        return json.loads(line)


def resident() -> tuple[int, int]:
    """Resident bytes now, and the most since `forget_peak`. Linux.

    The peak is the kernel's own of this process image; getrusage's survives exec and would tell the parent's.
    """
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    facts = dict(line.split(":", 1) for line in lines if ":" in line)
    now, most = (int(facts[field].split()[0]) * 1024 for field in ("VmRSS", "VmHWM"))
    return now, most


def forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def serve(prepare: Callable[..., Run], options: dict[str, Any]) -> None:
    """Prepare, then run for each line. Memory counts from the end of the preparation (imports and inputs)."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what contenders print
    run = prepare(**options)
    gc.collect()
    before = resident()[0]
    print(json.dumps({}), file=answers, flush=True)
    for _ in sys.stdin:
        gc.collect()
        forget_peak()
        cpu, start = time.process_time(), time.perf_counter()
        facts = run()
        spent = {"seconds": time.perf_counter() - start, "cpu_seconds": time.process_time() - cpu}
        facts["resident_before"] = before
        print(json.dumps({**spent, "peak_bytes": resident()[1] - before, "facts": facts}), file=answers, flush=True)


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # of other tools
    from tests.benchmarks.speed import contenders

    serve(getattr(contenders, sys.argv[1]), json.loads(sys.argv[2]))
