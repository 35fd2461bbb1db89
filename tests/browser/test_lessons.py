"""Every lesson in JupyterLab: all cells run, something is alive on the page, the mouse can do what it is asked to."""

import json
import re
import time
import uuid
from pathlib import Path

import pytest

from tests.browser.notebook import KERNEL, WATCH_MESSAGES

LESSONS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
ALIVE = ".workbench-app, .wb-anatomy"
BY_HAND = re.compile(r'check\("([\w.]+)", ((explorer|app)\.\w+)')  # exercises whose answer is what a person moved
CAUSES_SECONDS = 90

OPEN = """async (path) => {
  const [app, before] = [jupyterapp, jupyterapp.shell.currentWidget];
  const opened = await app.commands.execute("docmanager:open", { path });
  await opened.context.ready;
  app.shell.activateById(opened.id);
  before.dispose();
}"""
# The cell whose output shows the widget of a name, brought into view and marked.
SHOW = """(name) => {
  const { content } = jupyterapp.shell.currentWidget;
  const lastLine = (cell) => cell.model.sharedModel.source.split("\\n").at(-1).trim();
  const cells = content.widgets.filter((cell) => cell.model.type === "code" && lastLine(cell) === name);
  if (cells.length !== 1) throw new Error(`${cells.length} cells show ${name}`);
  cells[0].node.dataset.shows = name;
  cells[0].node.scrollIntoView({ block: "center" });
}"""


def code_cells(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


def by_hand(path):
    """(exercise, what is handed over, name of the widget) of each exercise that is done with the mouse."""
    return BY_HAND.findall("\n".join(code_cells(path)))


@pytest.fixture(scope="module")
def desk(open_shared):
    """One page for all lessons; JupyterLab itself is loaded once."""
    return open_shared([])


def turn_to(desk, path):
    """Open a copy of a notebook in place of the present one, whose kernel is ended."""
    folder = desk.lab.root / uuid.uuid4().hex[:8]
    folder.mkdir()
    (folder / path.name).write_bytes(path.read_bytes())
    last, desk.path = desk.path, (folder / path.name).relative_to(desk.lab.root).as_posix()
    desk.page.evaluate(OPEN, desk.path)
    desk.lab.shut_kernels(last)
    ready = f"jupyterapp.shell.currentWidget?.context?.path === '{desk.path}' && {KERNEL}?.status === 'idle'"
    desk.page.wait_for_function(ready, timeout=60_000)
    desk.page.evaluate(WATCH_MESSAGES)
    desk.console_errors.clear()


def shown(desk, name):
    """The widget of a name, in view."""
    desk.page.evaluate(SHOW, name)
    widget = desk.page.locator(f'[data-shows="{name}"]').locator(ALIVE).first
    widget.wait_for()
    desk.wait_idle()
    return widget


def drag_the_handle(desk, name):
    desk.drag(shown(desk, name).get_by_role("slider").first, -45, seconds=0.3)


def type_a_number(desk, name):
    field = shown(desk, name).get_by_role("textbox", name="number")
    field.fill("6.5")
    field.press("Enter")


def take_advice(desk, name):
    app = shown(desk, name)
    skip = app.get_by_role("button", name="Skip")
    if skip.count():
        skip.click()
    app.locator("[role=tab][data-page=causes]").click()
    app.locator(".wb-cause-apply").first.click(timeout=CAUSES_SECONDS * 1000)


def hand_for(exercise, name):
    if name == "app":
        return take_advice
    return type_a_number if exercise.startswith("02.") else drag_the_handle


def wait_for_another(desk, expression, before):
    """The value of an expression once it is not `before` any more."""
    end = time.monotonic() + 60
    while (now := desk.value(expression)) == before:
        assert time.monotonic() < end, f"{expression} stays {before}"
        desk.wait_idle()
    return now


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_a_lesson_runs_and_its_controls_move(desk, path):
    turn_to(desk, path)
    desk.run(timeout=180)
    printed = desk.printed()
    assert not re.search("Traceback|Error|Warning", printed), printed
    assert desk.page.locator(ALIVE).count() >= 1, "nothing is alive in this lesson"
    for exercise, answer, name in by_hand(path):
        state = f"repr(getattr({answer}, 'levels', {answer}))" if name == "explorer" else f"repr({answer}.to_json())"
        before = desk.value(state)
        hand_for(exercise, name)(desk, name)
        wait_for_another(desk, state, before)
        assert desk.value(f"wb.lessons.check({exercise!r}, {answer}).words"), exercise
    assert desk.console_errors == [] and desk.foreign_requests == []


def test_the_exercises_that_are_done_by_hand_are_found():
    """None is passed over in silence: whoever words one differently is told here."""
    asked = [cell for path in LESSONS for cell in code_cells(path) if re.search(r"check\(.*\b(explorer|app)\b", cell)]
    assert len(asked) == sum(len(by_hand(path)) for path in LESSONS) >= 4
