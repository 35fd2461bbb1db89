"""What the site is made from: the lessons, the pages at the top, and the API reference written from the docstrings."""

import inspect
import shutil
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import workbench
from workbench.catalogue import Catalogue

PROJECT = Path(__file__).resolve().parents[1]
TOP = ("README.md", "CATALOGUE.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")  # beside LICENSE, linked as text
BESIDE = ("LICENSE", "notebooks/workbench.png")

# Part of the reference -> the rooms whose public names it holds; a test says that no name is left out.
PARTS = {
    "network": ("The network and its numbers", ("workflow", "messages")),
    "numerics": ("Formats, quantizers, distributions, errors", ("numerics",)),
    "widgets": ("What a person sees", ("ui",)),
}
# Members of these are Python's or ipywidgets' own; what is inherited from our own classes is shown.
NOT_OURS = "object, HasTraits, Widget, DOMWidget, AnyWidget, Box, HBox, VBox, Mapping, Sequence, Protocol, Exception"


def lessons() -> list[Path]:
    """The notebooks in the order of their numbers."""
    return sorted((PROJECT / "notebooks").glob("*.ipynb"))


def names_of(part: str) -> list[str]:
    """Public names of `wb` that a part of the reference describes."""
    rooms = PARTS[part][1]
    return [name for name, home in workbench._HOME.items() if home.split(".")[0] in rooms]


def entry(name: str) -> str:
    """reStructuredText of one public name."""
    value = getattr(workbench, name)
    if isinstance(value, Catalogue):
        members = ", ".join(f"``{member}``" for member in value if member in value.built_in)
        words = f"A catalogue of {len(value.built_in)} {value.kind}s by name: {members}."
        return f".. py:data:: workbench.{name}\n\n   {words}\n"
    if inspect.isclass(value):
        options = f"   :members:\n   :inherited-members: {NOT_OURS}\n"
        return f".. autoclass:: workbench.{name}\n{options}"
    if inspect.isroutine(value):
        return f".. autofunction:: workbench.{name}\n"
    listed = ", ".join(f"``{one}``" for one in value)
    return f".. py:data:: workbench.{name}\n\n   One of {listed}.\n"


def room_page(name: str, home: str) -> str:
    """reStructuredText of a module that is public as a whole, `wb.demo`."""
    module = import_module(f"workbench.{home}")
    members = getattr(module, "__all__", None) or list(_functions(module))
    rows = [_heading(f"wb.{name}"), f".. automodule:: {module.__name__}\n   :no-index:\n"]
    for member in members:
        value = getattr(module, member)
        kind = "class" if inspect.isclass(value) else "function" if inspect.isroutine(value) else "module"
        options = "\n   :members:" if kind != "function" else ""
        place = value.__name__ if inspect.ismodule(value) else f"{module.__name__}.{member}"
        rows.append(f".. auto{kind}:: {place}{options}\n")
    return "\n".join(rows)


def _functions(module: Any) -> Iterator[str]:
    """What a module without `__all__` defines itself for others."""
    for name, value in vars(module).items():
        own = inspect.isroutine(value) or inspect.isclass(value)
        if own and value.__module__ == module.__name__ and not name.startswith("_"):
            yield name


def pages() -> dict[str, str]:
    """Path below the folder of sources -> text, of every page that is written and not copied."""
    found = {"index.md": _index()}
    for part, (title, _) in PARTS.items():
        found[f"api/{part}.rst"] = "\n".join([_heading(title), *map(entry, names_of(part))])
    for name, home in workbench._ROOMS.items():
        found[f"api/{name}.rst"] = room_page(name, home)
    return found


def gather(folder: Path) -> None:
    """Everything but the lessons, which are run first, into `folder`; links between pages hold as they are."""
    for name in (*TOP, *BESIDE, "notebooks/glossary.md"):
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(PROJECT / name, target)
    for name, text in pages().items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")


def _index() -> str:
    def tree(caption: str, entries: list[str]) -> str:
        return "\n".join(["```{toctree}", ":maxdepth: 1", f":caption: {caption}", "", *entries, "```", ""])

    words = (
        "The lessons as reading copies, with what their cells answered; what can be dragged is a picture here and "
        "moves in JupyterLab. All of it is read without a network."
    )
    taught = [*(f"notebooks/{path.stem}" for path in lessons()), "notebooks/glossary"]
    reference = [f"api/{name}" for name in (*PARTS, *workbench._ROOMS)]
    return "\n".join(
        [
            "# Quantization workbench",
            "",
            words,
            "",
            tree("Lessons", taught),
            tree("Reference", [*reference, "CATALOGUE"]),
            tree("Project", ["Read me <README>", *(Path(name).stem for name in TOP[2:])]),
        ]
    )


def _heading(title: str) -> str:
    return f"{title}\n{'=' * len(title)}\n"
