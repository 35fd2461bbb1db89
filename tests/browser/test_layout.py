"""The app where there is little room and where there is much: tabs, drawer, full screen, a view of its own."""

import pytest

from tests.browser.one_app import ACTIVATION, OVERFLOWING, click, no_trouble, value

APP = "document.querySelector('.workbench-app')"
SMALL = {"width": 1000, "height": 640}
AGAIN = f"""app.study.set_recipe(start)
app.pages.turn_to("depth")
app.study.select({ACTIVATION!r})"""
IN_SIGHT = """(e) => {
  const [a, room] = [e.getBoundingClientRect(), e.closest('.jp-WindowedPanel-outer').getBoundingClientRect()];
  const outside = a.top < room.top || a.bottom > room.bottom || a.left < room.left || a.right > room.right;
  if (!a.width || outside) return false;
  const top = document.elementFromPoint((a.left + a.right) / 2, (a.top + a.bottom) / 2);
  return e.contains(top) || top.contains(e);
}"""
CUT = """() => [...document.querySelectorAll('.workbench-app :is(button, select, [data-metric], .wb-rail span)')]
  .filter((e) => e.offsetParent && getComputedStyle(e).visibility === 'visible' && e.textContent)
  .filter((e) => e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).display !== 'inline')
  .filter((e) => getComputedStyle(e).textOverflow !== 'ellipsis' || !e.closest('[title]'))
  .map((e) => [e.className, e.textContent.slice(0, 30), e.scrollWidth, e.clientWidth])"""
STICKING_OUT = """() => { const app = document.querySelector('.workbench-app').getBoundingClientRect();
  return [...document.querySelectorAll('.workbench-app :is(button, select, [data-metric])')]
    .filter((e) => e.offsetParent && getComputedStyle(e).visibility === 'visible')
    .filter((e) => !e.closest('.wb-plot, .wb-list, .wb-pages > :not(:first-child), .wb-network-rows'))
    .map((e) => [e, e.getBoundingClientRect()])
    .filter(([, b]) => b.right > app.right + 1 || b.bottom > app.bottom + 1 || b.left < app.left - 1)
    .map(([e, b]) => [e.className, e.textContent.slice(0, 20), b.right - app.right, b.bottom - app.bottom]); }"""


def resize(notebook, size, classes):
    """Give the window another size; wait until the app is fitted to it and the plot drawn anew."""
    page = notebook.page
    page.set_viewport_size(size)
    page.wait_for_function(
        f"(wanted) => ['wb-low', 'wb-railed'].filter((c) => {APP}.classList.contains(c)).join(' ') === wanted",
        arg=classes,
    )
    page.wait_for_function(
        """() => { const stage = document.querySelector('.wb-plot-stage');
          const svg = stage.querySelector('.main-svg');
          return ['clientHeight', 'clientWidth'].every((s) => Math.abs(stage[s] - svg[s]) < 2); }"""
    )
    page.locator(".workbench-app").evaluate("(app) => app.scrollIntoView({ block: 'center' })")


def made_small(notebook):
    resize(notebook, SMALL, "wb-low wb-railed")


def asks(notebook, question, wanted):
    """Wait until the app asks a question, or no longer does."""
    for _ in range(100):
        if value(notebook, f"{question!r} in app.study.state.asked") is wanted:
            return
    raise AssertionError(f"{question} is {'not ' if wanted else ''}asked")


def shown(notebook, selector, condition="true"):
    """Wait until the element is visible (or not) in the way that CSS says it."""
    script = "([s, wanted]) => (getComputedStyle(document.querySelector(s)).visibility === 'visible') === wanted"
    notebook.page.wait_for_function(script, arg=[selector, condition == "true"])


def test_on_a_small_laptop_the_handle_and_its_numbers_are_in_sight(notebook):
    made_small(notebook)
    page = notebook.page
    for selector in (
        ".wb-handle[aria-label='Upper threshold'] .wb-handle-grip",
        "[data-metric=output_sqnr_db]",
        ".wb-rail-button",
        ".wb-sentence",
        ".wb-page-tabs",
        ".wb-primary",
        "[data-index='0']",
    ):
        assert page.locator(selector).first.evaluate(IN_SIGHT), selector
    room = page.evaluate(f"{APP}.closest('.jp-WindowedPanel-outer').clientHeight")
    assert page.locator(".workbench-app").bounding_box()["height"] <= room

    rail = page.locator(".wb-rail-line .wb-number-value")
    before = rail.all_text_contents()
    notebook.drag("Upper threshold", -60, seconds=1)
    panel = [page.locator(f"[data-metric={name}]") for name in ("sqnr_db", "mse", "rounding_mse", "clipping_mse", "kl")]
    value(notebook, "1")
    assert rail.all_text_contents()[:5] == [number.first.text_content() for number in panel]
    assert rail.all_text_contents() != before
    label = page.locator(".wb-rail-button").get_attribute("aria-label")
    assert label == f"choice: INT8, SQNR {rail.first.text_content()} dB; opens the choice"
    no_trouble(notebook)


