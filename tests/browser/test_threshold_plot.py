"""The draggable plot in a real JupyterLab: pointer, keys, marks, themes; what Python hears, and when."""

import numpy as np
import pytest

EXPLORE = """
import numpy as np
from workbench.ui.explorer import explore
rng = np.random.default_rng(0)
values = np.concatenate([0.4 * rng.laplace(size=100_000), 2.5 * rng.normal(size=100)]).astype("float32")
explorer = explore(values, "{format}", symmetric={symmetric})
"""
CHANNELS = """
import ipywidgets, numpy as np
from workbench.numerics.errors.measured import measured_error
from workbench.numerics.quantizer import Quantizer
from workbench.ui.panels.numbers import NumbersPanel
from workbench.ui.threshold.subject import Subject
from workbench.ui.threshold.widget import ThresholdPlot
weights = np.random.default_rng(0).normal(size=(16, 32, 3, 3)).astype("float32")
largest = np.abs(weights).reshape(16, -1).max(axis=1)
def subject(low, high):
    quantizer = Quantizer.covering("int8", low, high, symmetric=True, axis=0)
    return Subject("<img src=x onerror=alert(1)> & <b>w</b>", "<i>16 channels</i>", None, weights, quantizer, True,
                   measured_error(weights, quantizer))
plot = ThresholdPlot(subject(-largest, largest))
def commit(low, high):
    heard.append((low, high))
    plot.show(subject(low, high))
plot.on_commit(commit)
app = ipywidgets.HBox([plot, NumbersPanel()])
app.add_class("workbench-app")
"""
ONE, UPPER, LOWER = "Saturation threshold", "Upper threshold", "Lower threshold"


@pytest.fixture
def explorer(show):
    """Shows an explorer of Laplace values; returns the notebook when the plot is drawn."""

    def show_one(symmetric=True, format="int8", **options):
        return drawn(show(EXPLORE.format(symmetric=symmetric, format=format), "explorer", **options))

    return show_one


def drawn(notebook):
    notebook.page.locator(".wb-drawn .xy .js-line").first.wait_for(state="attached", timeout=60_000)
    notebook.wait_idle()
    return notebook


def valuenow(notebook, name):
    return float(notebook.slider(name).get_attribute("aria-valuenow"))


def test_numbers_follow_the_pointer_and_python_hears_once(explorer):
    notebook = explorer()
    notebook.value("explorer.plot.on_commit(lambda low, high: heard.append((low, high)))")
    before = notebook.metric("mse")
    assert before == pytest.approx(notebook.value("explorer.error.mse"), rel=1e-12)
    seen = notebook.drag(ONE, -220, seconds=2, release=False)
    print(f"drag: {seen}; {len(seen.values['mse']) / seen.seconds:.0f} different values of the MSE a second")
    assert len(seen.values["mse"]) >= 10
    for metric in (
        "rounding_mse",
        "clipping_mse",
        "sqnr_db",
        "kl",
        "cosine",
        "max_abs",
        "zeroed_fraction",
        "levels_used",
    ):
        assert len(seen.values[metric]) >= 5, metric
    assert notebook.value("heard") == []  # nothing was said before the release
    live, handle = notebook.metric("mse"), valuenow(notebook, ONE)
    notebook.page.mouse.up()
    notebook.wait_idle()
    exact = notebook.value("explorer.error.mse")
    assert notebook.value("heard") == [[-handle, handle]]
    assert notebook.metric("mse") == pytest.approx(exact, rel=1e-12)
    assert live == pytest.approx(exact, rel=1e-3) and exact != before
    assert notebook.page.locator(".wb-certainty").inner_text() == "exact"
    assert valuenow(notebook, ONE) == handle  # the handle stays where it was let go
    assert notebook.console_errors == [] and notebook.foreign_requests == []


