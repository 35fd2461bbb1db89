"""The network's output under the plot: points that come by themselves, a prediction at frame rate, its best adopted."""

import re

import numpy as np
import pytest

from tests.browser.one_app import ACTIVATION, CELL, no_trouble, settle
from tests.ui.threshold.test_output import curve
from workbench.ui.sources import joined
from workbench.ui.threshold.output import curve_facts
from workbench.ui.threshold.widget import FIGURES, HERE

MANY = "import numpy as np\n" + CELL.replace(
    "evaluation=evaluation, labels=labels", "evaluation=np.tile(evaluation, (100, 1, 1, 1))"
)
WEIGHT = "blocks.0.expand.conv.weight"
PREDICTED = "output_sqnr_db_predicted"
UPPER, ONE = "Upper threshold", "Saturation threshold"
SHOWN = """(name) => {
  const style = getComputedStyle(document.querySelector(`[data-metric="${name}"]`));
  return style.visibility === "visible" && style.display !== "none";
}"""


def look_at(notebook, tensor):
    """Select a tensor and wait until its curve is whole and drawn."""
    notebook.execute(f"app.study.select({tensor!r})")
    notebook.page.wait_for_function(
        "() => document.querySelector('.wb-output-line').textContent === 'output SQNR'", timeout=60_000
    )
    settle(notebook)


def predicted(notebook):
    text = notebook.page.locator(f"[data-metric={PREDICTED}]").get_attribute("data-value")
    return float(text) if text else None


def measured_shown(notebook):
    notebook.page.wait_for_function(f"() => document.querySelector('[data-metric={PREDICTED}]').dataset.value === ''")
    settle(notebook)
    assert notebook.page.evaluate(SHOWN, "output_sqnr_db") and not notebook.page.evaluate(SHOWN, PREDICTED)
    told = notebook.metric("output_sqnr_db")
    assert told == notebook.value("app.study.comparison.outputs['logits'].sqnr_db")
    return told


def widths(notebook):
    return notebook.page.locator(".wb-header .wb-figure").evaluate_all(
        "(all) => all.map((each) => [each.getBoundingClientRect().x, each.getBoundingClientRect().width])"
    )


@pytest.mark.parametrize(("tensor", "handle", "far"), [(ACTIVATION, UPPER, -160), (WEIGHT, ONE, -60)])
def test_a_drag_predicts_the_output_and_the_measured_figure_follows(notebook, tensor, handle, far):
    look_at(notebook, tensor)
    at_rest, before = notebook.metric("output_sqnr_db"), widths(notebook)
    assert predicted(notebook) is None
    seen = notebook.drag(handle, far, seconds=2, release=False)
    print(f"{tensor}: {seen}")
    values = [float(value) for value in seen.values[PREDICTED] if value]
    assert len(values) >= 20  # different ones, before the mouse is released
    assert notebook.page.evaluate(SHOWN, PREDICTED) and not notebook.page.evaluate(SHOWN, "output_sqnr_db")
    assert notebook.metric("output_sqnr_db") == at_rest  # the measured one is known all the time
    slot = notebook.page.locator(f".wb-figure-slot:has([data-metric={PREDICTED}])")
    assert re.search(r"≈\s*−?\d+\.\dpredicted", slot.inner_text().replace("\n", ""))
    assert widths(notebook) == before  # nothing jumps
    last = predicted(notebook)
    notebook.page.mouse.up()
    told = measured_shown(notebook)
    print(f"predicted {last:.2f} dB, measured {told:.2f} dB")
    assert told != at_rest and abs(told - last) < 1
    no_trouble(notebook)


def test_a_handle_that_goes_back_leaves_the_measured_figure(notebook):
    look_at(notebook, ACTIVATION)
    at_rest = notebook.metric("output_sqnr_db")
    notebook.drag(UPPER, -100, seconds=0.5, release=False)
    assert predicted(notebook) is not None
    notebook.page.keyboard.press("Escape")
    notebook.page.mouse.up()
    assert measured_shown(notebook) == at_rest
    steps = notebook.value("len(app.study.state.history.past)")
    notebook.drag(UPPER, -100, swings=2, seconds=1)  # there, back and, to the very pixel, ...
    notebook.slider(UPPER).focus()
    settle(notebook)
    assert notebook.value("len(app.study.state.history.past)") == steps + 1
    told = measured_shown(notebook)
    for key in ("ArrowLeft", "ArrowRight"):
        notebook.page.keyboard.down(key)
    assert predicted(notebook) is not None
    for key in ("ArrowLeft", "ArrowRight"):
        notebook.page.keyboard.up(key)
    settle(notebook)
    assert measured_shown(notebook) == pytest.approx(told, abs=0.3)
    no_trouble(notebook)


def test_the_optimum_is_a_mark_that_is_adopted_by_mouse_and_by_keyboard(notebook):
    look_at(notebook, ACTIVATION)
    steps = notebook.value("len(app.study.state.history.past)")
    best = notebook.value("app.plot.output['best']")
    mark = notebook.page.get_by_role("button", name=re.compile("^adopt best at the output"))
    assert f"{best['db']:.1f} dB there" in mark.get_attribute("title")
    mark.click()
    settle(notebook)
    entry = notebook.value(f"app.recipe[{ACTIVATION!r}].to_json()")
    assert entry["method"] == "hand" and entry["high"] == pytest.approx(best["high"])
    assert notebook.value("len(app.study.state.history.past)") == steps + 1
    assert abs(measured_shown(notebook) - best["db"]) < 1
    notebook.page.get_by_role("button", name="undo").click()
    settle(notebook)
    assert notebook.value(f"app.recipe[{ACTIVATION!r}].method") == "least_error"
    mark.focus()
    notebook.page.keyboard.press("Enter")
    settle(notebook)
    assert notebook.value(f"app.recipe[{ACTIVATION!r}].high") == pytest.approx(best["high"])
    no_trouble(notebook)


