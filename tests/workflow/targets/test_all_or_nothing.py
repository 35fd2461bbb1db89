"""Whatever fails while a file is written: the complete old set or the complete new one is there, and opens."""

import os
import subprocess
import sys
from pathlib import Path

import onnx
import pytest

import workbench
from tests.workflow.small_models import images, small_cnn
from tests.workflow.targets.faults import Calls, counted, no_space
from workbench.messages import WorkbenchError
from workbench.workflow.choose import choose
from workbench.workflow.export import saving
from workbench.workflow.export.exporting import export
from workbench.workflow.opening import load

# what is there before and what comes: weights in the file or outside; None: nothing is there
KINDS = {
    "one file": (False, False),
    "a set": (True, True),
    "a set after one file": (False, True),
    "one file after a set": (True, False),
    "the first file": (None, False),
    "the first set": (None, True),
}


def state_of(folder: Path) -> tuple[bytes, ...] | None:
    """The bytes of the model at a.onnx and of all files that it refers to; None where there is none."""
    main = folder / "a.onnx"
    if not main.exists():
        return None
    graph = onnx.load(str(main), load_external_data=False).graph
    places = {e.value for tensor in graph.initializer for e in tensor.external_data if e.key == "location"}
    load(main)
    return (main.read_bytes(), *((folder / place).read_bytes() for place in sorted(places)))


class Case:
    """A network, two recipes, and the two sets of files that may be in the folder."""

    def __init__(self, folder: Path, kind: str, data=None, target: str = "onnx_qdq") -> None:
        self.folder, self.target, self.data = folder / "out", target, data
        self.model = load(small_cnn(folder))
        formats = ("int8", "int7") if target == "onnx_qdq" else ("fp16", "fp16")
        old, new = (choose(self.model, None, weights=format, activations=None) for format in formats)
        if target != "onnx_qdq":
            old = old.with_tensor("fc.weight", zero_band=0.5)
        self.recipes = dict(old=old, new=new)
        self.kinds = dict(zip(("old", "new"), KINDS[kind], strict=True))
        self.states = {which: self.after(which) for which in ("old", "new")}
        assert self.states["old"] != self.states["new"]

    def empty(self) -> None:
        self.folder.mkdir(exist_ok=True)
        for path in sorted(self.folder.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()

    def after(self, which: str) -> tuple[bytes, ...] | None:
        self.empty()
        if self.kinds[which] is not None:
            self.export(which)
        return state_of(self.folder)

    def export(self, which: str) -> None:
        before = saving.LARGEST_FILE, saving.SMALLEST_OUTSIDE
        saving.LARGEST_FILE, saving.SMALLEST_OUTSIDE = (500, 100) if self.kinds[which] else before
        try:
            export(self.model, self.recipes[which], self.folder / "a.onnx", target=self.target, data=self.data)
        finally:
            saving.LARGEST_FILE, saving.SMALLEST_OUTSIDE = before

    def strike(self, number: int) -> list[str]:
        """Export the new set over the old one with a fault at call `number`; the calls that there were, if it came."""
        self.after("old")
        calls, failed = Calls(number, no_space), None
        with counted(calls, self.folder):
            try:
                self.export("new")
            except WorkbenchError as error:
                failed = error
        where = f"call {number}: {calls.seen[-1]}, of {calls.seen}"
        found = state_of(self.folder)
        assert found == self.states["old" if failed else "new"], where
        assert failed is None or "No space left on device" in str(failed), where
        self.export("new")  # nothing that was left behind is in the way
        assert state_of(self.folder) == self.states["new"]
        assert len([path for path in self.folder.iterdir() if path.is_file()]) == len(self.states["new"] or ())
        return calls.seen if calls.struck else []


def all_strikes(case: Case) -> list[str]:
    seen: list[str] = []
    number = 0
    while found := case.strike(number):
        seen, number = found, number + 1
    return seen


@pytest.mark.parametrize("kind", ["one file", "a set", "the first set"])
def test_a_fault_at_every_call(tmp_path, kind):
    seen = all_strikes(Case(tmp_path, kind))
    print(f"{kind}: {len(seen)} faults")
    assert {"mkdir", "open wb", "write", "open rb+", "fsync", "replace"} <= {*seen}
    assert ("chmod" in seen) is (kind != "the first set")  # the permissions of what is replaced
    assert seen.count("write") >= (1 if kind == "one file" else 5) and len(seen) < 50


@pytest.mark.full
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("target", ["onnx_qdq", "onnx_fp16"])
def test_a_fault_at_every_call_with_a_check_that_runs(tmp_path, kind, target):
    seen = all_strikes(Case(tmp_path, kind, images(4), target))
    assert "replace" in seen


KILLS = """
import sys
from pathlib import Path
from tests.workflow.targets.faults import killed_exports
from tests.workflow.targets.test_all_or_nothing import Case, state_of

case = Case(Path(sys.argv[1]), sys.argv[2])
n_killed = n_new = 0
case.after("old")
for killed in killed_exports(lambda: case.export("new"), case.folder):
    found = state_of(case.folder)
    assert found in case.states.values(), n_killed
    n_killed += killed
    n_new += found == case.states["new"]
    case.export("new")
    assert state_of(case.folder) == case.states["new"]
    assert len([*case.folder.iterdir()]) == len(case.states["new"]), n_killed  # nor is a staging folder left
    case.after("old")
print(n_killed, n_new)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=() if kind == "a set" else pytest.mark.full) for kind in KINDS]
)
def test_a_process_that_is_killed_at_every_call(tmp_path, kind):
    root = Path(workbench.__file__).parents[1]
    environment = {**os.environ, "PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", KILLS, str(tmp_path), kind], env=environment, capture_output=True, text=True, cwd=root
    )
    assert done.returncode == 0, done.stderr
    n_killed, n_new = map(int, done.stdout.split())
    print(f"{kind}: {n_killed} kills, the new one in place after {n_new}")
    assert n_killed >= 12 and 1 < n_new < n_killed
