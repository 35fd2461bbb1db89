"""What may happen to an open app: a second view, another app, another theme, a long calibration that fails."""

import math

import pytest

from tests.browser.one_app import OVERFLOWING, no_trouble, settle, value

EVIL = "<script>window.bad=1</script><img src=x onerror=window.bad=1>\"'&amp; 層 \U0001f600\nline " + "x" * 420
MODEL = f"""import onnx, workbench as wb
evil = {EVIL!r}
proto = onnx.load(wb.demo.path())
outside = {{value.name for value in (*proto.graph.input, *proto.graph.output)}}
for node in proto.graph.node:
    node.name = evil + node.name
    for names in (node.input, node.output):
        names[:] = [name if name in outside or not name else evil + name for name in names]
for weight in proto.graph.initializer:
    weight.name = evil + weight.name
del proto.graph.value_info[:]
onnx.save(proto, "<b>evil.onnx")
calibration, evaluation, labels = wb.demo.data()
app = wb.App("<b>evil.onnx", calibration, evaluation=evaluation, labels=labels)
app"""
OTHER = 'other = wb.App("<b>evil.onnx", calibration, autosave=None)\nother.study.wait(60)\nother'
TENSOR = EVIL + "blocks.0.depthwise.relu_out"
UPPER = "Upper threshold"
APPS = ("app", "app", "other")  # whose view stands where
HANDLES = """(name) => [...document.querySelectorAll(".workbench-app")].map((app) => {
  const handle = app.querySelector(`[role=slider][aria-label="${name}"]`);
  const figure = app.querySelector(".wb-plot-figure");
  if (!handle || !figure?._fullLayout) return null;
  const { _offset, d2p } = figure._fullLayout.xaxis;
  const [box, stage] = [handle.getBoundingClientRect(), figure.getBoundingClientRect()];
  const now = Number(handle.getAttribute("aria-valuenow"));
  return { now, drawn: box.x + box.width / 2 - stage.x, wanted: _offset + figure._fullLayout.xaxis.d2p(now) };
})"""
FOREIGN = ".workbench-app :is(script, img:not(.wb-thumbnail), .wb-model-name b)"
SKIP_TOURS = "document.querySelectorAll('button').forEach((b) => b.textContent === 'Skip' && b.click())"


@pytest.fixture(scope="module")
def notebook(open_shared):
    opened = open_shared([MODEL, "app", OTHER])
    opened.run()
    settle(opened)
    opened.page.evaluate(SKIP_TOURS)
    opened.execute(f"app.study.select({TENSOR!r}); other.study.select({TENSOR!r})")
    settle(opened)
    return opened


def handles_are_right(notebook, n_views=3):
    """Wait until every handle names its recipe's bound and stands on it."""
    settle(notebook)
    bounds = {name: notebook.value(f"{name}.recipe[{TENSOR!r}].high") for name in set(APPS[:n_views])}
    for _ in range(100):
        seen = notebook.page.evaluate(HANDLES, UPPER)
        if len(seen) == n_views and all(
            one is not None
            and math.isclose(one["now"], bounds[app], rel_tol=1e-5)
            and abs(one["drawn"] - one["wanted"]) < 1
            for one, app in zip(seen, APPS, strict=False)
        ):
            return bounds
        notebook.page.wait_for_timeout(100)
    raise AssertionError((seen, bounds))


def bring(notebook, index):
    notebook.page.locator(".workbench-app").nth(index).evaluate("(app) => app.scrollIntoView({ block: 'center' })")


def test_all_views_of_one_app_move_together_and_another_app_stays(notebook):
    before = handles_are_right(notebook)
    for view, dx in ((0, -100), (1, 60)):
        bring(notebook, view)
        notebook.drag(notebook.slider(UPPER).nth(view), dx, seconds=0.5)
        after = handles_are_right(notebook)
        assert after["app"] != before["app"] and after["other"] == before["other"]
        before = after
    bring(notebook, 2)
    notebook.drag(notebook.slider(UPPER).nth(2), -80, seconds=0.5)
    after = handles_are_right(notebook)
    assert after["other"] != before["other"] and after["app"] == before["app"]
    no_trouble(notebook)


def test_theme_and_size_leave_the_handles_where_they_belong(notebook):
    handles_are_right(notebook)
    for theme, size in (("dark", (1000, 700)), ("light", (2200, 1100)), ("light", (1480, 1000))):
        notebook.set_theme(theme)
        notebook.page.set_viewport_size({"width": size[0], "height": size[1]})
        handles_are_right(notebook)
    bring(notebook, 0)
    before = value(notebook, f"app.recipe[{TENSOR!r}].high")
    notebook.drag(notebook.slider(UPPER).first, -40, seconds=0.5)
    assert handles_are_right(notebook)["app"] < before
    no_trouble(notebook)


def test_names_are_text_everywhere(notebook):
    page, app = notebook.page, notebook.page.locator(".workbench-app").first
    bring(notebook, 0)
    name = app.locator(".wb-list .wb-row .wb-cell-0").first
    assert name.text_content().startswith("<script") and EVIL.split("</")[0] in name.get_attribute("title")
    for place in (".wb-tab-caption", ".wb-plot-title"):
        assert "<script>" in app.locator(place).text_content()
    pages = app.locator(".wb-pages [role=tab]")
    assert pages.count() >= 6
    for i in range(pages.count()):
        pages.nth(i).click()
        settle(notebook)
        assert page.locator(FOREIGN).count() == 0
        assert page.evaluate(OVERFLOWING) == [], pages.nth(i).text_content()
        notebook.screenshot(f"names-{i}")
    pages.first.click()
    for view in ("channels", "sides"):
        page.locator(f"[data-view={view}]").first.click()
        settle(notebook)
        assert page.locator(FOREIGN).count() == 0 and page.evaluate(OVERFLOWING) == [], view
    page.locator("[data-view=plot]").first.click()
    for button in ("Versions", "Export…"):
        app.get_by_role("button", name=button).first.click()
        settle(notebook)
        dialog = page.get_by_role("dialog").last
        dialog.wait_for()
        assert page.locator(FOREIGN).count() == 0
        assert page.evaluate(
            "[...document.querySelectorAll('[role=dialog]')].every((d) => d.scrollWidth <= d.clientWidth + 1)"
        )
        page.keyboard.press("Escape")
        dialog.wait_for(state="hidden")
    assert page.evaluate("window.bad") is None
    no_trouble(notebook)


def test_a_cell_is_answered_while_calibration_runs_and_its_failure_is_told(notebook):
    notebook.execute(
        "import threading\n"
        "go = threading.Event()\n"
        "def feeds():\n"
        "    yield {'image': calibration[:8]}\n"
        "    if threading.current_thread() is not threading.main_thread():\n"
        "        go.wait(60)\n"
        "        raise OSError('the disk went away')\n"
        "class Late:\n"
        "    def __iter__(self): return feeds()\n"
        "late = wb.App('<b>evil.onnx', Late(), autosave=None)"
    )
    answer = notebook.execute("print('the cell', late.study.state.calibrated, go.is_set())")
    assert answer.split() == ["the", "cell", "False", "False"]
    notebook.execute("go.set()")
    assert notebook.value("late.study.wait(60)") is True
    assert "the disk went away" in notebook.value("late.study.status")
    notebook.execute("late.close()")
    no_trouble(notebook)