def test_the_choice_is_a_drawer_by_mouse_and_by_keyboard(notebook):
    made_small(notebook)
    page, rail = notebook.page, notebook.page.locator(".wb-rail-button")
    shown(notebook, ".wb-room-choice", "false")
    rail.click()
    shown(notebook, ".wb-room-choice")
    assert rail.get_attribute("aria-expanded") == "true"
    assert page.evaluate("document.activeElement.dataset.format") == "int8"
    click(notebook, "[data-format=fp16]")
    assert value(notebook, f"app.recipe[{ACTIVATION!r}].format") == "fp16"
    page.wait_for_function("document.querySelector('.wb-rail-format').textContent === 'FP16'")
    click(notebook, ".wb-more")  # what opens in the drawer keeps Escape to itself
    page.get_by_role("dialog", name="all formats").wait_for()
    page.keyboard.press("Escape")
    page.get_by_role("dialog", name="all formats").wait_for(state="hidden")
    shown(notebook, ".wb-room-choice")
    page.keyboard.press("Escape")
    shown(notebook, ".wb-room-choice", "false")
    assert page.evaluate("document.activeElement.className") == "wb-rail-button"
    assert rail.get_attribute("aria-expanded") == "false"

    page.keyboard.press("Enter")
    shown(notebook, ".wb-room-choice")
    page.keyboard.press("c")
    shown(notebook, ".wb-room-choice", "false")
    page.locator("[role=tab][data-tensor$=relu_out]").focus()
    page.keyboard.press("c")  # not JupyterLab's "copy this cell"
    shown(notebook, ".wb-room-choice")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.dataset.format") == "bf16"
    page.keyboard.press("Enter")
    assert value(notebook, f"app.recipe[{ACTIVATION!r}].format") == "bf16"

    resize(notebook, {"width": 1480, "height": 1000}, "")
    assert rail.is_hidden() and rail.get_attribute("aria-expanded") == "false"
    assert page.locator(".wb-formats").is_visible()
    no_trouble(notebook)


def test_the_bottom_row_is_tabs_whose_pages_open_over_the_plot(notebook):
    made_small(notebook)
    page = notebook.page
    grip = page.locator(".wb-handle-grip").first
    at = page.locator("[role=tab][data-page=samples]").bounding_box()
    shown(notebook, ".wb-depth", "false")
    click(notebook, "[role=tab][data-page=samples]")
    shown(notebook, ".wb-samples-page")
    assert page.locator("[role=tab][data-page=samples]").bounding_box()["y"] == at["y"]
    assert grip.evaluate(IN_SIGHT)  # the handle stays in sight and can be dragged
    click(notebook, "[role=tab][data-page=depth]")
    shown(notebook, ".wb-depth")
    assert page.locator(".wb-network-rows").bounding_box()["height"] > 100
    click(notebook, "[role=tab][data-page=depth]")
    shown(notebook, ".wb-depth", "false")
    page.keyboard.press("ArrowRight")
    shown(notebook, ".wb-overview")
    page.keyboard.press("Escape")
    shown(notebook, ".wb-overview", "false")

    click(notebook, ".wb-small-tab >> nth=1")
    shown(notebook, ".wb-notes")
    assert page.locator(".wb-notes").evaluate(IN_SIGHT)
    page.keyboard.press("Escape")
    shown(notebook, ".wb-notes", "false")
    notebook.execute('app.pages.turn_to("causes")')  # led there by something else than the tab
    shown(notebook, ".wb-causes")
    height = page.locator(".wb-causes").bounding_box()["height"]
    click(notebook, ".wb-taller")
    page.wait_for_function(f"(least) => {APP}.querySelector('.wb-causes').clientHeight > least", arg=height + 100)
    click(notebook, ".wb-taller")
    asks(notebook, "causes", True)
    click(notebook, ".wb-page-tabs [data-page=causes]")
    shown(notebook, ".wb-causes", "false")
    asks(notebook, "causes", False)  # nobody sees the page
    click(notebook, ".wb-page-tabs [data-page=causes]")
    shown(notebook, ".wb-causes")
    asks(notebook, "causes", True)
    resize(notebook, {"width": 1480, "height": 1000}, "")
    assert page.evaluate(f"{APP}.dataset.foot") == ""
    no_trouble(notebook)


