"""Targets by mouse and keyboard: a file of ranges is written, read, and opened again; names of a tool; a device."""

import struct
from pathlib import Path

import pytest

from tests.browser.one_app import ACTIVATION, begun_again, click, no_trouble, open_once, settle, value

TARGET = "tensorrt_cache"


@pytest.fixture(scope="module")
def opened(open_shared):
    return open_once(open_shared)


@pytest.fixture
def notebook(opened, request):
    with begun_again(opened, request, "app.study.set_recipe(start); app.study.set_target('onnx_qdq')"):
        yield opened


def dialog_of(notebook):
    click(notebook, "button:text-is('Export…')")
    dialog = notebook.page.get_by_role("dialog", name="Export")
    dialog.wait_for()
    return dialog


def scales(text):
    """Tensor -> scale, as the format's public description says: big-endian float32 in hexadecimal digits."""
    pairs = (line.rsplit(": ", 1) for line in text.splitlines()[1:])
    return {name: struct.unpack(">f", bytes.fromhex(digits.zfill(8)))[0] for name, digits in pairs}


def test_a_file_of_ranges_goes_out_and_comes_back(notebook):
    page = notebook.page
    dialog = dialog_of(notebook)
    groups = dialog.get_by_label("target").locator("optgroup")
    groups.first.wait_for(state="attached")
    assert [group.get_attribute("label") for group in groups.all()] == [
        *("Networks that run", "Files of ranges", "Reports"),
    ]
    dialog.get_by_label("target").select_option(TARGET)
    page.wait_for_function(f"() => document.querySelector('.wb-export-dialog input').value.includes('{TARGET}')")
    dialog.get_by_text("Looking for what an export would suffer from…").wait_for(state="hidden")
    dialog.get_by_role("button", name="Export").click()
    page.locator(".wb-result b.wb-good").wait_for(timeout=60_000)
    assert dialog.get_by_role("list", name="remarks").locator("li").count() >= 1
    path = notebook.lab.root / Path(notebook.path).parent / dialog.get_by_label("file").input_value()
    text = path.read_text()
    assert text.startswith("TRT-") and scales(text)[ACTIVATION] > 0
    path.write_text(f"{text.splitlines()[0]}\n{ACTIVATION}: {struct.pack('>f', 0.25).hex()}\n")

    fold = dialog.get_by_role("button", name="Open ranges…")
    assert fold.get_attribute("aria-expanded") == "false"
    fold.focus()
    page.keyboard.press("Enter")  # from here on by keyboard alone
    page.keyboard.press("Tab")
    page.keyboard.type(dialog.get_by_label("file").input_value())
    page.keyboard.press("Enter")
    dialog.get_by_text("1 of 1 tensors in the file changed the recipe.").wait_for(timeout=30_000)
    assert value(notebook, f"float(app.recipe[{ACTIVATION!r}].quantizer.scale)") == 0.25
    page.keyboard.press("Control+a")
    page.keyboard.type("nowhere.cache")
    page.keyboard.press("Enter")
    dialog.get_by_text("Nothing was changed. nowhere.cache: No such file or directory").wait_for()
    page.keyboard.press("Escape")
    dialog.wait_for(state="hidden")
    notebook.execute("app.study.undo()")
    assert value(notebook, f"app.recipe[{ACTIVATION!r}] == start[{ACTIVATION!r}]") is True
    no_trouble(notebook)


