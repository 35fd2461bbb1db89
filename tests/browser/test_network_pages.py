"""The network room: figures, error along the depth, changed samples; by mouse and keyboard, in any size and theme."""

import pytest

from tests.browser.one_app import OUTSIDE, OVERFLOWING, click, no_trouble, settle, value

CELL = """import workbench as wb
from workbench.ui.panels.samples import SamplesPanel
calibration, evaluation, labels = wb.demo.data()
app = wb.App(wb.demo.model(), calibration, evaluation=evaluation, labels=labels, autosave=None,
             metric=lambda outputs, labels: float((outputs.argmax(1) == labels).mean()))
app"""
COARSE = "app.study.set_format('stem.conv.weight', {!r}, 'network', same_kind=True)"
AGAIN = """app.study.ask("one_sample", False)
app.study.set_task("")
app.study.set_recipe(start)
app.study.wait(60)
app.study.set_format('stem.conv.weight', 'int4', 'network', same_kind=True)
app.study.select('stem.conv.weight')
app.pages.turn_to("depth")"""


def tip(notebook):
    return notebook.page.locator(".wb-depth-tip")


def selected(notebook):
    return value(notebook, "app.study.selected")


def names(notebook):
    return value(notebook, "list(app.study.comparison.tensors)")


def open_samples(notebook):
    click(notebook, "[role=tab][data-page=samples]")
    notebook.page.locator(".wb-sample").first.wait_for()
    settle(notebook)


def test_pointing_names_a_tensor_and_a_click_selects_it(notebook):
    chart, tensors = notebook.page.locator(".wb-depth"), names(notebook)
    box = chart.bounding_box()
    right = box["x"] + box["width"] - 15
    notebook.page.mouse.move(right, box["y"] + box["height"] / 2)
    error = value(notebook, f"vars(app.study.comparison.tensors[{tensors[-1]!r}])")
    words = tip(notebook).inner_text()
    assert tensors[-1] in words and f"{error['sqnr_db']:.1f} dB · cosine {error['cosine']:.4f}" in words
    assert "before the last change" in words
    notebook.page.mouse.click(right, box["y"] + box["height"] / 2)
    assert selected(notebook) == tensors[-1]
    notebook.page.mouse.move(5, 5)
    assert tensors[-1] in tip(notebook).inner_text()  # the selected tensor stays named
    no_trouble(notebook)


def test_arrow_keys_move_along_the_network(notebook):
    tensors, page = names(notebook), notebook.page
    cells = page.evaluate("jupyterapp.shell.currentWidget.content.model.cells.length")
    page.locator(".wb-depth").focus()
    page.keyboard.press("Home")
    slider = page.get_by_role("slider", name="tensor along the network")
    assert slider.get_attribute("aria-valuetext").startswith(f"{tensors[0]}: ")
    for _ in range(2):
        page.keyboard.press("ArrowRight")
    assert (
        slider.get_attribute("aria-valuetext").startswith(f"{tensors[2]}: ")
        and tensors[2] in tip(notebook).inner_text()
    )
    assert slider.get_attribute("aria-valuenow") == "3" and slider.get_attribute("aria-valuemax") == str(len(tensors))
    page.keyboard.press("Enter")
    assert selected(notebook) == tensors[2]
    page.keyboard.press("End")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press(" ")
    assert selected(notebook) == tensors[-2]
    for key in ("d", "d", "x", "b"):
        page.keyboard.press(key)
    assert page.evaluate("jupyterapp.shell.currentWidget.content.model.cells.length") == cells
    no_trouble(notebook)


def test_low_tensors_and_the_largest_drop_are_marked(notebook):
    notebook.execute(COARSE.format("int3"))
    settle(notebook)
    low = value(notebook, "[n for n, e in app.study.comparison.tensors.items() if e.low_cosine]")
    marks = notebook.page.locator(".wb-depth-low title").all_text_contents()
    assert [mark.split(": ")[0] for mark in marks] == low and len(low) > 3
    assert all("below 0.98" in mark for mark in marks)
    assert notebook.page.locator(".wb-depth-count").text_content() == f"{len(low)} below cosine 0.98"
    fall = notebook.page.locator(".wb-depth-fall")
    tensor = fall.text_content().split(" dB at ")[1]
    assert fall.text_content().startswith("spoils most: −") and tensor in names(notebook)
    fall.click()
    assert selected(notebook) == tensor
    no_trouble(notebook)


DRAWN = "(c) => c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some((x) => x > 0)"
HEARD = """_panel = next(w for w in app._parts if isinstance(w, SamplesPanel))
_heard, _hear = [], _panel.on_pictures
_panel.on_pictures = lambda content: (_heard.append(content["samples"]), _hear(content))"""


def test_changed_samples_with_pictures_that_come_when_scrolled_to(notebook):
    notebook.execute(COARSE.format("int3"))
    notebook.execute(HEARD)
    open_samples(notebook)
    cards, page = notebook.page.locator(".wb-sample"), notebook.page
    n = value(notebook, "len(app.study.state.answers['samples'].value.found)")
    assert cards.count() == min(n, 200) > 20
    assert f"{n} of 450 answers changed" in page.locator(".wb-samples-line").inner_text()
    assert page.locator(".wb-samples-line").evaluate("(line) => line.scrollWidth <= line.clientWidth")  # no menu cut
    means = page.locator(".wb-samples-means").inner_text()
    assert "both networks name the same class" in means and "Guessed from output 'logits'" in means
    pictures = page.locator(".wb-sample-picture")
    page.wait_for_function(f"(c) => ({DRAWN})(c)", arg=pictures.first.element_handle())
    assert not pictures.last.evaluate(DRAWN)
    first = set(value(notebook, "[n for some in _heard for n in some]"))
    assert 0 < len(first) < cards.count()
    cards.last.scroll_into_view_if_needed()
    page.wait_for_function(f"(c) => ({DRAWN})(c)", arg=pictures.last.element_handle())
    cards.first.scroll_into_view_if_needed()
    settle(notebook)
    asked = value(notebook, "[n for some in _heard for n in some]")
    assert len(asked) == len(set(asked)) > len(first)
    card = cards.first.inner_text()
    assert "float ✓" in card and "chosen ✗" in card and "became" in card
    no_trouble(notebook)


