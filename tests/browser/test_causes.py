"""The page of causes by mouse and by keyboard, in any size and theme; the list keeps still while somebody uses it."""

import pytest

from tests.browser.one_app import OUTSIDE, OVERFLOWING, click, no_trouble, open_once, settle, value

CELL = """import workbench as wb
calibration, evaluation, labels = wb.demo.data()
calibration = calibration.copy()
calibration[17] *= 30
app = wb.App(wb.demo.model(), calibration, evaluation=evaluation, labels=labels, autosave=None)
app"""
LOUD_RANGES = "start = wb.choose(app.study.model, app.study.calibration, clipping='min_max')"
AGAIN = """app.pages.turn_to("depth")
app.study.take_back()
app.study.wait(60)
app.study.set_recipe(start)
app.study.select("stem.conv.weight")
app.pages.turn_to("causes")"""
GAIN = "app.study.advice_taken[-1].gained_db"
ROW = ".wb-causes-list > .wb-cause"


@pytest.fixture(scope="module")
def app_page(open_shared):
    """One app for all tests of this file; one calibration sample is far too large."""
    return open_once(open_shared, CELL, LOUD_RANGES)


def rows(notebook):
    return notebook.page.locator(ROW)


def order(notebook):
    return rows(notebook).evaluate_all("(rows) => rows.map((row) => row.dataset.cause)")


def first_finding(notebook):
    return value(notebook, "app.study.state.answers['causes'].value.table()[0]")


def steps(notebook):
    return value(notebook, "len(app.study.state.history.past)")


def shown_db(x):
    return f"{'−' if x < 0 else '+'}{abs(x):.1f} dB"


def test_a_click_applies_the_remedy_and_undo_takes_it_back(notebook):
    click(notebook, "[role=tab][data-page=depth]")
    click(notebook, "[role=tab][data-page=causes]")
    settle(notebook)
    finding, before = first_finding(notebook), steps(notebook)
    first = rows(notebook).first
    assert finding["words"] in first.inner_text() and finding["layer"] in first.inner_text()
    gain = first.locator(".wb-cause-gain")
    assert shown_db(finding["measured_gain_db"]) in gain.inner_text()
    assert f"predicted was {shown_db(finding['predicted_gain_db'])}" in gain.get_attribute("title")
    assert "study.apply_remedy(1)" in first.locator(".wb-cause-rank").get_attribute("title")
    button = first.locator(".wb-cause-apply")
    words, short = finding["remedy"], button.inner_text()
    assert button.get_attribute("title").startswith(words)
    button.click()
    assert steps(notebook) == before + 1
    done = notebook.page.locator(".wb-cause-taken")
    assert short in done.inner_text() and words in done.locator(".wb-cause-words").get_attribute("title")
    assert f"gained {shown_db(value(notebook, GAIN))}" in done.inner_text()
    assert finding["tensor"] not in order(notebook)
    assert notebook.page.locator(".wb-causes-summary").inner_text().startswith("1 done, +")
    click(notebook, "button[aria-label^='undo']")
    settle(notebook)
    assert done.count() == 0 and order(notebook)[0] == finding["tensor"]
    assert notebook.page.locator(".wb-causes-summary").is_hidden()
    no_trouble(notebook)


def test_the_menu_has_the_other_remedies_in_words(notebook):
    row = notebook.page.locator(ROW).filter(has=notebook.page.locator(".wb-cause-more:visible")).first
    cause = row.get_attribute("data-cause")
    row.locator(".wb-cause-more").click()
    menu = notebook.page.get_by_role("dialog", name="other remedies")
    menu.wait_for()
    assert "set sample 17 aside" in menu.inner_text()
    other = menu.locator(".wb-menu-line").first
    words, before = other.inner_text(), steps(notebook)
    other.click()
    assert steps(notebook) == before + 1 and not menu.is_visible()
    taken = value(notebook, "[app.study.advice_taken[-1].finding.tensor, app.study.advice_taken[-1].remedy.words]")
    assert taken == [cause, words]
    no_trouble(notebook)


