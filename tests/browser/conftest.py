"""One JupyterLab and one browser for all browser tests; a fresh page and kernel for each notebook.

def test_it_moves(open_notebook):
    notebook = open_notebook(["import workbench as wb", "wb.App(wb.demo.model())"])
    notebook.run()
    seen = notebook.drag("Saturation threshold", -120)
    assert len(seen.values["mse"]) >= 10
"""

import json
import re
import shutil
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser.find_browser import ADVICE, find_browser
from tests.browser.lab import PROJECT, Lab
from tests.browser.notebook import FAILED, Notebook
from tests.browser.one_app import CELL, begun_again, open_once

HERE = Path(__file__).parent
FLAGS = [  # no sandbox in containers, no service of the browser's own that would use the network or the processor
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo) -> Iterator[None]:
    report = yield
    item.stash[FAILED] = item.stash.get(FAILED, False) or report.failed
    return report


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """The JupyterLab of all browser tests."""
    root, hidden = tmp_path_factory.mktemp("notebooks"), tmp_path_factory.mktemp("jupyter")
    (root / "empty.ipynb").write_text(notebook_json([]))
    with Lab(root, hidden, "empty.ipynb", "--LabApp.expose_app_in_browser=True") as running:
        yield running


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The browser of all browser tests."""
    path = find_browser()
    if path is None:
        pytest.skip(ADVICE)
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield running
        running.close()


@pytest.fixture
def open_notebook(lab: Lab, browser: Browser, request: pytest.FixtureRequest) -> Iterator[Callable[..., Notebook]]:
    """open_notebook(source, *, beside=(), theme="light", size=(1480, 1000)) -> Notebook, open, its kernel running.

    source: the code cells, or the path of an .ipynb, which is copied.
    beside: files and folders to copy next to it.
    It is not run yet. At the end of the test its page is closed and its kernel ended; after a failure its picture is
    in test-artifacts/.
    """
    yield from opening(lab, browser, request.node)


@pytest.fixture(scope="module")
def open_shared(lab: Lab, browser: Browser, request: pytest.FixtureRequest) -> Iterator[Callable[..., Notebook]]:
    """As `open_notebook`, for a notebook that all tests of a module use; they leave it as they found it."""
    yield from opening(lab, browser, request.node)


@pytest.fixture(scope="module")
def app_page(open_shared: Callable[..., Notebook], request: pytest.FixtureRequest) -> Notebook:
    """One app for all tests of a file: that of its `CELL`, by default the demo network with data."""
    return open_once(open_shared, getattr(request.module, "CELL", CELL))


@pytest.fixture
def notebook(app_page: Notebook, request: pytest.FixtureRequest) -> Iterator[Notebook]:
    """The app of the file as it began, after its `AGAIN`, which the kernel runs."""
    with begun_again(app_page, request, getattr(request.module, "AGAIN", "app.study.set_recipe(start)")) as opened:
        yield opened


@pytest.fixture(scope="module")
def shelf(open_shared: Callable[..., Notebook]) -> Notebook:
    """A notebook with room for one widget after the other; `show` puts them there."""
    opened = open_shared(["import ipywidgets\nshelf = ipywidgets.VBox()\nshelf"])
    opened.run()
    return opened


@pytest.fixture
def show(shelf: Notebook, request: pytest.FixtureRequest) -> Iterator[Callable[..., Notebook]]:
    """show(code, widgets, *, theme="light", size=(1480, 1000)) -> Notebook, with new widgets in place of the last ones.

    code: is run in the kernel, where `heard` is a new list. widgets: the expressions that it leaves, with commas.
    """

    def show_one(code: str, widgets: str, *, theme: str = "light", size: tuple[int, int] = (1480, 1000)) -> Notebook:
        shelf.page.set_viewport_size({"width": size[0], "height": size[1]})
        shelf.set_theme(theme)
        shelf.page.mouse.move(5, 5)
        shelf.execute(f"heard = []\n{code}\nfor old in shelf.children:\n    old.close()\nshelf.children = [{widgets}]")
        shelf.wait_idle()
        shelf.console_errors.clear()
        return shelf

    yield show_one
    if request.node.stash.get(FAILED, False):
        print(f"picture: {shelf.screenshot(request.node.name)}; console: {shelf.console_errors[:5]}")


def opening(lab: Lab, browser: Browser, node: pytest.Item) -> Iterator[Callable[..., Notebook]]:
    """What opens notebooks for one test or module, and closes them after it."""
    opened: list[Notebook] = []
    artefacts = PROJECT / "test-artifacts" / re.sub(r"[^\w-]+", "-", node.name).strip("-")

    def open_one(
        source: Sequence[str] | Path,
        *,
        beside: Sequence[Path] = (),
        theme: str = "light",
        size: tuple[int, int] = (1480, 1000),
    ) -> Notebook:
        folder = lab.root / uuid.uuid4().hex[:8]
        folder.mkdir()
        for path in beside:
            (shutil.copytree if path.is_dir() else shutil.copy)(path, folder / path.name)
        target = folder / (source.name if isinstance(source, Path) else "notebook.ipynb")
        target.write_text(source.read_text() if isinstance(source, Path) else notebook_json(source))
        page = browser.new_context(viewport={"width": size[0], "height": size[1]}).new_page()
        notebook = Notebook(page, lab, target.relative_to(lab.root).as_posix(), artefacts)
        opened.append(notebook)
        notebook.open(theme=theme)
        return notebook

    yield open_one
    for i, notebook in enumerate(opened):
        if node.stash.get(FAILED, False):
            print(f"picture: {notebook.screenshot(f'failed-{i}')}; console: {notebook.console_errors[:5]}")
        notebook.close()


def notebook_json(cells: Sequence[str]) -> str:
    """An .ipynb with these code cells."""
    code = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None}
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return json.dumps(
        {
            "cells": [code | {"id": f"cell-{i}", "source": source} for i, source in enumerate(cells)],
            "metadata": {"kernelspec": kernel},
            "nbformat": 4,
            "nbformat_minor": 5,
        }
    )
