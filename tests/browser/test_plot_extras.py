"""What the plot tells beside its curves: whence extremes came, codes, what was before; by mouse and by keys."""

from pathlib import Path

import pytest

from tests.browser.one_app import ACTIVATION, look_at, no_trouble, settle, value
from workbench.ui.threshold import widget

AGAIN = f"""app.study.take_back()
app.study.wait(60)
app.study.set_recipe(start)
app.study.select({ACTIVATION!r})"""
UPPER = "Upper threshold"
LENS = """() => {
  const [canvas, stage] = [document.querySelector(".wb-plot-dots"), document.querySelector(".wb-plot-stage")];
  const ratio = canvas.width / canvas.clientWidth;
  const line = document.querySelector('[aria-label="Upper threshold"] .wb-handle-line').getBoundingClientRect();
  const [x, top] = [line.left - stage.getBoundingClientRect().left, line.top - stage.getBoundingClientRect().top];
  const box = [x - 150, top + 10, 130, document.querySelector('[aria-label="Upper threshold"]').clientHeight];
  const pixels = canvas.getContext("2d").getImageData(...box.map((v) => Math.round(v * ratio))).data;
  let drawn = 0;
  for (let i = 3; i < pixels.length; i += 4) drawn += pixels[i] > 0;
  return drawn / ratio / ratio;
}"""


def rows(notebook):
    return value(notebook, "app.plot.extremes['rows']")


def point_at(notebook, at):
    """Move the pointer onto a value in the strip of the counts, away from the handle's grip."""
    x, y = notebook.page.evaluate(
        """(at) => {
          const stage = document.querySelector(".wb-plot-stage").getBoundingClientRect();
          const axis = document.querySelector(".wb-plot-figure")._fullLayout;
          const strip = axis.yaxis;
          const x = stage.left + axis.xaxis._offset + axis.xaxis.d2p(at);
          return [x, stage.top + strip._offset + 0.8 * strip._length];
        }""",
        at,
    )
    notebook.page.mouse.move(x - 20, y)
    notebook.page.mouse.move(x, y)
    return x, y


def test_pointing_at_an_extreme_tells_its_sample_and_a_click_sets_it_aside(notebook):
    page, first = notebook.page, rows(notebook)[0]
    box = page.locator(".wb-extremes")
    point_at(notebook, first["at"])
    box.wait_for(state="visible")
    words = box.locator(".wb-extreme").first
    assert words.locator(".wb-extreme-place").inner_text() == f"sample {first['sample']} · {first['place']}"
    button = box.get_by_role("button", name=f"set sample {first['sample']} aside")
    button.hover()  # it stays while the pointer is in it
    button.click()
    page.wait_for_function("() => document.querySelector('.wb-extremes').hidden")  # the value is no longer calibrated
    settle(notebook)
    assert value(notebook, "sorted(app.study.state.set_aside)") == [first["sample"]]
    assert all(row["sample"] != first["sample"] for row in rows(notebook))
    no_trouble(notebook)


def test_the_list_of_extremes_by_keys(notebook):
    page, first = notebook.page, rows(notebook)[0]
    opener = page.get_by_role("button", name="extreme values")
    opener.focus()
    page.keyboard.press("Enter")
    box = page.get_by_role("dialog", name="extreme values")
    box.wait_for(state="visible")
    assert box.locator(".wb-extreme").count() == len(rows(notebook))
    page.wait_for_function("() => document.activeElement.closest('.wb-extremes')")
    page.keyboard.press("Enter")  # the first button: the sample of the largest value
    back = box.get_by_role("button", name=f"take sample {first['sample']} back")
    back.wait_for(state="visible")
    settle(notebook)
    assert value(notebook, "sorted(app.study.state.set_aside)") == [first["sample"]]
    back.focus()
    page.keyboard.press("Enter")
    page.wait_for_function("() => !document.querySelector('.wb-extremes').textContent.includes('take back')")
    settle(notebook)
    assert value(notebook, "sorted(app.study.state.set_aside)") == []
    page.keyboard.press("Escape")
    box.wait_for(state="hidden")
    assert opener.evaluate("(button) => button === document.activeElement")
    look_at(notebook, "stem.conv.weight")
    opener.click()
    box.wait_for(state="visible")
    assert "input 0" in box.inner_text() and box.get_by_role("button").count() == 0  # a weight has no samples
    page.keyboard.press("Escape")
    box.wait_for(state="hidden")
    no_trouble(notebook)


