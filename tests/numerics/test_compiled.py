"""Kernels where numba cannot keep its cache, and what importing numerics costs."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np

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
