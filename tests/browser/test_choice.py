"""The choice of format, rounding, pruning and threshold method by mouse and keyboard; the comparison of formats."""

import pytest

from tests.browser.one_app import (
    ACTIVATION,
    OUTSIDE,
    OVERFLOWING,
    begun_again,
    click,
    look_at,
    no_trouble,
    settle,
    value,
)

WEIGHT = "blocks.0.depthwise.conv.weight"


AGAIN = """app.study.set_recipe(start)
app.study.set_target("")  # every format can be chosen
for _catalogue, _name in ((wb.FORMATS, "mine"), (wb.CLIPPING, "a_third")):
    if _name in _catalogue:
        _catalogue.unregister(_name)"""


@pytest.fixture
def notebook(app_page, request):
    """The app with the choices that it began with, and nothing open."""
    with begun_again(app_page, request, AGAIN) as opened:
        opened.page.locator(".wb-scope").select_option("tensor")
        yield opened


def chosen(notebook, tensor):
    return value(notebook, f"app.recipe[{tensor!r}].to_json()")


def menu_of(notebook, name="all formats"):
    return notebook.page.get_by_role("dialog", name=name)


def sqnr_shown(notebook, format):
    figure = menu_of(notebook).locator(f"[data-format={format}] .wb-menu-figure")
    notebook.page.wait_for_function("(e) => /\\d/.test(e.textContent)", arg=figure.element_handle())
    return figure.text_content()


def test_the_list_of_formats_shows_errors_and_adopts_by_click_and_by_typing(notebook):
    look_at(notebook, ACTIVATION)
    assert value(notebook, "app.study.state.formats is None")
    click(notebook, ".wb-more")
    menu = menu_of(notebook)
    menu.wait_for()
    assert sqnr_shown(notebook, "gfpq8").endswith(" dB")
    assert menu.locator(".wb-width").count() >= 45 and menu.get_by_text("shared exponent").count() == 1
    menu.get_by_role("radio", name="INT5", exact=True).click()
    assert chosen(notebook, ACTIVATION)["format"] == "int5"
    assert notebook.page.locator(".wb-more b").text_content() == "INT5"
    shown = notebook.page.locator(".wb-more span").first.text_content()
    assert shown == f"{notebook.value(f'app.study.error({ACTIVATION!r}).sqnr_db'):.1f} dB"

    click(notebook, ".wb-more")
    notebook.page.keyboard.type("mx 4 bit")
    assert menu.locator("button").count() == 1
    notebook.page.keyboard.press("ArrowDown")
    notebook.page.keyboard.press("Enter")
    assert chosen(notebook, ACTIVATION)["format"] == "mxfp4"
    assert "error measured on 32 samples" in notebook.page.locator(".wb-tab-caption").text_content()
    assert "32 samples" in notebook.page.locator(".wb-choice-note:visible").text_content()

    click(notebook, ".wb-more")
    notebook.page.keyboard.press("Escape")
    menu.wait_for(state="hidden")
    assert notebook.page.evaluate("document.activeElement.classList.contains('wb-more')")
    assert value(notebook, "list(app.study.state.asked)") == ["output_curve"]
    no_trouble(notebook)


def test_presets_rounding_overflow_and_scope(notebook):
    look_at(notebook, WEIGHT)
    notebook.page.locator(".wb-scope").select_option("network=")
    click(notebook, ".wb-more")
    menu_of(notebook).get_by_role("button", name="half library 1.x").click()
    weights = "[c.variation for n, c in app.recipe.items() if n.endswith('weight')]"
    kinds = value(notebook, f"sorted({{(f.name, f.rounding, f.overflow) for f in {weights}}})")
    assert kinds == [["fp16", "toward_zero", "infinity"]]
    rounding, overflow = (
        notebook.page.get_by_label("rounding", exact=True),
        notebook.page.get_by_label("overflow", exact=True),
    )
    assert (rounding.input_value(), overflow.input_value()) == ("toward_zero", "infinity")
    assert "truncate" in rounding.get_attribute("title")
    overflow.select_option("saturate")
    rounding.select_option("nearest_away")
    entry = chosen(notebook, WEIGHT)
    assert (entry["rounding"], entry["overflow"]) == ("nearest_away", "saturate")
    click(notebook, "[data-format=int8]")
    settle(notebook)
    assert notebook.page.get_by_label("overflow").is_disabled()
    assert chosen(notebook, WEIGHT)["rounding"] == "nearest_away"
    no_trouble(notebook)


