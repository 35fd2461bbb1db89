"""The house stands as drawn: imports point down, nothing goes in circles, a front door that is light to open."""

import ast
import json
import subprocess
import sys
from functools import cache
from graphlib import CycleError, TopologicalSorter
from importlib import import_module
from pathlib import Path

import nbformat
import pytest

import workbench

PROJECT = Path(__file__).resolve().parents[1]
PACKAGE = PROJECT / "workbench"
LINES = 350
MEGABYTES = 5

# A room may use the rooms below its floor, and itself. Everything not named here is on the roof.
FLOOR = {"messages": 0, "catalogue": 1, "numerics": 2, "models": 2, "workflow": 3, "ui": 4, "demo": 4, "cli": 4}
ROOF = 5

WIDGETS = {"IPython", "anywidget", "ipywidgets", "jupyterlab", "plotly", "traitlets"}
ONNX = {"onnx", "onnx_ir", "onnxruntime", "onnxscript"}
# What a room may import besides the standard library; no entry: whatever pyproject.toml names.
ONLY = {
    "messages": set(),
    "catalogue": set(),
    "numerics": {"numpy", "numba", "llvmlite", "ml_dtypes"},
    "models": {"numpy", "ml_dtypes", "google", *ONNX},  # google: protobuf's own exceptions and messages
}
NEVER = {
    "workflow": WIDGETS,
    "demo": WIDGETS,
    "cli": WIDGETS,
    "ui.study": {"IPython", "anywidget", "ipywidgets", "plotly"},
}


@cache
def modules() -> dict[str, Path]:
    """Every module of the package by its full name; a package stands for its `__init__`."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PROJECT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def tree(name: str) -> ast.Module:
    return ast.parse(modules()[name].read_text(encoding="utf-8"), str(modules()[name]))


@cache
def imported(name: str) -> frozenset[str]:
    """Full names of all that a module imports, also inside functions and under TYPE_CHECKING."""
    package = name if modules()[name].name == "__init__.py" else name.rpartition(".")[0]
    found = set()
    for node in ast.walk(tree(name)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[: len(package.split(".")) + 1 - node.level] if node.level else []
            source = ".".join([*base, *filter(None, [node.module])])
            # `from a import b` names the module a.b where there is one
            found |= {whole if (whole := f"{source}.{alias.name}") in modules() else source for alias in node.names}
    return frozenset(found)


def of_the_house(name: str) -> set[str]:
    return {target for target in imported(name) if target.split(".")[0] == "workbench"}


def room(name: str) -> str:
    """Room of a module: the first name below `workbench`, "" for the front door itself."""
    return (name.split(".") + [""])[1]


def floor(name: str) -> int:
    return FLOOR.get(room(name), ROOF)


def third_party(name: str) -> set[str]:
    tops = {target.split(".")[0] for target in imported(name)}
    return tops - sys.stdlib_module_names - {"workbench"}


@pytest.mark.parametrize("name", modules())
def test_imports_point_down(name):
    upward = {target for target in of_the_house(name) if room(target) != room(name) and floor(target) >= floor(name)}
    assert not upward, f"{name} (floor {floor(name)}) imports {sorted(upward)}, which are not below it"


@pytest.mark.parametrize("name", modules())
def test_rooms_know_only_their_libraries(name):
    if room(name) in ONLY:
        foreign = third_party(name) - ONLY[room(name)]
        assert not foreign, f"{name} imports {sorted(foreign)}; {room(name)} may know {sorted(ONLY[room(name)])}"
    for place, never in NEVER.items():
        if f"{name}.".startswith(f"workbench.{place}."):
            assert not third_party(name) & never, f"{name} imports {sorted(third_party(name) & never)}"


def test_there_are_no_circles():
    try:
        TopologicalSorter({name: (of_the_house(name) & modules().keys()) - {name} for name in modules()}).prepare()
    except CycleError as circle:
        pytest.fail(f"imports go in a circle: {' -> '.join(circle.args[1])}")


def test_panels_do_not_import_one_another():
    prefix = "workbench.ui.panels."
    panels = [name for name in modules() if name.startswith(prefix)]
    crossing = {(name, other) for name in panels for other in of_the_house(name) if other.startswith(prefix)}
    assert not crossing


@pytest.mark.parametrize("name", modules())
def test_a_file_reads_in_one_sitting(name):
    n_lines = len(modules()[name].read_text(encoding="utf-8").splitlines())
    assert n_lines <= LINES, f"{name} has {n_lines} lines; is there a room that wants to be two?"


@pytest.mark.parametrize("name", [name for name in modules() if not any(p.startswith("_") for p in name.split("."))])
def test_every_public_module_says_what_it_is(name):
    assert ast.get_docstring(tree(name)), f"{name} has no docstring"


def loaded_by(statement: str) -> set[str]:
    """Top-level modules that a fresh Python holds after the statement."""
    code = f"{statement}\nimport json, sys\nprint(json.dumps(sorted({{name.split('.')[0] for name in sys.modules}})))"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=PROJECT)
    assert answer.returncode == 0, answer.stderr
    return set(json.loads(answer.stdout))


@pytest.mark.parametrize(
    "statement",
    [
        "import workbench",
        "import workbench; dir(workbench)",
        "import workbench.numerics.quantizer",
        "import workbench.demo",
        "import workbench.cli.main",
    ],
)
def test_importing_stays_light(statement):
    assert not loaded_by(statement) & (ONNX | WIDGETS)


@pytest.mark.parametrize("name", sorted(set(workbench.__all__) - {"__version__"}))
def test_every_public_name_is_there(name):
    value = getattr(workbench, name)
    if name in workbench._ROOMS:
        assert value is import_module(f"workbench.{workbench._ROOMS[name]}")
    else:
        assert value is getattr(import_module(f"workbench.{workbench._HOME[name]}"), name)
        assert value.__class__.__name__ != "module"
    assert name in dir(workbench)


def test_a_public_name_is_never_the_module_it_comes_from():
    """`choose` is a function in a module called choose; importing the module first must not change `wb.choose`."""
    twins = {name: home for name, home in workbench._HOME.items() if home.rpartition(".")[2] == name}
    assert "choose" in twins
    imports = "\n".join(f"import workbench.{home}" for home in twins.values())
    names = ", ".join(twins)
    loaded_by(f"{imports}\nfrom workbench import {names}\nassert all(map(callable, [{names}])), [{names}]")


def test_an_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(AttributeError, match="no attribute 'lode'.*load"):
        workbench.lode  # noqa: B018


def kept_files() -> list[Path]:
    """Files that git keeps or would keep; all of them where this is no git checkout."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True).stdout.split("\0")
    except (OSError, subprocess.CalledProcessError):
        return [path for path in PACKAGE.rglob("*") if path.is_file()]
    return [path for path in (PROJECT / name for name in listed if name) if path.is_file()]


def test_no_file_is_large():
    large = [path.name for path in kept_files() if path.stat().st_size > MEGABYTES * 1_000_000]
    assert not large, f"larger than {MEGABYTES} MB: {large}"


def test_notebooks_are_kept_without_outputs():
    for path in sorted((PROJECT / "notebooks").glob("*.ipynb")):
        stored = json.loads(path.read_text(encoding="utf-8"))
        nbformat.validate(stored)
        outputs = [i for i, cell in enumerate(stored["cells"]) if cell.get("outputs") or cell.get("execution_count")]
        assert not outputs, f"{path.name}: cells {outputs} hold outputs; clear them before committing"
        assert "widgets" not in stored["metadata"], f"{path.name} holds the state of widgets"