def test_a_lens_shows_the_codes_at_the_handle(notebook):
    page = notebook.page
    page.mouse.move(5, 5)
    nothing = page.evaluate(LENS)
    notebook.slider(UPPER).focus()
    page.wait_for_function(f"() => ({LENS})() > {nothing} + 2000")
    page.get_by_role("button", name="extreme values").focus()
    page.wait_for_function(f"() => ({LENS})() <= {nothing}")
    grip = notebook.slider(UPPER).locator(".wb-handle-grip").bounding_box()
    page.mouse.move(grip["x"] + 5, grip["y"] + 5)
    page.wait_for_function(f"() => ({LENS})() > {nothing} + 2000")
    page.mouse.move(5, 5)
    notebook.value(f"app.study.set_format({ACTIVATION!r}, 'uint2')")  # four levels need none
    settle(notebook)
    notebook.slider(UPPER).focus()
    page.wait_for_function(f"() => ({LENS})() <= {nothing}")
    notebook.value("app.study.undo()")
    settle(notebook)
    page.wait_for_function(f"() => ({LENS})() > {nothing} + 2000")
    no_trouble(notebook)


def test_how_often_each_code_is_used(notebook):
    page = notebook.page
    toggle = page.get_by_role("button", name="histogram of codes")
    sentence = page.locator(".wb-sentence")
    assert toggle.get_attribute("aria-pressed") == "false" and "codes are used" not in sentence.inner_text()
    toggle.focus()
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.querySelector('.wb-sentence').textContent.includes('codes are used')")
    assert toggle.get_attribute("aria-pressed") == "true" and value(notebook, "app.plot.show_codes") is True
    used = f"{value(notebook, f'app.study.error({ACTIVATION!r}).levels_used'):.0f} of 256 codes are used"
    assert used in sentence.inner_text()
    assert page.locator(".wb-legend-codes").is_visible() and not page.locator(".wb-legend-quantized").count()
    seen = notebook.drag(UPPER, -120, seconds=1, release=False)
    print(f"with bars: {seen}")
    page.wait_for_function(f"() => !document.querySelector('.wb-sentence').textContent.includes('{used}')")
    page.keyboard.press("Escape")
    page.mouse.up()
    notebook.value(f"app.study.set_format({ACTIVATION!r}, 'int16')")  # codes too many to be counted one by one
    settle(notebook)
    page.wait_for_function("() => document.querySelector('[aria-label=\"histogram of codes\"]').disabled")
    assert "codes are used" not in sentence.inner_text()
    notebook.execute("app.plot.show_codes = False")
    page.wait_for_function("() => !document.querySelector('[aria-label=\"histogram of codes\"][aria-pressed=true]')")
    no_trouble(notebook)


def test_grey_shows_the_range_before_the_last_change(notebook):
    page = notebook.page
    grey = page.locator(".wb-legend-before")
    notebook.execute("app.study.set_format('stem.conv.weight', 'int4')")  # the last change is another tensor's
    settle(notebook)
    grey.wait_for(state="hidden")
    former = value(notebook, f"app.recipe[{ACTIVATION!r}].high")
    seen = notebook.drag(UPPER, -120, seconds=1, release=False)
    print(f"with grey: {seen}")
    grey.wait_for(state="visible")  # while dragged: where the handle was taken from
    page.keyboard.press("Escape")
    page.mouse.up()
    grey.wait_for(state="hidden")
    notebook.drag(UPPER, -120, seconds=0.5)
    settle(notebook)
    grey.wait_for(state="visible")
    assert value(notebook, "app.plot.before['high']") == pytest.approx(former)
    notebook.execute("app.study.undo()")
    settle(notebook)
    grey.wait_for(state="hidden")
    no_trouble(notebook)


# Whether the strips are drawn as they should be: with a handle there are 66 px for ruler, numbers and marks between the
# counts and the error, without one the counts take all of the height.
FITTED = """() => {
  const { _size: size, yaxis: counts, yaxis2: error } = document.querySelector(".wb-plot-figure")._fullLayout;
  const end = counts._offset + counts._length;
  const handle = document.querySelector(".wb-plot-stage .wb-handle");
  if (!handle) return !error.visible && Math.abs(end - size.t - size.h) < 1;
  return error.visible && Math.abs(error._offset - end - 66) < 4;
}"""