def test_the_whole_screen_and_back(notebook):
    page = notebook.page
    plot = page.locator(".wb-plot-stage")
    before = plot.bounding_box()["height"]
    click(notebook, ".wb-screen")
    page.wait_for_function(f"document.fullscreenElement === {APP}")
    page.wait_for_function(f"{APP}.clientHeight === innerHeight && {APP}.clientWidth === innerWidth")
    page.wait_for_function("(least) => document.querySelector('.wb-plot-stage').clientHeight > least", arg=before + 100)
    assert page.locator(".wb-screen").get_attribute("aria-pressed") == "true"
    assert page.evaluate(STICKING_OUT) == []
    page.get_by_role("button", name="Versions").click()
    dialog = page.get_by_role("dialog", name="Versions")
    dialog.wait_for()
    box = dialog.bounding_box()
    assert box["y"] >= 0 and box["y"] + box["height"] <= 1000
    page.keyboard.press("Escape")
    notebook.drag("Upper threshold", -60, seconds=1)
    assert value(notebook, f"app.recipe[{ACTIVATION!r}].method") == "hand"
    page.locator(".wb-facts").focus()
    page.keyboard.press("f")
    page.wait_for_function("document.fullscreenElement === null")
    page.wait_for_function(
        "(was) => Math.abs(document.querySelector('.wb-plot-stage').clientHeight - was) < 2", arg=before
    )
    page.locator("input.wb-input").first.focus()
    page.keyboard.type("f")  # a letter like any other where one types
    assert page.evaluate("document.fullscreenElement") is None
    page.locator("input.wb-input").first.fill("")
    no_trouble(notebook)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nothing_is_cut_at_any_size(notebook, theme):
    notebook.set_theme(theme)
    page = notebook.page
    sizes = {
        (900, 640): "wb-low wb-railed",
        (1000, 640): "wb-low wb-railed",
        (1000, 800): "wb-low wb-railed",
        (1280, 800): "",
        (1480, 640): "wb-low",
        (1480, 1000): "",
        (2560, 1400): "",
    }
    for (width, height), classes in sizes.items():
        resize(notebook, {"width": width, "height": height}, classes)
        print(notebook.screenshot(f"{width}x{height}-{theme}"))
        assert page.evaluate(OVERFLOWING) == [], (width, height)
        assert page.evaluate(STICKING_OUT) == [], (width, height)
        assert page.evaluate(CUT) == [], (width, height)
        assert page.evaluate(f"{APP}.scrollWidth <= {APP}.clientWidth"), (width, height)
    page.evaluate("jupyterapp.shell.expandLeft()")
    resize(notebook, SMALL, "wb-low wb-railed")
    print(notebook.screenshot(f"with-the-file-browser-{theme}"))
    found = page.evaluate(STICKING_OUT), page.evaluate(OVERFLOWING)
    page.evaluate("jupyterapp.shell.collapseLeft()")
    assert found == ([], [])
    no_trouble(notebook)


def test_a_tab_of_its_own(notebook):
    page = notebook.page
    click(notebook, ".wb-new-view")
    second = page.locator(".jp-LinkedOutputView .workbench-app")
    second.locator(".wb-drawn").wait_for()
    assert page.locator(".jp-Dialog").count() == 0  # this cell is trusted: JupyterLab does not ask
    assert second.locator(".wb-new-view").is_hidden()
    second.locator(".wb-list [data-index='0']").click()
    if second.locator(".wb-rail-button").is_visible():
        second.locator(".wb-rail-button").click()
    second.locator("[data-format=fp16]").click()
    for app in page.locator(".workbench-app").all():
        app.locator("[data-format=fp16][aria-checked=true]").wait_for(state="attached")
    lines = ".wb-plot-figure .xy .js-line"
    for index in (1, 2):  # what was closed is not drawn into any more, and can be opened again
        page.evaluate("jupyterapp.shell.currentWidget.close()")
        page.locator(".jp-LinkedOutputView").wait_for(state="detached")
        assert value(notebook, "app.recipe['stem.conv.weight'].format") == "fp16"
        click(notebook, f".wb-list [data-index='{index}']")
        name = value(notebook, "app.study.layer")
        assert page.locator(".wb-plot-title").text_content() == name
        no_trouble(notebook)
        click(notebook, ".wb-new-view")
        second.locator(".wb-drawn").wait_for()
        assert second.locator(".wb-plot-title").text_content() == name
        assert second.locator(lines).count() == page.locator(".jp-Notebook").locator(lines).count() > 0
    page.evaluate("jupyterapp.shell.currentWidget.close()")
    page.locator(".jp-LinkedOutputView").wait_for(state="detached")
    no_trouble(notebook)