def test_keys_move_by_a_step_and_say_so_at_key_up(explorer):
    notebook = explorer()
    absmax = notebook.value("float(np.abs(values).max())")
    step = absmax / 1024
    seen = notebook.press(ONE, *["ArrowLeft"] * 12)
    assert len(seen.values["mse"]) >= 10
    assert valuenow(notebook, ONE) == pytest.approx(absmax - 12 * step)
    notebook.press(ONE, "Shift+ArrowLeft", "PageDown")
    assert valuenow(notebook, ONE) == pytest.approx(absmax - (12 + 16 + 64) * step)
    notebook.press(ONE, "Home")
    assert valuenow(notebook, ONE) == pytest.approx(step)
    notebook.press(ONE, "End")
    assert valuenow(notebook, ONE) == pytest.approx(absmax)
    notebook.press(ONE, "ArrowLeft", pause=0.3)
    notebook.wait_idle()
    assert notebook.value("explorer.quantizer.high") == pytest.approx(absmax - step, rel=1e-6)
    # the notebook itself takes no key: the cell is still there
    notebook.page.keyboard.press("x")
    notebook.page.keyboard.press("x")
    assert notebook.slider(ONE).count() == 1


def test_escape_gives_the_handle_back(explorer):
    notebook = explorer()
    before, mse = valuenow(notebook, ONE), notebook.metric("mse")
    notebook.drag(ONE, -150, seconds=0.5, release=False)
    assert valuenow(notebook, ONE) != before
    notebook.page.keyboard.press("Escape")
    notebook.page.mouse.up()
    notebook.wait_idle()
    assert (valuenow(notebook, ONE), notebook.metric("mse")) == (before, mse)