def test_a_click_shows_one_samples_error_along_the_depth(notebook):
    open_samples(notebook)
    card = notebook.page.locator(".wb-sample").nth(1)
    sample = int(card.get_attribute("data-sample"))
    card.click()
    settle(notebook)
    assert notebook.page.locator(".wb-depth-sample").inner_text().startswith(f"sample {sample}")
    assert notebook.page.locator(".wb-depth-now").count() == 1
    alone = value(notebook, "{n: e.sqnr_db for n, e in app.study.state.answers['one_sample'].value.tensors.items()}")
    notebook.page.locator(".wb-depth").focus()
    notebook.page.keyboard.press("End")
    assert f"{list(alone.values())[-1]:.1f} dB".replace("-", "−") in tip(notebook).inner_text()
    click(notebook, ".wb-depth-sample button")
    settle(notebook)
    assert notebook.page.locator(".wb-depth-sample").is_hidden() and notebook.page.locator(".wb-depth-now").count() == 1
    no_trouble(notebook)


def test_samples_by_keyboard(notebook):
    page = notebook.page
    page.locator("[role=tab][data-page=depth]").focus()
    for _ in range(value(notebook, "list(app.pages.pages).index('samples')")):
        page.keyboard.press("ArrowRight")
    page.locator(".wb-sample").first.wait_for()
    settle(notebook)
    cards = page.locator(".wb-sample")
    assert page.locator(".wb-sample[tabindex='0']").count() == 1 < cards.count()
    cards.first.focus()
    assert cards.first.get_attribute("tabindex") == "0"
    page.keyboard.press("ArrowRight")
    at = "document.activeElement.dataset.sample"
    assert page.evaluate(at) == cards.nth(1).get_attribute("data-sample")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    sample = page.evaluate(at)
    page.keyboard.press("Enter")
    settle(notebook)
    assert page.locator(".wb-depth-sample").inner_text().startswith(f"sample {sample}")
    no_trouble(notebook)


def test_no_changed_sample_and_another_task(notebook):
    open_samples(notebook)
    notebook.execute("app.study.set_recipe(start)")
    settle(notebook)
    assert notebook.page.locator(".wb-samples-page .wb-empty").inner_text() == "No answer changed on 450 samples."
    task = notebook.page.get_by_role("combobox", name="task")
    assert task.locator("option").all_text_contents()[0] == "guessed: classes"
    assert task.locator("option[value=boxes]").is_disabled()
    task.select_option("classes")
    assert value(notebook, "app.study.state.task") == "classes"
    assert "Chosen by you." in notebook.page.locator(".wb-samples-means").inner_text()
    no_trouble(notebook)


PLACES = """() => [...document.querySelectorAll('.wb-network-row > *')].map((e) => {
    const { x, y, width } = e.getBoundingClientRect(); return [x, y, width]; })"""
CUT = """() => [...document.querySelectorAll('.wb-network-row:not([hidden]) > :not(:first-child)')]
    .filter((e) => e.scrollWidth > e.clientWidth + 1).map((e) => e.textContent)"""


def test_network_figures_do_not_jump(notebook):
    page = notebook.page
    shown = page.locator(".wb-network-row:not([hidden]) .wb-network-name").all_text_contents()
    assert [name.split(" (")[0] for name in shown] == [
        *("SQNR", "same as float", "by last change", "accuracy", "own metric", "KL of output", "cosine", "in top 5")
    ]
    before, text = page.evaluate(PLACES), page.locator(".wb-network-rows").inner_text()
    for format in ("int3", "int8", "fp32"):
        notebook.execute(COARSE.format(format))
        settle(notebook)
        assert page.evaluate(PLACES) == before, format
        assert page.evaluate(CUT) == [], format
    assert page.locator(".wb-network-rows").inner_text() != text
    change = page.locator("[data-metric=output_change_db]")
    assert change.count() == 1 and page.locator("[data-metric=own_metric]").get_attribute("data-value")
    rows = page.locator(".wb-network-rows")
    assert rows.evaluate("(e) => e.scrollHeight <= e.clientHeight")
    no_trouble(notebook)


@pytest.mark.parametrize("page_name", ["depth", "samples"])
def test_nothing_overflows_in_any_theme_and_size(notebook, page_name):
    notebook.execute(COARSE.format("int3"))
    settle(notebook)
    click(notebook, f"[role=tab][data-page={page_name}]")
    settle(notebook)
    for width, height, tall in [(1480, 1000, False), (1480, 1000, True), (1000, 640, False), (1000, 640, True)]:
        notebook.page.set_viewport_size({"width": width, "height": height})
        if tall:
            click(notebook, ".wb-taller")
        for theme in ("light", "dark"):
            notebook.set_theme(theme)
            notebook.page.wait_for_timeout(400)
            assert notebook.page.evaluate(OVERFLOWING) == [], (width, height)
            assert notebook.page.evaluate(OUTSIDE) == [], (width, height)
            assert notebook.page.evaluate(CUT) == [], (width, height)
            print(notebook.screenshot(f"{width}x{height}{'-tall' if tall else ''}-{theme}"))
        if tall:
            click(notebook, ".wb-taller")
    no_trouble(notebook)
