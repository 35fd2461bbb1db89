"""Kernels where numba cannot keep its cache, and what importing numerics costs."""

import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import workbench
from workbench.numerics.compiled import compiled

PACKAGE = Path(workbench.__file__).parent

USE_EVERY_KERNEL = """
import warnings
warnings.simplefilter("error")
import numpy as np
from workbench.numerics.errors.expected import expected_error
from workbench.numerics.errors.sums import ErrorSums
from workbench.numerics.quantizer import Quantizer
from workbench.numerics.statistics.histogram import Histogram
from workbench.numerics.statistics.sorted_sums import SortedSums
x = np.linspace(-1, 2, 999, dtype=np.float32)
q = Quantizer.covering("int8", -1, 1.5)
sums = ErrorSums()
sums.add(x, q.fake_quantize(x))
for of in (SortedSums, Histogram):
    assert abs(expected_error(of.of(x), q).mse / sums.mse - 1) < 1e-3
import workbench
print(workbench.__file__)
"""


def run(script: str, cwd: Path, **variables: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(cwd), "PYTHONDONTWRITEBYTECODE": "1", **variables}
    done = subprocess.run([sys.executable, "-c", script], cwd=cwd, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_kernels_run_without_any_place_for_a_cache(tmp_path):
    copy = tmp_path / "workbench"
    shutil.copytree(PACKAGE / "numerics", copy / "numerics", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("__init__.py", "messages.py", "catalogue.py"):
        shutil.copy(PACKAGE / name, copy / name)
    (tmp_path / "file").write_text("")
    for folder in [copy, *(path for path in copy.rglob("*") if path.is_dir())]:
        (folder / "__pycache__").write_text("")  # a file where the folder would be: not even root can write below it
    nowhere = str(tmp_path / "file" / "below")
    places = {name: nowhere for name in ("NUMBA_CACHE_DIR", "HOME", "XDG_CACHE_HOME", "IPYTHONDIR")}
    assert str(copy) in run(USE_EVERY_KERNEL, tmp_path, **places)


def test_a_named_cache_folder_that_cannot_be_written_is_no_error(tmp_path):
    (tmp_path / "file").write_text("")
    run(USE_EVERY_KERNEL, PACKAGE.parent, NUMBA_CACHE_DIR=str(tmp_path / "file" / "below"))


def test_a_cache_that_fails_when_it_is_written_is_no_error(monkeypatch):
    from numba.core.caching import Cache

    calls = []

    def full_disk(self, *_):
        calls.append(1)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Cache, "save_overload", full_disk)

    @compiled
    def doubled(values, out):
        for i in range(values.size):
            out[i] = 2 * values[i]

    for dtype in (np.float32, np.float64):
        out = np.zeros(3, dtype)
        doubled(np.arange(3, dtype=dtype), out)
        assert out.tolist() == [0, 2, 4]
    assert calls


def test_importing_numerics_loads_no_numba_onnx_or_widgets():
    script = """
import sys
import workbench.numerics.clipping.groups, workbench.numerics.errors.measured, workbench.numerics.errors.sums
import workbench.numerics.statistics.histogram, workbench.numerics.statistics.linear_histogram
heavy = {"numba", "onnx", "onnxruntime", "ipywidgets", "plotly", "anywidget"} & set(sys.modules)
assert not heavy, heavy
"""
    run(script, PACKAGE.parent)


WARM_UP = """
import importlib, pkgutil
import workbench.numerics
from workbench.numerics.warming import warm_up
warm_up()
for module in pkgutil.walk_packages(workbench.numerics.__path__, "workbench.numerics."):
    for kernel in vars(importlib.import_module(module.name)).values():
        if hasattr(kernel, "is_ready") and kernel.__module__ == module.name:
            print(kernel.__name__, kernel.is_ready())
"""


def test_warming_up_leaves_no_kernel_to_compile():
    ready = dict(line.split() for line in run(WARM_UP, PACKAGE.parent).splitlines())
    assert len(ready) > 15 and set(ready.values()) == {"True"}, ready


def test_arrays_that_cannot_be_written_to_and_integers_compile_nothing_new():
    @compiled("float32[:] float64 float64[:]!")
    def scaled(values, factor, out):
        for i in range(values.size):
            out[i] = values[i] * factor

    values, out = np.arange(3, dtype=np.float32), np.zeros(3)
    locked = values.copy()
    locked.setflags(write=False)
    for array, factor in ((values, 2.0), (locked, 2), (locked, np.float32(2)), (values, np.int32(2))):
        scaled(array, factor, out)
        assert out.tolist() == [0, 2, 4]
    for wrong in (np.arange(6, dtype=np.float32)[::2], np.arange(3), np.zeros((3, 1), np.float32)):
        with pytest.raises(TypeError, match="No matching definition"):
            scaled(wrong, 2.0, out)
    out.setflags(write=False)
    with pytest.raises(TypeError, match="No matching definition"):
        scaled(values, 2.0, out)


def test_threads_that_call_a_kernel_first_wait_for_one_compilation(monkeypatch):
    made = []

    def slowly(function, kinds, *, cache):
        made.append(kinds)
        time.sleep(0.1)
        return function

    monkeypatch.setattr("workbench.numerics.compiled._dispatcher", slowly)

    @compiled("float64")
    def doubled(value):
        return 2 * value

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(doubled, range(4))) == [0, 2, 4, 6]
    assert made == [("float64",)] and doubled.is_ready()