def test_by_keyboard_alone(notebook):
    page = notebook.page
    cells = page.evaluate("jupyterapp.shell.currentWidget.content.model.cells.length")
    page.locator("[role=tab][data-page=causes]").focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowRight")
    settle(notebook)
    for _ in range(20):  # on from the tab, past the button for more height, to the first row
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.classList.contains('wb-cause-place')"):
            break
    page.keyboard.press("Enter")
    first = first_finding(notebook)["tensor"]
    assert value(notebook, "app.study.selected") == first
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.classList.contains('wb-cause-apply')")
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline != "none"
    second = order(notebook)[1]
    page.keyboard.press("Enter")
    settle(notebook)
    assert value(notebook, "app.study.advice_taken[-1].finding.tensor") == first
    at = "document.activeElement.closest('.wb-cause')?.dataset.cause"
    assert page.evaluate(at) == second  # the focus went on with the list
    page.keyboard.press("ArrowDown")
    assert page.evaluate(at) == order(notebook)[1]
    more = rows(notebook).nth(1).locator(".wb-cause-more")
    more.focus()
    page.keyboard.press("Enter")
    page.get_by_role("dialog", name="other remedies").wait_for()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.classList.contains('wb-cause-more')")
    for key in ("d", "d", "x", "b"):
        page.keyboard.press(key)
    assert page.evaluate("jupyterapp.shell.currentWidget.content.model.cells.length") == cells
    no_trouble(notebook)


def test_a_sample_is_set_aside_and_taken_back(notebook):
    loud = notebook.page.locator(".wb-cause-loud")
    assert "sample 17 is like no other" in loud.inner_text()
    before = value(notebook, "app.study.comparison.outputs['logits'].sqnr_db")
    loud.get_by_role("button", name="set sample 17 aside").click()
    settle(notebook)
    chip = notebook.page.get_by_role("button", name="calibrate with sample 17 again")
    assert "sample 17 set aside" in chip.inner_text() and loud.count() == 0
    assert value(notebook, "app.study.comparison.outputs['logits'].sqnr_db") > before + 15
    assert "Nothing stands out" in notebook.page.locator(".wb-causes-page").inner_text()
    chip.click()
    settle(notebook)
    assert chip.count() == 0 and loud.count() == 1
    assert value(notebook, "app.study.comparison.outputs['logits'].sqnr_db") == pytest.approx(before)
    no_trouble(notebook)


def test_rows_keep_still_while_somebody_points_at_them(notebook):
    page = notebook.page
    before = order(notebook)
    assert len(before) > 4
    rows(notebook).nth(1).hover()
    page.evaluate(
        f"window.seen = []; new MutationObserver(() => window.seen.push([...document.querySelectorAll('{ROW}')]"
        ".map((row) => row.dataset.cause))).observe(document.querySelector('.wb-causes-list'), { childList: true })"
    )
    notebook.execute("app.study.topics['causes']._known.clear(); app.study.apply_remedy(4)")
    settle(notebook)
    after = order(notebook)
    stayed = [cause for cause in before if cause in after]
    assert [cause for cause in after if cause in stayed] == stayed
    for moment in page.evaluate("window.seen"):
        known = [cause for cause in moment if cause in before]
        assert known == [cause for cause in before if cause in known]
    page.mouse.move(5, 5)
    ranks = page.locator(".wb-cause-rank").filter(has_not_text="✓").all_inner_texts()
    assert ranks == [str(number + 1) for number in range(len(ranks))]
    no_trouble(notebook)


@pytest.mark.parametrize(("size", "theme"), [((1480, 1000), "dark"), ((1000, 640), "light"), ((2560, 1300), "light")])
def test_nothing_is_cut_off_in_any_size(notebook, size, theme):
    page = notebook.page
    page.set_viewport_size({"width": size[0], "height": size[1]})
    notebook.set_theme(theme)
    settle(notebook)
    app = page.locator(".workbench-app")
    app.evaluate("(app) => app.scrollIntoView({ block: innerHeight < 800 ? 'end' : 'center' })")
    assert page.evaluate(OUTSIDE.replace(".wb-samples", ".wb-causes")) == [] and page.evaluate(OVERFLOWING) == []
    apply = rows(notebook).first.locator(".wb-cause-apply")
    apply.scroll_into_view_if_needed()
    box, room = apply.bounding_box(), page.locator(".wb-causes").bounding_box()
    assert box["width"] > 30 and room["x"] <= box["x"] and box["x"] + box["width"] <= room["x"] + room["width"]
    assert apply.evaluate("(b) => b.scrollWidth <= b.clientWidth + 1")
    gain = rows(notebook).first.locator(".wb-cause-gain b")
    assert gain.evaluate("(b) => b.scrollWidth <= b.parentElement.clientWidth")
    no_trouble(notebook)