def test_names_of_the_tool_are_matched_and_edited(notebook):
    page = notebook.page
    folder = notebook.lab.root / Path(notebook.path).parent
    (folder / "names.csv").write_text("stem.conv.weight,conv_1\nimage,<b>data</b>\n")
    dialog = dialog_of(notebook)
    dialog.get_by_role("button", name="Names there").click()
    dialog.get_by_label("names from").fill("names.csv")
    dialog.get_by_role("button", name="Match").click()
    table = dialog.get_by_role("table", name="what the tool calls each tensor")
    table.wait_for()
    first = table.locator(".wb-names-row:not(.wb-names-head)").first
    page.wait_for_function("() => document.querySelectorAll('.wb-names .wb-unmatched').length > 5")
    assert "unmatched" in first.text_content()
    weight = table.get_by_label("name of stem.conv.weight", exact=True)
    assert weight.input_value() == "conv_1"
    weight.fill("conv_one")
    weight.press("Enter")
    table.locator(".wb-names-row", has_text="stem.conv.weight").get_by_text("by hand").wait_for()
    names = value(notebook, "dict(app.recipe.names)")
    assert names == {"stem.conv.weight": "conv_one", "image": "<b>data</b>"}
    dialog.get_by_label("target").select_option("csv_table")
    page.wait_for_function("() => document.querySelector('.wb-export-dialog input').value.includes('csv_table')")
    dialog.get_by_role("button", name="Export").click()
    page.locator(".wb-result b.wb-good").wait_for(timeout=60_000)
    written = (folder / dialog.get_by_label("file").input_value()).read_text()
    assert "conv_one" in written and "<b>data</b>" in written
    no_trouble(notebook)
    page.keyboard.press("Escape")
    dialog.wait_for(state="hidden")


def test_nothing_is_replaced_unasked_and_the_result_is_kept(notebook):
    page = notebook.page
    folder = notebook.lab.root / Path(notebook.path).parent
    (folder / "mine.csv").write_text("mine")
    dialog = dialog_of(notebook)
    name, result = dialog.get_by_label("file"), page.locator(".wb-result")
    go = dialog.locator(".wb-primary")
    name.fill("mine.txt")
    dialog.get_by_label("target").select_option(TARGET)
    assert name.input_value() == "mine.txt"  # an ending of its own stays
    name.fill("mine.cache")
    dialog.get_by_label("target").select_option("csv_table")
    assert name.input_value() == "mine.csv"  # in the same breath, so that a click cannot mix two targets
    place = go.bounding_box()
    go.click()
    dialog.get_by_text("mine.csv exists. Replace it?").wait_for()
    page.wait_for_function("() => document.activeElement.textContent === 'Keep'")
    page.keyboard.press("Enter")
    dialog.get_by_text("mine.csv exists. Replace it?").wait_for(state="hidden")
    assert (folder / "mine.csv").read_text() == "mine"
    page.wait_for_function("() => document.activeElement.getAttribute('aria-label') === 'file'")
    page.keyboard.press("Enter")
    dialog.get_by_role("button", name="Replace").click()
    result.locator("b.wb-good").wait_for(timeout=60_000)
    assert str(folder / "mine.csv") in result.text_content()
    assert (folder / "mine.csv").read_text() != "mine" and go.bounding_box() == place

    name.fill("other.csv")
    go.dblclick()
    page.keyboard.press("Escape")
    dialog.wait_for(state="hidden")
    settle(notebook)
    dialog = dialog_of(notebook)
    result.get_by_text("other.csv").wait_for()
    dialog.get_by_label("target").select_option("html_report")
    result.get_by_text("other.csv").wait_for()
    name.fill(" ")
    go.click()
    result.get_by_text("Give a file name").wait_for()
    no_trouble(notebook)
    name.fill("digits.html")
    page.keyboard.press("Escape")
    dialog.wait_for(state="hidden")


def test_a_device_is_chosen_and_the_recipe_fitted_to_it(notebook):
    page = notebook.page
    target = page.locator(".wb-target-select")
    target.select_option("nvdla")
    page.locator(".wb-misfits.wb-bad").wait_for()
    dialog = dialog_of(notebook)
    dialog.locator(".wb-primary:disabled").wait_for()
    dialog.get_by_role("button", name="Fit the recipe to NVDLA").click()
    page.get_by_text("everything fits").wait_for()
    dialog.get_by_role("button", name="Fit the recipe to NVDLA").wait_for(state="hidden")
    page.keyboard.press("Escape")
    dialog.wait_for(state="hidden")
    notebook.execute("app.study.select('blocks.0.relu_out')")
    settle(notebook)
    page.get_by_text("⇌ one scale with merge.pool_out").wait_for()
    notebook.execute("app.study.undo()")
    page.locator(".wb-misfits.wb-bad").wait_for()
    no_trouble(notebook)
