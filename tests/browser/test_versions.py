"""Snapshots, what differs, the work as a script, and the explanation of a number, by mouse and keyboard."""

import pytest

from tests.browser.one_app import ACTIVATION, no_trouble, open_once, settle, value

# headless pages have no clipboard of their own; what is written to it is kept where the test can read it
CLIPBOARD = (
    "Object.defineProperty(navigator, 'clipboard', { value: { writeText: async (text) => { window.copied = text; } } })"
)


AGAIN = """app.study.set_recipe(start)
for _name in list(app.study.state.snapshots):
    app.study.forget(_name)"""
# opens the dialog; what it holds before the kernel can have answered: rows, and copy buttons that can be used
AS_IT_OPENS = """() => {
  document.querySelector(".workbench-app button[aria-label='Versions']").click();
  const dialog = document.querySelector(".wb-versions-dialog");
  const copies = [...dialog.querySelectorAll("button")].filter((each) => each.textContent.startsWith("Copy"));
  const rows = dialog.querySelectorAll("tbody tr");
  return [dialog.hidden, rows.length, copies.length, copies.filter((each) => !each.disabled).length];
}"""
# the names of the three versions, once the figures of all are there and in the order that their formats say
THREE_VERSIONS = """() => {
  const rows = [...document.querySelectorAll(".wb-versions-dialog tr[data-version]")];
  const db = rows.map((row) => Number(row.children[1].textContent));
  const known = rows.length === 3 && db.every(Number.isFinite);
  return known && db[2] < db[1] && db[1] < db[0] && rows.map((row) => row.dataset.version);
}"""


@pytest.fixture(scope="module")
def app_page(open_shared):
    opened = open_once(open_shared)
    opened.page.evaluate(CLIPBOARD)
    return opened


def dialog_of(notebook):
    return notebook.page.get_by_role("dialog", name="Versions")


def rows_of(notebook):
    return dialog_of(notebook).locator("tr[data-version]")


def test_a_snapshot_is_kept_compared_and_restored(notebook):
    page = notebook.page
    first = value(notebook, "app.recipe.to_json()")
    notebook.execute(f"app.study.set_format({ACTIVATION!r}, 'int4')")
    settle(notebook)
    page.get_by_role("button", name="Versions").click()
    page.keyboard.type("<b>coarse</b>")
    page.keyboard.press("Enter")
    rows_of(notebook).filter(has_text="<b>coarse</b>").wait_for()
    page.keyboard.press("Escape")
    notebook.execute(f"app.study.set_format({ACTIVATION!r}, 'fp16')")
    settle(notebook)
    page.get_by_role("button", name="Versions").click()
    names = page.wait_for_function(THREE_VERSIONS).json_value()
    assert names == ["present choices", "as it began", "<b>coarse</b>"]
    dialog_of(notebook).get_by_role("button", name="<b>coarse</b>", exact=True).click()
    page.get_by_text("from <b>coarse</b> (then) to the present choices (now): 1 tensors").wait_for()
    dialog_of(notebook).get_by_role("button", name="restore as it began").click()
    settle(notebook)
    assert value(notebook, "app.recipe.to_json()") == first and value(notebook, "app.study.can_undo")
    dialog_of(notebook).get_by_role("button", name="forget <b>coarse</b>").focus()
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.querySelectorAll('tr[data-version]').length === 2")
    page.keyboard.press("Escape")
    assert dialog_of(notebook).count() == 0
    no_trouble(notebook)


def test_the_work_is_copied_as_code_and_tables(notebook):
    page = notebook.page
    notebook.execute(f"app.study.set_range({ACTIVATION!r}, 0.0, 3.0)")
    settle(notebook)
    assert page.evaluate(AS_IT_OPENS) == [False, 0, 3, 0]
    page.get_by_role("button", name="Copy as code").click()
    page.wait_for_function("() => window.copied")
    script = page.evaluate("window.copied")
    assert f"study.set_range('{ACTIVATION}', 0.0, 3.0)" in script and script == value(notebook, "app.study.code()")
    dialog_of(notebook).get_by_role("button", name="Copy as Markdown").click()
    page.wait_for_function("() => window.copied.startsWith('| version |')")
    assert "| as it began |" in page.evaluate("window.copied")
    dialog_of(notebook).get_by_role("button", name="Copy as CSV").click()
    page.wait_for_function("() => window.copied.startsWith('version,')")
    page.keyboard.press("Escape")


def test_a_number_is_explained_with_its_own_numbers_while_it_changes(notebook):
    page = notebook.page
    notebook.execute(f"app.study.set_format({ACTIVATION!r}, 'int8'); app.study.select({ACTIVATION!r})")
    settle(notebook)
    why = page.get_by_role("button", name="explain SQNR", exact=True)
    why.focus()
    page.keyboard.press("Enter")
    numbers = page.locator(".wb-explain-numbers")
    numbers.wait_for()
    before = numbers.text_content()
    shown = f"{notebook.metric('sqnr_db'):.2f}"
    assert before.startswith("10 log₁₀(") and f"= {shown} dB" in before
    notebook.drag(
        "Saturation threshold" if notebook.slider("Saturation threshold").count() else "Upper threshold", -120
    )
    settle(notebook)
    assert numbers.is_visible() and numbers.text_content() != before
    assert f"= {notebook.metric('sqnr_db'):.2f} dB" in numbers.text_content()
    for _ in range(4):  # KL, cosine, largest error, saturated
        page.get_by_role("button", name="the next number").click()
    assert page.locator(".wb-explain-title").text_content() == "saturated"
    share = notebook.metric("saturated_fraction")
    assert numbers.text_content() == f"{round(share * 524288):,} of 524,288 values"
    page.keyboard.press("Escape")
    assert numbers.count() == 0
    no_trouble(notebook)
