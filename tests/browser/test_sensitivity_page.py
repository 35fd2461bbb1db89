"""The page of sensitivity: bars, the heat table, measuring and giving up, selecting and copying, by mouse and keys."""

import csv
import io

import pytest

from tests.browser.one_app import click, no_trouble, open_once, settle, value
from tests.browser.test_accessibility import violations

AGAIN = """from workbench.ui.panels.mixes import MixesPanel
from workbench.ui.panels.sensitivity import SensitivityPanel
from workbench.ui.topics import sensitivity as topic
from workbench.ui.topics.sensitivity_estimates import Options
from workbench.ui.topics.sensitivity import sensitivities_of
topic.AT_ONCE = 1e9
app.study.set_recipe(start)
app.study.select("stem.conv.weight")
panel = next(part for part in app._parts if isinstance(part, SensitivityPanel))
panel._ask(Options())
mixes = next(part for part in app._parts if isinstance(part, MixesPanel))
mixes.on_open({"open": False})
app.pages.turn_to("sensitivity")"""


@pytest.fixture(scope="module")
def app_page(open_shared):
    """One app for all tests of this file."""
    opened = open_once(open_shared)
    opened.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    return opened


def rows(notebook, side):
    return notebook.page.locator(f".wb-sens-{side} .wb-sens-body .wb-sens-row")


def figures(notebook, side, column=0):
    """Texts of one column, as they stand below each other."""
    return [row.locator(".wb-sens-figure").nth(column).inner_text() for row in rows(notebook, side).all()]


def choose(notebook, *chips):
    """Toggle chips in the menu of what to try."""
    click(notebook, ".wb-sens-what")
    for chip in chips:
        notebook.page.locator(f"[data-chip={chip!r}]").click()
    notebook.page.keyboard.press("Escape")
    settle(notebook)


def ranking(notebook, side):
    """(name, dB) of the rows of one side, the worst first."""
    found = value(
        notebook,
        f"[(r.name, r.sqnr_db, r.measured) for r in sensitivities_of(app.study.state).ranking.only(side={side!r})]",
    )
    assert all(measured for _, _, measured in found)
    return [(name, f"{db:.1f}") for name, db, _ in found]


def test_the_worst_come_first_and_a_click_or_enter_selects(notebook):
    for side in ("weights", "activations"):
        shown = [row.get_attribute("data-tensor") for row in rows(notebook, side).all()]
        expected = ranking(notebook, side)
        assert len(shown) >= 5 and list(zip(shown, figures(notebook, side), strict=True)) == expected[: len(shown)]
        widths = [bar.bounding_box()["width"] for bar in notebook.page.locator(f".wb-sens-{side} .wb-sens-bar").all()]
        assert widths == sorted(widths, reverse=True) and widths[0] > widths[-1]
    assert notebook.page.locator(".wb-sens-estimated").count() == 0
    rows(notebook, "activations").nth(1).click()
    settle(notebook)
    assert value(notebook, "app.study.selected") == ranking(notebook, "activations")[1][0]
    assert notebook.page.locator(".wb-sens-activations .wb-selected").count() == 1
    notebook.page.locator(".wb-sens-weights .wb-sens-list").focus()
    for key in ("Home", "ArrowDown", "ArrowDown", "Enter"):
        notebook.page.keyboard.press(key)
    assert value(notebook, "app.study.selected") == ranking(notebook, "weights")[2][0]
    notebook.page.keyboard.press("End")
    last = notebook.page.locator(".wb-sens-weights .wb-sens-cursor")
    assert last.get_attribute("data-tensor") == ranking(notebook, "weights")[-1][0]
    no_trouble(notebook)


def test_estimates_wait_for_measure_and_cancel_keeps_what_was_measured(notebook):
    notebook.execute(
        """import time
from workbench.workflow.simulate import Simulator
topic.AT_ONCE, trial = 0.0, Simulator.trial
def slow(self, *args, **options):
    time.sleep(0.25)
    return trial(self, *args, **options)
Simulator.trial = slow
panel._ask(Options(n_samples=64))"""
    )
    settle(notebook)
    run = notebook.page.locator(".wb-sens-run")
    assert (
        run.inner_text().startswith("Measure, ") and notebook.page.locator(".wb-sens-words").inner_text() == "estimates"
    )
    assert all(text.startswith("≈") for text in figures(notebook, "weights"))
    run.focus()
    notebook.page.keyboard.press("Enter")
    notebook.page.wait_for_function(
        "/^[1-9]\\d* of \\d+, .* left$/.test(document.querySelector('.wb-sens-words').textContent)"
    )
    assert run.inner_text() == "Cancel"
    notebook.page.keyboard.press("Enter")
    settle(notebook)
    words = notebook.page.locator(".wb-sens-words").inner_text()
    n_measured = int(words.split()[0])
    assert words.endswith("measured") and 0 < n_measured < int(words.split()[2])
    assert notebook.page.locator(".wb-sens-bars:not(.wb-sens-estimated)").count() > 0
    assert notebook.page.locator(".wb-sens-bars.wb-sens-estimated").count() > 0
    notebook.execute("Simulator.trial = trial")
    run.click()
    settle(notebook)
    assert notebook.page.locator(".wb-sens-words").inner_text() == "measured, 64 samples" and run.is_disabled()
    no_trouble(notebook)


