"""environment.yml and pyproject.toml name the same packages, and those are the packages that the code imports."""

import ast
import re
import sys
import tomllib
from pathlib import Path

import pytest
import yaml  # comes with jupyterlab

PROJECT = Path(__file__).resolve().parents[1]
PYPROJECT = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
CONDA = yaml.safe_load((PROJECT / "environment.yml").read_text(encoding="utf-8"))
EXTRAS = PYPROJECT["optional-dependencies"]

# Packages whose import has another name, and modules that arrive with a package that is named.
IMPORTED_AS = {"pillow": "PIL", "ml-dtypes": "ml_dtypes", "axe-playwright-python": "axe_playwright_python"}
ARRIVES_WITH = {
    "IPython": "ipywidgets",
    "traitlets": "ipywidgets",
    "comm": "ipywidgets",
    "ipykernel": "jupyterlab",
    "yaml": "jupyterlab",
    "google": "onnx",
    "llvmlite": "numba",
    "nbformat": "nbclient",
    "jupyter_client": "nbclient",
}
# The script that made the demo's files may use what running the workbench may not.
FOR_TRAINING = {"workbench/demo/train.py": {"torch", "sklearn"}}


def names(requirements: list[str]) -> set[str]:
    """Normalised package names of requirement strings."""
    return {re.match(r"[\w.-]+", text)[0].lower().replace("_", "-") for text in requirements}


def importable(requirements: list[str]) -> set[str]:
    direct = {IMPORTED_AS.get(name, name) for name in names(requirements)}
    return direct | {module for module, package in ARRIVES_WITH.items() if package in direct}


def test_pip_section_repeats_pyproject():
    repeated = next(entry["pip"] for entry in CONDA["dependencies"] if isinstance(entry, dict))
    assert len(repeated) == len(set(repeated))
    assert set(repeated) == {*PYPROJECT["dependencies"], *EXTRAS["test"]}


def test_conda_gives_python_and_pip_alone():
    plain = [entry for entry in CONDA["dependencies"] if isinstance(entry, str)]
    assert plain == [f"python{PYPROJECT['requires-python']}", "pip"]


def test_every_requirement_has_a_lower_bound():
    everything = [*PYPROJECT["dependencies"], *(text for extra in EXTRAS.values() for text in extra)]
    assert not [text for text in everything if ">=" not in text]


def imports_of(path: Path) -> set[str]:
    """Top-level names of third-party modules that a file imports, also inside functions."""
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    found = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    found |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module and not node.level}
    return {name.split(".")[0] for name in found} - sys.stdlib_module_names - {"workbench", "tests"}


@pytest.mark.parametrize(("folder", "extras"), [("workbench", ("dask", "tables", "figures")), ("tests", EXTRAS)])
def test_what_is_imported_is_required(folder, extras):
    """A fresh clone has nothing but what pyproject.toml names."""
    allowed = importable([*PYPROJECT["dependencies"], *(text for extra in extras for text in EXTRAS[extra])])
    for path in sorted((PROJECT / folder).rglob("*.py")):
        place = path.relative_to(PROJECT).as_posix()
        unnamed = imports_of(path) - allowed - FOR_TRAINING.get(place, set())
        assert not unnamed, f"{place} imports {sorted(unnamed)}, which pyproject.toml does not name"
