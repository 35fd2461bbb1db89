"""The built wheel holds everything that runs: an installation that is not the checkout works."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]
PARTS = ("pyproject.toml", "README.md", "LICENSE")
SHIPPED = {".py", ".js", ".css", ".onnx", ".npz"}


def run(*command: str | Path, cwd: Path) -> str:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    answer = subprocess.run(
        [sys.executable, *map(str, command)], cwd=cwd, env=environment, capture_output=True, text=True
    )
    assert answer.returncode == 0, f"{answer.stdout[-2000:]}\n{answer.stderr[-2000:]}"
    return answer.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel, built from a copy: building in the checkout would leave folders in it."""
    copy = tmp_path_factory.mktemp("copy")
    for name in PARTS:
        shutil.copy(PROJECT / name, copy / name)
    shutil.copytree(PROJECT / "workbench", copy / "workbench")
    # --no-build-isolation: setuptools is in the extra `test`, so that nothing is fetched
    run("-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", copy / "dist", copy, cwd=copy)
    (built,) = (copy / "dist").glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Path:
    target = tmp_path_factory.mktemp("installed")
    run("-m", "pip", "install", "--no-deps", "--no-index", "--target", target, wheel, cwd=target)
    return target


def run_installed(code: str, installed: Path, cwd: Path) -> str:
    """Run code with the installed copy in front of everything else; -I keeps the working directory out of it."""
    return run("-I", "-c", f"import sys; sys.path.insert(0, {str(installed)!r})\n{code}", cwd=cwd).strip()


def test_every_file_that_runs_is_inside(wheel):
    source = wheel.parents[1]
    here = {path for path in (source / "workbench").rglob("*") if path.suffix in SHIPPED}
    inside = set(zipfile.ZipFile(wheel).namelist())
    missing = {path.relative_to(source).as_posix() for path in here} - inside
    assert here
    assert not missing


def test_nothing_else_is_inside(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    strangers = [name for name in names if not name.startswith("workbench/") and ".dist-info/" not in name]
    assert not strangers
    assert not [name for name in names if "__pycache__" in name or name.endswith((".pyc", ".nbi", ".nbc"))]


def test_the_installed_copy_is_the_one_imported(installed, tmp_path):
    where, version = run_installed(
        "import workbench; print(workbench.__file__); print(workbench.__version__)", installed, tmp_path
    ).splitlines()
    assert Path(where).is_relative_to(installed)
    assert (installed / f"workbench-{version}.dist-info").is_dir()


def test_every_public_name_comes_from_the_installed_copy(installed, tmp_path):
    run_installed("import workbench\nfor name in workbench.__all__: getattr(workbench, name)", installed, tmp_path)


def test_the_demo_loads_from_the_installed_copy(installed, tmp_path):
    code = """
import workbench as wb
model, twin = wb.demo.model(), wb.demo.model(hard=True)
calibration, evaluation, labels = wb.demo.data()
print(len(model.layers), model.n_parameters == twin.n_parameters, len(evaluation) == len(labels) > 0)
"""
    n_layers, *others = run_installed(code, installed, tmp_path).split()
    assert int(n_layers) > 3
    assert others == ["True", "True"]