def test_a_heat_table_is_sorted_by_any_column_and_copied(notebook):
    choose(notebook, "usual", "values")
    heads = [
        each.inner_text().split(" ▾")[0]
        for each in notebook.page.locator(".wb-sens-weights .wb-sens-head button").all()
    ]
    assert heads[0].startswith("weights · ") and heads[1:] == ["INT8", "INT4", "FP8 E4M3", "FP16", "½ values"]
    assert notebook.page.locator(".wb-sens-what").inner_text() == "4 formats + ½ ▾"
    for column, name in ((1, "INT4"), (4, "½ values")):
        notebook.page.locator(".wb-sens-weights .wb-sens-head button", has_text=name).click()
        shown = [float(text.replace("−", "-")) for text in figures(notebook, "weights", column)]
        assert shown == sorted(shown)
        notebook.page.keyboard.press("Enter")  # the heading has the focus: the other way round
        shown = [float(text.replace("−", "-")) for text in figures(notebook, "weights", column)]
        assert shown == sorted(shown, reverse=True)
    click(notebook, ".wb-sens-copy")
    table = list(csv.reader(io.StringIO(notebook.page.evaluate("navigator.clipboard.readText()"))))
    n_rows = value(notebook, "sum(len(panel.lists[side]) for side in ('weights', 'activations'))")
    assert len(table) == 1 + n_rows and table[0][:4] == ["side", "name", "INT8, output SQNR dB", "measured"]
    by_name = {row[1]: row for row in table}
    error = (
        "next(r for r in sensitivities_of(app.study.state).ranking.only(what='int8') if r.name == 'stem.conv.weight')"
    )
    assert float(by_name["stem.conv.weight"][2]) == value(notebook, f"{error}.sqnr_db")
    assert by_name["stem.conv.weight"][3] == "yes"
    no_trouble(notebook)


def test_layers_and_all_but_one(notebook):
    notebook.page.get_by_label("one at a time").select_option("layer")
    settle(notebook)
    assert "head.classifier" in [
        row.get_attribute("title") for row in notebook.page.locator(".wb-sens-body .wb-sens-name").all()
    ]
    notebook.page.get_by_label("what is quantized").select_option("all_but")
    settle(notebook)
    assert notebook.page.locator(".wb-sens-what").is_disabled()
    gain = value(notebook, "panel.lists['weights'][0][3][0][0]")
    assert figures(notebook, "weights")[0] == f"{gain:+.1f}"
    no_trouble(notebook)


def test_a_change_is_followed_and_a_drag_is_not_disturbed(notebook):
    notebook.page.locator(".wb-list [data-index='3']").click()
    click(notebook, "[role=tab][data-tensor$=relu_out]")
    settle(notebook)
    tensor = value(notebook, "app.study.selected")
    text = f".wb-sens-activations [data-tensor='{tensor}'] .wb-sens-figure"
    if not notebook.page.locator(text).count():
        notebook.page.locator(".wb-sens-activations .wb-sens-list").evaluate(
            "(list) => { list.scrollTop = list.scrollHeight; }"
        )
    before = notebook.page.locator(text).inner_text()
    notebook.execute("panel.on_set({'n': 0}); panel.on_measure({})")  # long enough to be under way while dragging
    seen = notebook.drag("Upper threshold", -160, seconds=2)
    assert len(seen.values["mse"]) >= 10
    settle(notebook)
    assert notebook.page.locator(text).inner_text() != before
    assert notebook.page.locator(".wb-sens-estimated").count() == 0
    no_trouble(notebook)


def dots(notebook):
    return notebook.page.locator(".wb-mix-dot")


def mix_in_use(notebook):
    """Key of the mix that the recipe has; "" where it has none of them."""
    return value(notebook, "next((row['key'] for row in mixes.view['mixes'] if row['present']), '')")