def test_pruning_shows_its_coded_size(notebook):
    look_at(notebook, WEIGHT)
    notebook.page.get_by_label("set to zero").select_option("0.5")
    settle(notebook)
    assert 0.5 <= notebook.metric("zeroed_fraction") < 0.51
    plain = notebook.metric("coded_bits")
    notebook.page.get_by_label("set to zero").select_option("0.9")
    settle(notebook)
    assert notebook.metric("coded_bits") < plain < 8
    assert "coded" in notebook.page.locator(".wb-figure").first.text_content()
    look_at(notebook, ACTIVATION)
    assert not notebook.page.get_by_label("set to zero").is_visible()
    no_trouble(notebook)


def test_threshold_methods_are_listed_with_their_thresholds(notebook):
    look_at(notebook, ACTIVATION)
    marks = notebook.page.locator(".wb-mark:visible")
    before = marks.count()
    button = notebook.page.get_by_role("button", name="threshold method")
    button.click()
    menu = menu_of(notebook, "threshold methods")
    assert menu.get_by_text("reproduce another tool").count() == 1
    line = menu.locator("[data-method=aciq_laplace]")
    notebook.page.wait_for_function("(e) => / to /.test(e.textContent)", arg=line.element_handle())
    assert marks.count() == before  # the plot is not flooded
    line.click()
    assert chosen(notebook, ACTIVATION)["method"] == "aciq_laplace"
    assert "ACIQ, Laplace" in button.text_content()
    button.click()
    menu.locator("[data-method='dynamic sample']").click()
    entry = chosen(notebook, ACTIVATION)
    assert entry["dynamic"] == "sample" and "per sample" in button.text_content()
    assert "error measured on 32 samples" in notebook.page.locator(".wb-tab-caption").text_content()
    no_trouble(notebook)


def test_the_comparison_is_sorted_by_a_click_and_adopts_by_one(notebook):
    look_at(notebook, WEIGHT)
    click(notebook, ".wb-compare")
    dialog = menu_of(notebook, "Comparison of all formats")
    dialog.wait_for()
    settle(notebook)
    rows = dialog.locator("tbody tr")
    assert rows.count() == notebook.value("len(wb.FORMATS)")
    assert dialog.get_by_text("…", exact=True).count() == 0
    by_sqnr = rows.evaluate_all("(rows) => rows.map((r) => r.dataset.format)")
    assert by_sqnr[0] == "fp32" and by_sqnr.index("int8") < by_sqnr.index("int4") < by_sqnr.index("binary")
    dialog.get_by_role("button", name="bits", exact=True).click()
    assert rows.first.get_attribute("data-format") in ("binary", "kmeans1")
    assert dialog.locator("th[data-column=bits]").get_attribute("aria-sort") == "ascending"
    assert dialog.locator("tr[aria-current]").get_attribute("data-format") == "int8"
    cells = dialog.locator("tr[data-format=nf4] td").all_text_contents()
    rows.locator("button", has_text="NF4").click()
    dialog.wait_for(state="hidden")
    assert chosen(notebook, WEIGHT)["format"] == "nf4"
    assert cells[4] == f"{notebook.metric('sqnr_db'):.1f}"
    assert value(notebook, "list(app.study.state.asked)") == ["output_curve"]
    assert notebook.page.locator("[data-metric=coded_bits]").text_content() == cells[3]
    no_trouble(notebook)


def test_what_is_registered_in_a_cell_appears_in_what_is_open(notebook):
    look_at(notebook, WEIGHT)
    click(notebook, ".wb-more")
    menu = menu_of(notebook)
    menu.wait_for()
    notebook.value("wb.FORMATS.register(wb.format_from_levels('mine', [-1, -0.4, 0, 0.3, 1], title='My <b>levels'))")
    menu.get_by_text("your own").wait_for()
    assert "dB" in sqnr_shown(notebook, "mine")
    menu.locator("[data-format=mine]").click()
    assert chosen(notebook, WEIGHT)["format"] == "mine"
    assert notebook.page.locator(".wb-more b").text_content() == "My <b>levels"
    code = "lambda d, format, *, symmetric=None: wb.ClipRange(-d.absmax / 3, d.absmax / 3)"
    notebook.value(f"wb.CLIPPING.register('a_third', {code})")
    notebook.page.get_by_role("button", name="threshold method").click()
    line = menu_of(notebook, "threshold methods").locator("[data-method=a_third]")
    notebook.page.wait_for_function("(e) => /33/.test(e.textContent)", arg=line.element_handle())
    line.click()
    assert chosen(notebook, WEIGHT)["method"] == "a_third"
    no_trouble(notebook)


