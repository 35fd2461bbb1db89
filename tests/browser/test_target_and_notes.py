"""The target greys what it cannot express and marks what was chosen already; notes on tensors."""

from tests.browser.one_app import ACTIVATION, click, look_at, no_trouble, value
from workbench.workflow.export.catalogue import TARGETS

AGAIN = """app.study.set_recipe(start)
app.study.set_target("onnx_qdq")"""


def test_what_the_target_cannot_express_is_greyed_with_the_reason(notebook):
    page = notebook.page
    look_at(notebook, ACTIVATION)
    click(notebook, ".wb-more")
    menu = page.get_by_role("dialog", name="all formats")
    refused = menu.locator("[data-format=int5][aria-disabled=true]")
    refused.wait_for()
    reason = refused.get_attribute("aria-description")
    assert reason.startswith("onnxruntime: ") and reason in refused.get_attribute("title")
    refused.click(force=True)
    assert menu.is_visible() and value(notebook, f"app.recipe[{ACTIVATION!r}].format") == "int8"
    page.keyboard.press("Escape")
    menu.wait_for(state="hidden")

    target = page.get_by_role("combobox", name="target").first
    target.focus()
    for _ in range([t.name for t in TARGETS.values() if t.kind == "network"].index("onnx_fp16")):
        page.keyboard.press("ArrowDown")  # to another target, by keyboard
    page.locator(".wb-formats [data-format=int8]").wait_for()
    page.locator(".wb-formats [data-format=bf16][aria-disabled=true]").wait_for()
    assert value(notebook, "app.study.state.target") == "onnx_fp16"
    page.locator(".wb-formats [data-format=bf16]").click(force=True)
    click(notebook, ".wb-formats [data-format=fp16]")
    assert value(notebook, f"app.recipe[{ACTIVATION!r}].format") == "fp16"
    target.select_option("")
    click(notebook, ".wb-more")
    menu.locator("[data-format=int5]:not([aria-disabled])").click()
    assert value(notebook, f"app.recipe[{ACTIVATION!r}].format") == "int5"
    no_trouble(notebook)


def test_tensors_that_do_not_fit_are_marked_counted_and_one_click_away(notebook):
    page = notebook.page
    page.get_by_text("everything fits").wait_for()
    notebook.execute(f"app.study.set_format({ACTIVATION!r}, 'int5')\napp.study.select('stem.conv')")
    count = page.locator(".wb-misfits")
    page.get_by_text("1 tensor does not fit").wait_for()
    mark = page.locator(".wb-list .wb-misfit").first
    assert "int5" in mark.text_content() and "does not fit the target" in mark.text_content()
    assert "weights only" in mark.get_attribute("title")
    count.focus()
    page.keyboard.press("Enter")
    found = page.get_by_role("dialog", name="tensors that do not fit the target")
    found.get_by_text("weights only").wait_for()
    found.locator("button:focus", has_text=ACTIVATION).wait_for()
    page.keyboard.press("Enter")
    found.wait_for(state="hidden")
    assert value(notebook, "app.study.selected") == ACTIVATION
    page.locator(".wb-more.wb-on.wb-misfit").wait_for()
    notebook.execute("app.study.undo()")
    page.get_by_text("everything fits").wait_for()
    no_trouble(notebook)


def test_the_header_holds_everything_at_every_width(notebook):
    page = notebook.page
    notebook.execute("app.study.set_target('onnx_fp16')")
    page.locator(".wb-misfits.wb-bad").wait_for()
    for width in (1480, 1200, 1000):
        page.set_viewport_size({"width": width, "height": 1000})
        fits = """() => { const box = document.querySelector(".wb-header").getBoundingClientRect();
            const last = document.querySelector(".wb-header .wb-primary").getBoundingClientRect();
            return last.width > 0 && last.right <= box.right; }"""
        page.wait_for_function(fits, timeout=10_000)


def test_a_note_is_written_kept_and_marked(notebook):
    page = notebook.page
    look_at(notebook, ACTIVATION)
    note = page.get_by_label("note on this tensor")
    note.fill("two <b>peaks</b>")
    note.press("Enter")
    assert value(notebook, f"app.recipe.notes.get({ACTIVATION!r})") == "two <b>peaks</b>"
    mark = page.get_by_role("img", name="note: two <b>peaks</b>").first
    mark.wait_for()
    assert value(notebook, "app.study.state.updating") is False
    note.fill("given up")
    note.press("Escape")
    assert note.input_value() == "two <b>peaks</b>"
    note.fill("left")
    page.locator(".wb-list").focus()  # leaving the field keeps it
    page.get_by_role("img", name="note: left").first.wait_for()
    notebook.execute("app.study.select('stem.conv')")
    page.wait_for_function("() => document.querySelector('.wb-own-note').value === ''")
    notebook.execute(f"app.study.undo(); app.study.undo(); app.study.select({ACTIVATION!r})")
    mark.wait_for(state="detached")
    assert note.input_value() == "" and value(notebook, "dict(app.recipe.notes)") == {}
    no_trouble(notebook)