def test_a_double_click_goes_back_to_min_max(explorer):
    notebook = explorer()
    before = valuenow(notebook, ONE)
    notebook.drag(ONE, -150, seconds=0.5)
    notebook.wait_idle()
    box = notebook.slider(ONE).bounding_box()
    notebook.page.mouse.dblclick(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    notebook.wait_idle()
    assert valuenow(notebook, ONE) == pytest.approx(before)
    assert notebook.value("explorer.error.clipping_mse") == 0


def test_a_click_on_a_mark_adopts_the_method(explorer):
    notebook = explorer()
    notebook.page.get_by_role("button", name="adopt least MSE").click()
    notebook.wait_idle()
    least = notebook.value(
        "__import__('workbench.numerics.clipping.least_error', fromlist=['x'])"
        ".least_error(explorer._distribution, 'int8').high"
    )
    assert notebook.value("explorer.quantizer.high") == pytest.approx(least, rel=1e-6)
    assert valuenow(notebook, ONE) == pytest.approx(least, rel=1e-6)


def test_two_handles_where_the_range_is_affine(explorer):
    notebook = explorer(symmetric=False)
    names = notebook.page.get_by_role("slider").evaluate_all("all => all.map((e) => e.getAttribute('aria-label'))")
    assert names == [UPPER, LOWER]
    low = valuenow(notebook, LOWER)
    seen = notebook.drag(UPPER, -120, seconds=1)
    notebook.wait_idle()
    assert len(seen.values["mse"]) >= 10 and valuenow(notebook, LOWER) == low
    high = valuenow(notebook, UPPER)
    notebook.drag(LOWER, 100, seconds=1)
    notebook.wait_idle()
    assert valuenow(notebook, UPPER) == high and valuenow(notebook, LOWER) > low
    assert notebook.value("list(explorer._range)") == [valuenow(notebook, LOWER), high]


def test_a_busy_kernel_holds_nothing_up(explorer):
    notebook = explorer()
    notebook.page.wait_for_timeout(1500)  # the hello and its answer move the comm to the subshell
    with notebook.kept_busy():
        seen = notebook.drag(ONE, -220, seconds=1)
        print(f"busy: {seen}")
        assert len(seen.values["mse"]) >= 10
        notebook.page.wait_for_function("document.querySelector('.wb-certainty').textContent === 'exact'")


def test_channels_share_one_handle(show):
    notebook = drawn(show(CHANNELS, "app"))
    assert notebook.page.locator(".wb-plot-title").inner_text() == "<img src=x onerror=alert(1)> & <b>w</b>"
    assert notebook.page.locator(".wb-plot img, .wb-plot-head b").count() == 0
    assert valuenow(notebook, ONE) == pytest.approx(1, rel=1e-6)
    notebook.drag(ONE, -100, seconds=1, release=False)
    ratio, live = valuenow(notebook, ONE), notebook.metric("mse")
    notebook.page.mouse.up()
    notebook.wait_idle()
    assert notebook.value("[str(heard[0][1].dtype), list(heard[0][1].shape), len(heard)]") == ["float32", [16], 1]
    assert np.allclose(notebook.value("(heard[0][1] / largest).tolist()"), ratio, rtol=1e-6)
    assert notebook.metric("mse") == pytest.approx(live, rel=1e-3)


def test_themes_switch_at_once(explorer):
    notebook = explorer(theme="light")
    line = ".wb-plot-figure .x2y2 .trace:nth-child(1) .js-line"
    colour = f"getComputedStyle(document.querySelector('{line}')).stroke"
    assert notebook.page.evaluate(colour) == "rgb(31, 35, 40)"
    notebook.set_theme("dark")
    notebook.page.wait_for_timeout(300)
    assert notebook.page.evaluate(colour) == "rgb(232, 234, 237)"
    ink = notebook.page.evaluate("getComputedStyle(document.querySelector('.wb-handle-line')).backgroundColor")
    assert ink == "rgb(232, 234, 237)"


def test_nothing_moves_while_numbers_change(explorer):
    notebook = explorer()
    places = (
        "[...document.querySelectorAll('[data-metric], .wb-plot-stage, .wb-certainty')].map((e) => {"
        " const b = e.getBoundingClientRect(); return [b.left, b.top, b.width, b.height]; })"
    )
    before = notebook.page.evaluate(places)
    notebook.drag(ONE, -400, seconds=1, release=False)
    during = notebook.page.evaluate(places)
    notebook.page.mouse.up()
    notebook.wait_idle()
    assert during == before == notebook.page.evaluate(places)


def test_zoom_and_scale_of_counts(explorer):
    notebook = explorer()
    plot = notebook.page.locator(".wb-plot-figure .nsewdrag").first
    box = plot.bounding_box()
    y = box["y"] + box["height"] / 2
    notebook.page.mouse.move(box["x"] + 0.3 * box["width"], y)
    notebook.page.mouse.down()
    notebook.page.mouse.move(box["x"] + 0.6 * box["width"], y, steps=5)
    notebook.page.mouse.up()
    whole = notebook.page.get_by_role("button", name="whole range")
    whole.wait_for(state="visible")
    assert "▸" in notebook.page.locator(".wb-pill").inner_text()
    whole.click()
    whole.wait_for(state="hidden")
    notebook.page.get_by_role("button", name="linear", exact=True).click()
    notebook.page.wait_for_function("document.querySelector('.wb-plot-figure')._fullLayout.yaxis.type === 'linear'")
    assert notebook.value("explorer.plot.log_counts") is False


def test_what_is_taken_from_plotly_is_still_there(explorer):
    """The private names that geometry.js and plot.js rely on."""
    notebook = explorer()
    names = notebook.page.wait_for_function(
        """() => { const gd = document.querySelector(".wb-plot-figure"); const x = gd._fullLayout.xaxis;
            const y = gd._fullLayout.yaxis2; const found = [x.d2p(x.p2d(17)), x._length > 100, x._offset > 10,
            Math.abs(y.l2p(y.range[0]) - y._length) < 0.01, y._offset > 100, typeof gd._responsiveChartHandler,
            typeof gd.on]; return found.slice(1, 5).every(Boolean) && found; }"""
    )
    found = names.json_value()
    assert found[0] == pytest.approx(17) and found[1:] == [True, True, True, True, "function", "function"]


@pytest.mark.parametrize("format", ["q8", "gfpq8", "nf4", "int16"])
def test_every_kind_of_format_is_dragged(explorer, format):
    notebook = explorer(format=format)
    seen = notebook.drag(ONE, -220, seconds=2, release=False)
    print(f"{format}: {seen}")
    assert len(seen.values["mse"]) >= (2 if format == "q8" else 10)  # a scale of powers of two has few places
    live, handle = notebook.metric("mse"), valuenow(notebook, ONE)
    pill = notebook.page.locator(".wb-pill").inner_text()
    notebook.page.mouse.up()
    notebook.wait_idle()
    exact = notebook.value("explorer.error.mse")
    assert live == pytest.approx(exact, rel=0.01 if format == "int16" else 1e-3)
    assert notebook.metric("mse") == pytest.approx(exact, rel=1e-12)
    assert valuenow(notebook, ONE) == handle  # not where the scale's step ends
    if format in ("q8", "gfpq8"):
        shown, _, effective = pill.removeprefix("T = ").partition(" → ")
        assert float(shown) == pytest.approx(handle, abs=0.006)
        assert float(effective or shown) == pytest.approx(notebook.value("explorer.quantizer.high"), abs=0.006)
        spoken = notebook.slider(ONE).get_attribute("aria-valuetext")
        assert ("in effect" in spoken) == bool(effective) and effective in spoken
    else:
        assert "→" not in pill
    assert notebook.console_errors == []


def test_the_value_axis_is_switched_by_the_keyboard_and_the_handle_stays_right(explorer):
    notebook = explorer(format="gfpq8")
    notebook.drag(ONE, -150, seconds=0.5)
    notebook.wait_idle()
    value = valuenow(notebook, ONE)
    plot = "document.querySelector('.wb-plot-figure')"
    notebook.page.get_by_role("button", name="log axis").focus()
    notebook.page.keyboard.press("Enter")
    notebook.page.wait_for_function(f"{plot}._fullLayout.meta > 0")
    notebook.page.wait_for_timeout(300)
    assert notebook.value("explorer.plot.log_axis") is True
    assert notebook.page.get_by_role("button", name="log axis").get_attribute("aria-pressed") == "true"
    assert valuenow(notebook, ONE) == value
    box = notebook.slider(ONE).bounding_box()
    at = box["x"] + box["width"] / 2
    expected = notebook.page.evaluate(
        f"(() => {{ const x = {plot}._fullLayout.xaxis, m = {plot}._fullLayout.meta; "
        f"return {plot}.getBoundingClientRect().left + x._offset + x.d2p(0.4 + Math.log10({value} / m)); }})()"
    )
    assert at == pytest.approx(expected, abs=1)
    seen = notebook.drag(ONE, -120, seconds=1, release=False)
    assert len(seen.values["mse"]) >= 10
    live = notebook.metric("mse")
    notebook.page.mouse.up()
    notebook.wait_idle()
    assert live == pytest.approx(notebook.value("explorer.error.mse"), rel=1e-3)
    moved = valuenow(notebook, ONE)
    notebook.press(ONE, "ArrowLeft", "ArrowLeft", pause=0.3)
    assert 0.9 * moved < valuenow(notebook, ONE) < moved  # two steps of the axis
    notebook.execute("explorer.plot.show(explorer._subject(explorer.quantizer, explorer.error))")
    assert notebook.page.evaluate(f"{plot}._fullLayout.meta") > 0
    notebook.page.get_by_role("button", name="linear axis").click()
    notebook.page.wait_for_function(f"{plot}._fullLayout.meta === 0")


WORDS = {
    "fp16": "range is the format's own, ±65504",
    "tf32": "range is the format's own, ±3.4e38",
    "fp32": "float32: nothing is quantized",
    "kmeans3": "levels were fitted to these values",
    "mxfp4": "each block of 32 finds its own scale",
}


def test_formats_without_a_scale_have_no_handle(show):
    cells = [EXPLORE.format(symmetric=True, format=f) + f"x_{f} = explorer" for f in WORDS]
    notebook = show("\n".join(cells), ", ".join(f"x_{f}" for f in WORDS), size=(1480, 4000))  # all of them in sight
    plots = notebook.page.locator(".wb-plot")
    for i, (format, words) in enumerate(WORDS.items()):
        plots.nth(i).locator(".xy .js-line").first.wait_for(state="attached", timeout=60_000)
        assert plots.nth(i).locator(".wb-note-words").inner_text() == words
        shown = notebook.page.locator('[data-metric="mse"]').nth(i).get_attribute("data-value")
        assert float(shown) == pytest.approx(notebook.value(f"x_{format}.error.mse"))
    assert notebook.page.get_by_role("slider").count() == 0
