"""The page of calibration data: drawings of the selected tensor, the list of tensors, by mouse and keys."""

import pytest

from tests.browser.one_app import ACTIVATION, click, no_trouble, open_app, open_once, settle, value

CELL = """import workbench as wb
from workbench.ui.topics.evaluation_distributions import counted_of
calibration, evaluation, labels = wb.demo.data()
app = wb.App(wb.demo.model(), calibration, evaluation=evaluation * {scale}, labels=labels, autosave=None)
app"""
AGAIN = f"""app.study.set_recipe(start)
app.study.select({ACTIVATION!r})
app.pages.turn_to("calibration_quality")"""
DRIFT = "app.study.state.answers['calibration_quality'].value.drift"


@pytest.fixture(scope="module")
def app_page(open_shared):
    """One app for all tests of this file; its evaluation data are twice as large as they should be."""
    return open_once(open_shared, CELL.format(scale=2))


def shown(notebook, selector):
    return notebook.page.locator(f".wb-quality {selector}")


def test_what_drifts_is_named_and_drawn(notebook):
    assert shown(notebook, ".wb-page-words").inner_text().startswith(value(notebook, f"str({DRIFT})")[:60])
    words = value(notebook, f"next(r for r in {DRIFT} if r.tensor == {ACTIVATION!r}).words")
    assert shown(notebook, ".wb-quality-overlay .wb-quality-words").inner_text() == words
    assert shown(notebook, ".wb-quality-calibration").count() == shown(notebook, ".wb-quality-evaluation").count() == 1
    ends = value(notebook, f"[app.recipe[{ACTIVATION!r}].quantizer.low, app.recipe[{ACTIVATION!r}].quantizer.high]")
    assert ends[1] > 0 and shown(notebook, ".wb-quality-overlay .wb-quality-bound").count() >= 1
    assert "8 bits" in words or "spread" in words
    keys = shown(notebook, ".wb-quality-overlay .wb-quality-head").inner_text()
    counted = value(notebook, "[app.study.calibration.n_samples, counted_of(app.study.state).calibration.n_samples]")
    assert f"calibration {counted[0]:,}" in keys and f"evaluation {counted[1]:,}" in keys
    no_trouble(notebook)


def test_the_verdict_on_the_number_of_samples_follows_the_method(notebook):
    head = shown(notebook, ".wb-quality-part:nth-child(2) .wb-quality-head")
    against = "app.study.state.answers['calibration_quality'].value.against"
    assert value(notebook, f"{against}.method") == value(notebook, f"app.recipe[{ACTIVATION!r}].method")
    assert value(notebook, f"{against}.headline") in head.inner_text()
    assert shown(notebook, ".wb-quality-band").count() >= 1
    notebook.execute(f"app.study.set_method({ACTIVATION!r}, 'percentile')")
    settle(notebook)
    assert "99.99 %" in head.inner_text() and value(notebook, f"{against}.headline") in head.inner_text()
    no_trouble(notebook)


def test_a_click_or_enter_in_the_list_selects(notebook):
    names = value(
        notebook,
        "[row[0] for row in next(p for p in app._parts if type(p).__name__ == 'CalibrationQualityPanel').view['rows']]",
    )
    first = shown(notebook, ".wb-quality-row").nth(1)
    first.click()
    settle(notebook)
    assert value(notebook, "app.study.selected") == names[1] == first.get_attribute("data-tensor")
    assert names[1] in shown(notebook, ".wb-quality-overlay svg").get_attribute("aria-label")
    shown(notebook, ".wb-quality-list").focus()
    for key in ("End", "ArrowUp", "Enter"):
        notebook.page.keyboard.press(key)
    assert value(notebook, "app.study.selected") == names[-2]
    assert notebook.page.locator(".jp-Notebook .jp-Cell").count() == 1  # JupyterLab took none of the keys
    no_trouble(notebook)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", [(900, 700), (1000, 640), (2560, 1400)])
def test_nothing_sticks_out(notebook, theme, size):
    notebook.set_theme(theme)
    notebook.page.set_viewport_size({"width": size[0], "height": size[1]})
    click(notebook, ".wb-taller")
    settle(notebook)
    page = shown(notebook, "svg").first
    assert page.bounding_box()["height"] > 60
    outside = """(p) => {
      const right = p.getBoundingClientRect().right + 1;
      const parts = [...p.querySelectorAll("svg, .wb-quality-head, .wb-page-words")];
      return parts.filter((e) => e.getBoundingClientRect().right > right).length;
    }"""
    assert notebook.page.locator(".wb-quality").evaluate(outside) == 0
    click(notebook, ".wb-taller")
    no_trouble(notebook)


def test_without_evaluation_data_it_says_how_to_give_them(open_notebook):
    notebook = open_app(
        open_notebook, "import workbench as wb\napp = wb.App(wb.demo.model(), wb.demo.data()[0], autosave=None)\napp"
    )
    skip = notebook.page.get_by_role("button", name="Skip")
    if skip.count():
        skip.click()
    click(notebook, "[role=tab][data-page=calibration_quality]")
    settle(notebook)
    assert "evaluation=" in shown(notebook, ".wb-page-words").inner_text()
    assert (
        shown(notebook, ".wb-quality-evaluation").count() == 0
        and shown(notebook, ".wb-quality-calibration").count() == 1
    )
    no_trouble(notebook)
