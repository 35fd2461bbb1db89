"""An app in a notebook; one for all tests of a file, brought back to where it began before each of them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.browser.notebook import FAILED, Notebook

CELL = """import workbench as wb
calibration, evaluation, labels = wb.demo.data()
app = wb.App(wb.demo.model(), calibration, evaluation=evaluation, labels=labels, autosave=None)
app"""

ACTIVATION = "blocks.0.depthwise.relu_out"  # of the demo network
# what is wider than its room, and what can be used but lies outside of the app
OVERFLOWING = """() => [...document.querySelectorAll('.workbench-app, .workbench-app section, .jp-OutputArea-output')]
    .filter((e) => e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).overflowX !== 'hidden')
    .map((e) => [e.className, e.scrollWidth, e.clientWidth])"""
OUTSIDE = """() => { const app = document.querySelector('.workbench-app').getBoundingClientRect();
    return [...document.querySelectorAll('.workbench-app :is(button, select, [data-metric])')]
      .filter((e) => e.offsetParent && !e.closest('.wb-plot, [hidden], .wb-network-rows, .wb-samples'))
      .map((e) => [e, e.getBoundingClientRect()])
      .filter(([, b]) => b.right > app.right + 1 || b.bottom > app.bottom + 1 || b.left < app.left - 1)
      .map(([e, b]) => [e.className, e.textContent.slice(0, 20), b.right - app.right, b.bottom - app.bottom]); }"""


def open_app(open_notebook: Callable[..., Notebook], cell: str, **options: Any) -> Notebook:
    """A notebook whose app has done all its background work and shows it."""
    notebook = open_notebook([cell], **{"size": (1480, 1000)} | options)
    notebook.run()
    settle(notebook)
    notebook.page.locator(".workbench-app").scroll_into_view_if_needed()
    notebook.page.locator(".workbench-app").evaluate("(app) => app.scrollIntoView({ block: 'center' })")
    return notebook


def settle(notebook: Notebook) -> None:
    """Wait until nothing is computed any more and everything has been shown."""
    notebook.wait_idle()
    assert notebook.value("app.study.wait(60)") is True
    notebook.wait_idle()


def value(notebook: Notebook, expression: str) -> Any:
    """The value of a Python expression once everything has been shown."""
    settle(notebook)
    return notebook.value(expression)


def click(notebook: Notebook, selector: str) -> None:
    """Click the first element of the app with this CSS selector."""
    notebook.page.locator(f".workbench-app {selector}").first.click()


def no_trouble(notebook: Notebook) -> None:
    """Nothing failed: no cell, no script, nothing in the background; nothing was asked of the network."""
    assert not notebook.cell_errors()
    assert notebook.console_errors == [] and notebook.foreign_requests == []
    assert value(notebook, "app.study.state.latest_trouble") == ""


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