CUT_OFF = """() => { const room = document.querySelector('.wb-room-choice').getBoundingClientRect();
    return [...document.querySelectorAll('.wb-room-choice :is(.wb-number, .wb-certainty, .wb-choice-note)')]
      .filter((e) => e.offsetParent).map((e) => [e.className, e.getBoundingClientRect().bottom - room.bottom])
      .filter(([, below]) => below > 1); }"""


def test_lists_and_comparison_stay_inside_in_any_theme_and_size(notebook):
    notebook.value(f"app.study.set_sparsity({WEIGHT!r}, 0.5)")  # the coded size is shown, here and in the header
    look_at(notebook, WEIGHT)
    for width, height in [(1600, 900), (1000, 640)]:
        notebook.page.set_viewport_size({"width": width, "height": height})
        for theme in ("light", "dark"):
            notebook.set_theme(theme)
            notebook.page.wait_for_timeout(500)
            notebook.page.locator(".workbench-app").evaluate("(app) => app.scrollIntoView({ block: 'center' })")
            if notebook.page.locator(".wb-rail-button[aria-expanded=false]").is_visible():  # the choice is a drawer
                click(notebook, ".wb-rail-button")
            for opener in (".wb-more", ".wb-menu-button", ".wb-compare"):
                click(notebook, opener)
                notebook.page.wait_for_timeout(400)
                print(notebook.screenshot(f"{width}x{height}-{theme}-{opener[4:]}"))
                assert notebook.page.evaluate(OVERFLOWING) == [], (width, height, opener)
                inside = "(e) => e.scrollWidth <= e.clientWidth + 1"
                for box in notebook.page.locator(".wb-popup, .wb-menu-list, .wb-comparison-body").all():
                    assert not box.is_visible() or box.evaluate(inside), (width, height, opener)
                notebook.page.keyboard.press("Escape")
            assert notebook.page.evaluate(OUTSIDE) == [], (width, height)
            assert notebook.page.evaluate(CUT_OFF) == [], (width, height)
            print(notebook.screenshot(f"{width}x{height}-{theme}"))
    no_trouble(notebook)


SUPPRESSED = "document.activeElement.hasAttribute('data-lm-suppress-shortcuts')"
CELLS = """() => [...jupyterapp.shell.currentWidget.content.model.cells]
    .map((cell) => [cell.type, cell.sharedModel.getSource()])"""


def test_no_key_in_a_list_or_dialog_reaches_the_notebook(notebook):
    """In command mode "d d" deletes the cell, "x" cuts it, "b" adds one."""
    page = notebook.page
    look_at(notebook, ACTIVATION)
    before = page.evaluate(CELLS)
    for opener, name in [
        (".wb-menu-button", "threshold methods"),
        (".wb-more", "all formats"),
        (".wb-compare", "Comparison of all formats"),
    ]:
        click(notebook, opener)
        dialog = menu_of(notebook, name)
        dialog.wait_for()
        controls = dialog.locator("button, input")  # a letter begins a search where there is one, which hides buttons
        for control in (dialog.locator("button").first, controls.first, controls.last):
            control.focus()
            assert page.evaluate(SUPPRESSED), (
                name,
                control,
            )  # before the key comes here, where JupyterLab listens first
            for key in ("d", "d", "x", "b", "m"):
                page.keyboard.press(key)
        page.keyboard.press("Escape")
        dialog.wait_for(state="hidden")
    notebook.value("app.study.report_trouble('verb', 'Something went wrong.')")
    away = page.locator(".wb-toast button")
    away.focus()
    for key in ("d", "d", "x", "b", "m"):
        page.keyboard.press(key)
    assert page.evaluate(CELLS) == before
    away.click()
