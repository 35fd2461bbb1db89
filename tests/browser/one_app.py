"""One app for all tests of a file, brought back to where it began before each of them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.browser.notebook import FAILED, Notebook
from tests.browser.test_app import open_app, settle

CELL = """import workbench as wb
calibration, evaluation, labels = wb.demo.data()
app = wb.App(wb.demo.model(), calibration, evaluation=evaluation, labels=labels, autosave=None)
app"""


def open_once(open_shared: Callable[..., Notebook], cell: str = CELL, then: str = "start = app.recipe") -> Notebook:
    """An app without its tour. then: what is run in the kernel after it has done its work."""
    opened = open_app(open_shared, cell)
    skip = opened.page.get_by_role("button", name="Skip")
    if skip.count():
        skip.click()
    opened.execute(then)
    return opened


@contextmanager
def begun_again(opened: Notebook, request: pytest.FixtureRequest, code: str) -> Iterator[Notebook]:
    """The app for one test: usual size, light, nothing open or pointed at, after `code`; a picture if it fails."""
    page = opened.page
    page.set_viewport_size({"width": 1480, "height": 1000})
    opened.set_theme("light")
    page.mouse.move(5, 5)
    for _ in range(2):
        page.keyboard.press("Escape")
    opened.execute(code)
    settle(opened)
    page.locator(".workbench-app").evaluate("(app) => app.scrollIntoView({ block: 'center' })")
    opened.console_errors.clear()
    yield opened
    if request.node.stash.get(FAILED, False):
        print(f"picture: {opened.screenshot(request.node.name)}; console: {opened.console_errors[:5]}")


def look_at(notebook: Notebook, tensor: str) -> None:
    """Select a tensor."""
    notebook.value(f"app.study.select({tensor!r})")
    settle(notebook)