def test_the_strip_shares_the_axis_and_on_low_screens_kl_gives_way(notebook):
    look_at(notebook, ACTIVATION)
    page = notebook.page
    for height, kl in ((1000, True), (760, False), (1000, True)):
        page.set_viewport_size({"width": 1480, "height": height})
        page.wait_for_function(
            "(kl) => document.querySelector('.wb-plot').classList.contains('wb-no-kl') !== kl", arg=kl
        )
        page.wait_for_timeout(500)
        strip = page.locator(".wb-output").bounding_box()
        error = page.locator(".wb-plot-figure .x2y2 .js-line").first.bounding_box()
        assert strip["height"] > 30 and strip["y"] > error["y"] + error["height"]
        assert page.locator(".wb-plot-figure .x2y3 .js-line").first.is_visible() is kl
        ticks = page.locator(".wb-plot-figure .x2tick").first.bounding_box()
        assert ticks["y"] >= strip["y"] + strip["height"] - 1
    assert "256 samples" in page.locator(".wb-output").get_attribute("title")


def test_what_other_tensors_make_out_of_date_is_measured_again(notebook):
    look_at(notebook, ACTIVATION)
    before = notebook.value("app.plot.output['best']['db']")
    notebook.execute("app.study.set_format('image', 'int4')")
    look_at(notebook, ACTIVATION)
    assert notebook.value("app.plot.output['best']['db']") < before - 1
    assert abs(notebook.value("app.plot.output['best']['db']") - notebook.metric("output_sqnr_db")) < 2


def test_the_page_predicts_as_python_does(browser):
    page, rng = browser.new_page(), np.random.default_rng(0)
    page.add_script_tag(content=f"window.js = (() => {{ {joined(HERE, *FIGURES)}; return {{ predictedAt }}; }})();")
    ask = "([facts, ranges]) => ranges.map(([low, high]) => js.predictedAt(facts, low, high))"
    factors = np.exp(rng.uniform(np.log(0.03), np.log(1.5), (200, 2)))
    try:
        for shift in (0.0, -1.25):
            two = curve()
            told = page.evaluate(ask, [curve_facts(two, shift), (factors * [-2.0, 4.0]).tolist()])
            np.testing.assert_allclose(told, two.predicted(*factors.T) + shift, atol=1e-9)
            one = curve(-4.0, 4.0, symmetric=True, lines=False)
            told = page.evaluate(ask, [curve_facts(one, shift), (factors * [-4.0, 4.0]).tolist()])
            np.testing.assert_allclose(told, one.predicted(factors[:, 1]) + shift, atol=1e-9)
            relu = curve(0.0, 3.0, lines=False)
            told = page.evaluate(ask, [curve_facts(relu, shift), (factors * [0.0, 3.0]).tolist()])
            np.testing.assert_allclose(told, relu.predicted(factors[:, 1]) + shift, atol=1e-9)
            negative = curve(-3.0, 0.0, lines=False)
            told = page.evaluate(ask, [curve_facts(negative, shift), (factors * [-3.0, 0.0]).tolist()])
            np.testing.assert_allclose(told, negative.predicted(factors[:, 0]) + shift, atol=1e-9)
    finally:
        page.close()


SENSITIVITY = """from workbench.ui.panels.sensitivity import SensitivityPanel
panel = next(part for part in app._parts if isinstance(part, SensitivityPanel))
app.pages.turn_to("sensitivity")
panel.on_set({"n": 0})
panel.on_measure({})"""


def test_a_drag_keeps_its_frames_while_the_network_is_measured(open_notebook):
    """45,000 samples: what a change does, and which tensor matters, take seconds; the handle must follow as ever."""
    notebook = open_notebook([MANY], size=(1480, 1000))
    notebook.run(timeout=180)
    skip = notebook.page.get_by_role("button", name="Skip")
    if skip.count():
        skip.click()
    assert notebook.value("app.study.wait(120)", timeout=150) is True
    notebook.page.locator(".workbench-app").evaluate("(app) => app.scrollIntoView({ block: 'center' })")
    notebook.execute(f"app.study.select({ACTIVATION!r})")
    notebook.page.wait_for_timeout(1000)

    def dragged(while_):
        seen = notebook.drag(UPPER, -120, seconds=1.5, swings=3, release=False)
        print(f"{while_}: {seen}")
        return seen

    quiet = dragged("quiet")
    notebook.page.keyboard.press("Escape")
    notebook.page.mouse.up()
    notebook.execute("app.study.set_format('image', 'int6')")
    measured = dragged("while the network is measured")
    assert notebook.value("app.study.updating") is True  # it was measured all the while
    notebook.page.keyboard.press("Escape")
    notebook.page.mouse.up()
    notebook.execute(SENSITIVITY)
    notebook.page.locator(".wb-sens-run:text-is('Cancel')").wait_for(timeout=60_000)
    tried = dragged("while sensitivities are measured")
    assert notebook.value("panel.view['running']") is True
    notebook.execute("panel.on_cancel({})")
    notebook.page.mouse.up()
    for seen in (quiet, measured, tried):
        assert seen.repaints_per_s >= 0.97 * seen.moved_per_s  # no move without its numbers, in the very frame
        assert seen.frames_per_s >= 0.8 * quiet.frames_per_s
    assert notebook.value("app.study.wait(120)", timeout=150) is True
    no_trouble(notebook)