def test_strips_stand_where_they_belong_after_a_tensor_without_a_handle(notebook):
    page, weight = notebook.page, "stem.conv.weight"
    for width, height in ((1480, 1000), (1000, 640)):
        page.set_viewport_size({"width": width, "height": height})
        settle(notebook)
        for step in (
            f"set_format({ACTIVATION!r}, 'fp32')",
            f"set_format({ACTIVATION!r}, 'int8')",
            f"set_format({weight!r}, 'fp16')",
            f"select({weight!r})",
            f"select({ACTIVATION!r})",
            f"set_format({weight!r}, 'int8')",
        ):
            notebook.value(f"app.study.{step}")
            settle(notebook)
            page.wait_for_function(FITTED)
    no_trouble(notebook)


INK = """() => {
  const canvas = document.querySelector(".wb-plot-single");
  if (!canvas.width) return 0;
  const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  let drawn = 0;
  for (let i = 3; i < pixels.length; i += 4) drawn += pixels[i] > 0;
  return drawn;
}"""


def test_each_sample_as_a_thin_line(notebook):
    page = notebook.page
    toggle = page.get_by_role("button", name="each sample")
    name = page.locator(".wb-note-sample")
    assert toggle.get_attribute("aria-pressed") == "false" and page.evaluate(INK) == 0
    assert value(notebook, "'sample_lines' in app.study.state.asked") is False
    toggle.focus()
    page.keyboard.press("Enter")
    page.wait_for_function(f"() => ({INK})() > 3000")
    names = value(notebook, "app.plot.samples['names']")
    assert len(names) == 32 and toggle.get_attribute("aria-pressed") == "true"
    page.keyboard.press("ArrowRight")
    name.wait_for(state="visible")
    assert name.inner_text() == names[0]
    page.keyboard.press("ArrowLeft")
    page.wait_for_function("(last) => document.querySelector('.wb-note-sample').textContent === last", arg=names[-1])
    page.keyboard.press("Escape")
    name.wait_for(state="hidden")
    x, y = page.evaluate(
        """() => {
          const stage = document.querySelector(".wb-plot-stage").getBoundingClientRect();
          const { xaxis, yaxis } = document.querySelector(".wb-plot-figure")._fullLayout;
          return [stage.left + xaxis._offset + 0.2 * xaxis._length, stage.top + yaxis._offset];
        }"""
    )
    for step in range(10, 200, 3):  # down through the lines
        page.mouse.move(x, y + step)
        if name.is_visible():
            break
    name.wait_for(state="visible")
    assert name.inner_text() in names
    seen = notebook.drag(UPPER, -120, seconds=1, release=False)
    print(f"with a line for each sample: {seen}")
    page.keyboard.press("Escape")
    page.mouse.up()
    look_at(notebook, "stem.conv.weight")
    page.wait_for_function("() => document.querySelector('.wb-icon-samples').disabled")
    assert toggle.get_attribute("title") == "each sample: a weight is the same for all samples"
    page.wait_for_function(f"() => ({INK})() === 0")
    look_at(notebook, ACTIVATION)
    page.wait_for_function(f"() => ({INK})() > 3000")
    notebook.execute("app.plot.show_samples = False")
    page.wait_for_function(f"() => ({INK})() === 0")
    assert value(notebook, "'sample_lines' in app.study.state.asked") is False
    no_trouble(notebook)


def test_the_figure_is_waited_for_where_the_page_does_not_know_it_yet(notebook):
    script = (Path(widget.__file__).parent / "composed.js").read_text(encoding="utf-8")
    tried = notebook.page.evaluate(
        """async (script) => {
          const figureOf = new Function(`${script}; return figureOf;`)();
          const tried = { model: 0, widget: 0 };
          const refuse = (what, least) => {
            tried[what] += 1;
            if (tried[what] < least) throw new Error("not known yet");
          };
          const host = {
            async getModel() { refuse("model", 3); return { get: () => [1] }; },
            async getWidget() { refuse("widget", 9); return "drawn"; },
          };
          const drawn = await figureOf("anywidget:1", host, new AbortController().signal);
          const none = { async getModel() { throw new Error("gone"); } };
          const closed = await figureOf("anywidget:1", none, AbortSignal.abort());
          return [drawn, closed, tried.widget];
        }""",
        script,
    )
    assert tried == ["drawn", None, 9]