def test_mixes_are_found_chosen_by_keys_used_and_undone(notebook):
    page = notebook.page
    page.locator(".wb-sens-mix").focus()
    page.keyboard.press("Enter")
    page.wait_for_function("document.activeElement?.matches('.wb-mix-find')")
    settle(notebook)
    assert page.locator(".wb-mix-none").inner_text().startswith("Spend bytes where they count")
    assert not page.locator(".wb-sens-sides").is_visible()
    page.keyboard.press("Enter")
    settle(notebook)
    page.wait_for_function("document.querySelector('.wb-mix-dot[aria-checked=true]')")
    rows, best = value(notebook, "mixes.view['mixes']"), value(notebook, "mixes.view['best']")
    assert dots(notebook).count() == page.locator(".wb-mix-table tbody tr").count() == len(rows) >= 10
    assert page.evaluate("document.activeElement.className").endswith("wb-mix-find")  # the focus stays
    found = next(row for row in rows if row["key"] == best)
    words = page.locator(".wb-mix-sentence").inner_text()
    assert words.startswith(f"{found['words']}: ") and f"{found['db']:.1f} dB" in words
    names = page.locator(".wb-mix-name").all_text_contents()
    assert {"all INT4", "all INT8", "all FP16", "now"} <= set(names)
    for theme in ("dark", "light"):
        notebook.set_theme(theme)
        assert violations(page) == []

    page.locator(".wb-mix-dot[aria-checked=true]").focus()
    page.keyboard.press("ArrowLeft")
    front = [row for row in rows if row["front"]]
    smaller = front[[row["key"] for row in front].index(best) - 1]
    chosen = page.locator(".wb-mix-dot[aria-checked=true]")
    assert chosen.count() == 1 and chosen.get_attribute("aria-label").startswith(smaller["words"])
    assert chosen.evaluate("(dot) => dot === document.activeElement")
    use = page.locator(".wb-mix-use")
    use.focus()
    page.keyboard.press("Enter")
    assert mix_in_use(notebook) == smaller["key"]
    page.wait_for_function("document.querySelector('.wb-mix-use').textContent === 'In use'")
    assert use.evaluate("(button) => button === document.activeElement")
    assert value(notebook, "app.recipe['stem.conv.weight'].format") in ("int4", "int8", "fp16")
    page.get_by_role("button", name="undo").first.click()
    settle(notebook)
    assert value(notebook, "app.recipe is start") is True
    no_trouble(notebook)


def test_mixes_by_mouse_copied_refused_and_left(notebook):
    page = notebook.page
    click(notebook, ".wb-sens-mix")
    page.get_by_label("what the mix has to keep to").select_option("sqnr")
    settle(notebook)
    page.get_by_label("output SQNR, dB", exact=True).fill("200")
    page.keyboard.press("Enter")
    settle(notebook)
    page.wait_for_function("document.querySelector('.wb-mix-note').textContent.includes('200 dB were asked')")
    page.locator(".wb-mix-table tbody tr").nth(1).click()
    second = value(notebook, "mixes.view['mixes'][1]")
    assert page.locator(".wb-mix-dot[aria-checked=true]").get_attribute("aria-label").startswith(second["words"])
    page.locator(".wb-mix-copy", has_text="CSV").click()
    page.wait_for_function("[...document.querySelectorAll('.wb-mix-copy')].some((b) => b.textContent === 'Copied')")
    table = list(csv.reader(io.StringIO(page.evaluate("navigator.clipboard.readText()"))))
    assert table[0] == ["kB", "output SQNR dB", "same answers %", "weights", "front"]
    assert len(table) == 1 + dots(notebook).count() and table[2][3] == second["words"]
    page.keyboard.press("Escape")
    page.wait_for_function("document.activeElement?.matches('.wb-sens-mix')")
    assert page.locator(".wb-sens-sides").is_visible() and not page.locator(".wb-mix").is_visible()
    no_trouble(notebook)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", [(900, 700), (1000, 640), (2560, 1400)])
def test_nothing_sticks_out(notebook, theme, size):
    notebook.set_theme(theme)
    notebook.page.set_viewport_size({"width": size[0], "height": size[1]})
    settle(notebook)
    notebook.execute("app.pages.turn_to('sensitivity')")  # small ones fold the pages away
    choose(notebook, "usual")
    page = notebook.page.locator(".wb-sens")
    assert page.evaluate("(p) => p.scrollWidth <= p.clientWidth + 1 && p.scrollHeight <= p.clientHeight + 1")
    assert rows(notebook, "weights").count() >= 2
    inside = """(e) => {
      const [a, b] = [e.getBoundingClientRect(), e.closest(".wb-sens").getBoundingClientRect()];
      return a.left >= b.left && a.right <= b.right;
    }"""
    for name in (".wb-sens-run", ".wb-sens-what", ".wb-sens-mix"):
        assert notebook.page.locator(name).evaluate(inside)
    click(notebook, ".wb-sens-mix")
    click(notebook, ".wb-mix-find")
    settle(notebook)
    mixes = notebook.page.locator(".wb-mix")
    notebook.page.wait_for_function("document.querySelector('.wb-mix-dot')")
    assert mixes.evaluate("(p) => p.scrollWidth <= p.clientWidth + 1 && p.scrollHeight <= p.clientHeight + 1")
    for name in (".wb-mix-find", ".wb-mix-use", ".wb-mix-svg"):
        assert notebook.page.locator(name).evaluate(inside.replace(".wb-sens", ".wb-mix"))
    no_trouble(notebook)
