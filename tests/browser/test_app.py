"""The app in a real JupyterLab: from the first picture, by mouse and keyboard, to a file that a script makes again."""

import json
import time
from pathlib import Path

import numpy as np
import pytest

import workbench.demo as demo
from tests.browser.one_app import (
    ACTIVATION,
    OUTSIDE,
    OVERFLOWING,
    begun_again,
    click,
    no_trouble,
    open_app,
    open_once,
    settle,
    value,
)
from workbench.workflow.export.exporting import export
from workbench.workflow.recipe import Recipe

WITH_DATA = """import workbench as wb
calibration, evaluation, labels = wb.demo.data()
app = wb.App(wb.demo.model(), calibration, evaluation=evaluation, labels=labels)
app"""
WITHOUT_DATA = "import workbench as wb\napp = wb.App(wb.demo.model(), autosave=None)\napp"
# what the tour speaks of, or figures of the output, where its bubble lies over them or sticks out of the app
UNDER_THE_TOUR = """() => {
    const spoken = ['.wb-layers, .wb-tabs', '.wb-handle, .wb-numbers', '.wb-rail-button, .wb-formats', '.wb-primary'];
    const [app, bubble] = [document.querySelector('.workbench-app'), document.querySelector('.wb-bubble')];
    const step = parseInt(bubble.textContent.match(/([0-9]) of 4/)[1]) - 1;
    const [b, a] = [bubble.getBoundingClientRect(), app.getBoundingClientRect()];
    const over = (e, o = e.getBoundingClientRect()) =>
      o.left < b.right && b.left < o.right && o.top < b.bottom && b.top < o.bottom;
    const found = [...app.querySelectorAll(`.wb-network, .wb-figures, ${spoken[step]}`)]
      .filter((e) => e.offsetParent && getComputedStyle(e).visibility === 'visible' && over(e)).map((e) => e.className);
    const out = b.left < a.left || b.right > a.right || b.top < a.top || b.bottom > a.bottom;
    return out ? [...found, 'out of the app'] : found;
}"""
DIFFERENT = 10  # values of each figure that must be seen before the mouse is released


@pytest.fixture(scope="module")
def opened(open_shared):
    return open_once(open_shared, WITH_DATA)


@pytest.fixture
def notebook(opened, request):
    with begun_again(opened, request, "app.study.set_recipe(start); app.study.select(app.study.model.layers[0].name)"):
        yield opened


def choice(notebook):
    return value(notebook, f"app.recipe[{ACTIVATION!r}].to_json()")


def show_activation(notebook):
    """Select the activation by the list and the tab, as a person does."""
    click(notebook, ".wb-list [data-index='3']")
    click(notebook, "[role=tab][data-tensor$=relu_out]")
    settle(notebook)
    assert value(notebook, "app.study.selected") == ACTIVATION


def test_from_a_drag_to_a_file_that_a_script_makes_again(notebook, tmp_path):
    show_activation(notebook)
    before = choice(notebook)
    handle = notebook.slider("Upper threshold")

    seen = notebook.drag(handle, -150, seconds=2, release=False)
    print(seen)
    for name in ("mse", "rounding_mse", "clipping_mse", "sqnr_db", "kl", "saturated_fraction"):
        assert len(seen.values[name]) >= DIFFERENT, (name, len(seen.values[name]))
    live = notebook.metric("mse")
    notebook.page.mouse.up()
    settle(notebook)
    exact = notebook.metric("mse")
    assert exact == notebook.value(f"app.study.error({ACTIVATION!r}).mse")
    assert exact == pytest.approx(live, rel=1e-3)
    dragged = choice(notebook)
    assert dragged["method"] == "hand" and dragged["high"] < before["high"]
    assert notebook.metric("output_sqnr_db") == notebook.value("app.study.comparison.outputs['logits'].sqnr_db")
    assert notebook.page.locator(".wb-selected .wb-cell-4").text_content() == f"{notebook.metric('sqnr_db'):.1f}"

    seen = notebook.press(handle, *["ArrowRight"] * 12)
    assert len(seen.values["mse"]) >= DIFFERENT
    by_keys = choice(notebook)
    assert by_keys["high"] > dragged["high"]
    assert notebook.metric("mse") == notebook.value(f"app.study.error({ACTIVATION!r}).mse")

    steps = notebook.value("len(app.study.state.history.past)")
    click(notebook, "[aria-label=undo]")
    assert value(notebook, "len(app.study.state.history.past)") == steps - 1
    for _ in range(steps - 1):
        click(notebook, "[aria-label=undo]")
    assert choice(notebook) == before
    assert notebook.page.locator("[aria-label=undo]").is_disabled()
    for _ in range(steps):
        click(notebook, "[aria-label=redo]")
    assert choice(notebook) == by_keys

    click(notebook, "[data-format=fp16]")
    assert choice(notebook)["format"] == "fp16"
    assert notebook.slider("Upper threshold").count() == 0
    click(notebook, "[aria-label=undo]")
    assert choice(notebook) == by_keys

    exported = export_by_clicking(notebook)
    report = notebook.page.locator(".wb-result").text_content()
    assert "100 % of the output values equal what you saw, in all bits" in report
    no_trouble(notebook)
    assert same_file_again(exported, "onnx_qdq", tmp_path)

    click(notebook, ".wb-dialog button:text-is('Close')")
    show_first_weight_and_choose_fp16_for_the_network(notebook)
    assert value(notebook, "{choice.format for choice in app.recipe.values()} == {'fp16'}")
    exported = export_by_clicking(notebook, target="onnx_fp16")
    assert same_file_again(exported, "onnx_fp16", tmp_path)
    no_trouble(notebook)
    notebook.page.keyboard.press("Escape")  # the button that was pressed was off for a while: no key may be lost
    notebook.page.get_by_role("dialog", name="Export").wait_for(state="hidden")


def show_first_weight_and_choose_fp16_for_the_network(notebook):
    click(notebook, ".wb-list [data-index='0']")
    settle(notebook)
    notebook.page.locator(".wb-scope").select_option("network")
    click(notebook, "[data-format=fp16]")
    settle(notebook)


def export_by_clicking(notebook, target=None):
    """Returns the path of the written file."""
    click(notebook, "button:text-is('Export…')")
    dialog = notebook.page.get_by_role("dialog", name="Export")
    if target is not None:
        dialog.get_by_label("target").select_option(target)
        settle(notebook)
    dialog.get_by_role("button", name="Export").click()
    notebook.page.locator(".wb-result b.wb-good").wait_for(timeout=60_000)
    return notebook.lab.root / Path(notebook.path).parent / dialog.get_by_label("file").input_value()


def same_file_again(exported, target, folder):
    """Whether a plain script with the saved recipe writes the same bytes."""
    recipe = Recipe.load(f"{exported}.recipe.json")
    export(demo.model(), recipe, folder / "again.onnx", target=target)
    return (folder / "again.onnx").read_bytes() == exported.read_bytes()


def test_without_data_weights_are_there_at_once_and_fp16_is_exported(open_notebook, tmp_path):
    notebook = open_notebook([WITHOUT_DATA])
    started = time.monotonic()
    notebook.page.evaluate('jupyterapp.commands.execute("notebook:run-all-cells")')
    notebook.slider("Saturation threshold").wait_for(timeout=60_000)
    print(f"draggable weights after {time.monotonic() - started:.1f} s")
    settle(notebook)
    notebook.page.locator(".workbench-app").evaluate("(app) => app.scrollIntoView({ block: 'center' })")
    seen = notebook.drag("Saturation threshold", -80, seconds=1.5)
    assert len(seen.values["mse"]) >= DIFFERENT
    assert value(notebook, "app.recipe['stem.conv.weight'].method") == "hand"
    assert value(notebook, "app.recipe['stem.conv.weight'].axis") == 0
    click(notebook, "[role=tab]:text-is('Activations')")
    notebook.page.get_by_text("No data yet.").first.wait_for()
    show_first_weight_and_choose_fp16_for_the_network(notebook)
    exported = export_by_clicking(notebook, target="onnx_fp16")
    assert same_file_again(exported, "onnx_fp16", tmp_path)

    notebook.page.keyboard.press("Escape")
    notebook.page.get_by_role("dialog", name="Export").wait_for(state="hidden")
    np.save(tmp_path / "pictures.npy", demo.data()[0])
    click(notebook, "[role=tab]:text-is('Activations')")
    notebook.page.get_by_role("button", name="Choose a file…").wait_for()
    notebook.page.locator(".wb-missing input[type=file]").set_input_files(tmp_path / "pictures.npy")
    notebook.page.wait_for_function("!document.querySelector('.workbench-app.wb-nothing')", timeout=60_000)
    settle(notebook)
    assert value(notebook, "app.study.state.calibrated") and notebook.page.locator(".wb-plot-stage").is_visible()
    assert value(notebook, "app.recipe['stem.conv.weight'].format") == "fp16"
    no_trouble(notebook)


def test_by_keyboard_alone(notebook):
    page = notebook.page
    page.locator(".wb-list").focus()
    for _ in range(3):
        page.keyboard.press("ArrowDown")
    settle(notebook)
    assert notebook.value("app.study.layer") == "blocks.0.project.conv"
    page.keyboard.press("End")
    settle(notebook)
    assert notebook.value("app.study.layer") == "head.classifier"
    assert page.locator(".jp-Notebook .jp-Cell").count() == 1  # JupyterLab took none of the keys
    page.get_by_role("tab", name="Weights").focus()
    page.keyboard.press("ArrowRight")
    settle(notebook)
    assert notebook.value("app.study.selected") == notebook.value("app.study.model.layers[-1].inputs[0]")
    page.locator("[data-format=bf16]").focus()
    page.keyboard.press("Enter")
    settle(notebook)
    assert notebook.value("app.recipe[app.study.selected].format") == "bf16"
    page.get_by_role("button", name="Export…").focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Export")
    dialog.wait_for()
    page.keyboard.press("Escape")
    dialog.wait_for(state="hidden")
    assert page.evaluate("document.activeElement.textContent") == "Export…"
    no_trouble(notebook)


def test_the_tour_is_shown_once_skipped_and_called_again(open_notebook):
    notebook = open_notebook([WITHOUT_DATA])
    notebook.run()
    page = notebook.page
    tour = page.get_by_role("dialog", name="Tour of the app")
    tour.wait_for(timeout=20_000)
    assert "1 of 4" in tour.text_content()
    page.keyboard.press("Escape") if tour.evaluate("(e) => e.contains(document.activeElement)") else tour.get_by_role(
        "button", name="Skip"
    ).click()
    tour.wait_for(state="hidden")
    page.get_by_role("button", name="tour of the app").click()
    assert page.evaluate(UNDER_THE_TOUR) == []
    for step in ("2 of 4", "3 of 4", "4 of 4"):
        tour.get_by_role("button", name="Next").click()
        assert step in tour.text_content()
        assert page.evaluate(UNDER_THE_TOUR) == []
    tour.get_by_role("button", name="Done").click()
    tour.wait_for(state="hidden")
    for width, height in ((1480, 900), (1000, 640)):
        page.set_viewport_size({"width": width, "height": height})
        page.locator(".workbench-app").evaluate("(app) => app.scrollIntoView({ block: 'center' })")
        page.locator("[aria-label='tour of the app']").dispatch_event("click")  # hidden where the app is narrow
        tour.wait_for()
        for _ in range(4):
            page.wait_for_function(f"() => ({UNDER_THE_TOUR})().length === 0")
            tour.get_by_role("button", name="Next").or_(tour.get_by_role("button", name="Done")).click()
        tour.wait_for(state="hidden")
    page.locator("[aria-label='tour of the app']").dispatch_event("click")
    tour.wait_for()
    page.keyboard.press("Escape")
    tour.wait_for(state="hidden")


def test_wrong_inputs_are_said_before_anything_is_quantized(open_notebook):
    cell = (
        "import workbench as wb\ncalibration, evaluation, labels = wb.demo.data()\n"
        "app = wb.App(wb.demo.model(), calibration * 255, evaluation=255 * evaluation, labels=labels, autosave=None)\n"
        "app"
    )
    notebook = open_app(open_notebook, cell)
    banner = notebook.page.locator(".wb-banner")
    banner.wait_for()
    assert "Check the preprocessing first" in banner.text_content()
    assert notebook.page.locator(".wb-picture").count() == 3
    click(notebook, ".wb-banner button")
    banner.wait_for(state="detached")
    no_trouble(notebook)


def test_a_new_page_and_a_new_kernel_bring_everything_back(open_notebook):
    notebook = open_app(open_notebook, WITH_DATA)
    show_activation(notebook)
    notebook.drag("Upper threshold", -100, seconds=1)
    dragged = choice(notebook)
    notebook.page.evaluate("jupyterapp.commands.execute('docmanager:save')")
    notebook.page.wait_for_function("!jupyterapp.shell.currentWidget.context.model.dirty")
    notebook.open()
    handle = notebook.slider("Upper threshold")
    handle.wait_for(timeout=60_000)
    settle(notebook)
    assert float(handle.get_attribute("aria-valuenow")) == pytest.approx(dragged["high"])
    notebook.drag(handle, 30, seconds=1)
    assert choice(notebook)["high"] > dragged["high"]
    click(notebook, "[aria-label=undo]")
    assert choice(notebook) == dragged
    time.sleep(1)  # as long as saving may take
    notebook.restart_kernel()
    notebook.run()
    settle(notebook)
    assert choice(notebook) == dragged and value(notebook, "app.study.selected") == ACTIVATION
    assert "read again" in value(notebook, "' '.join(map(str, app.study.notices))")
    notebook.run()  # once more without a restart: the earlier app gives its file back
    assert choice(notebook) == dragged
    assert "Another app" not in value(notebook, "' '.join(map(str, app.study.notices))")
    notebook.page.locator("[aria-label=undo]").first.click()
    assert choice(notebook)["method"] == "least_error"
    no_trouble(notebook)


def test_results_arrive_and_the_drag_goes_on_while_a_cell_runs(notebook):
    show_activation(notebook)
    notebook.page.wait_for_timeout(1500)  # the panels have said hello
    with notebook.kept_busy():
        seen = notebook.drag("Upper threshold", -120, seconds=1.5)
        print("busy:", seen)
        assert len(seen.values["mse"]) >= DIFFERENT
        notebook.page.wait_for_function(
            "() => document.querySelector('[data-metric=output_change_db]').dataset.value !== ''"
        )
    no_trouble(notebook)


def test_nothing_overflows_in_any_theme_and_size(notebook):
    show_activation(notebook)
    for width, height in [(1480, 1000), (1000, 800), (1000, 680)]:
        notebook.page.set_viewport_size({"width": width, "height": height})
        for theme in ("light", "dark"):
            notebook.set_theme(theme)
            notebook.page.wait_for_timeout(700)
            notebook.page.locator(".workbench-app").evaluate("(app) => app.scrollIntoView({ block: 'center' })")
            print(notebook.screenshot(f"{width}x{height}-{theme}"))
            assert notebook.page.evaluate(OVERFLOWING) == [], (width, height)
            assert notebook.page.evaluate(OUTSIDE) == [], (width, height)
            script = "getComputedStyle(document.querySelector('.workbench-app')).backgroundColor"
            paper = json.loads(notebook.page.evaluate(script).replace("rgb(", "[").replace(")", "]"))
            assert (sum(paper) > 384) == (theme == "light")


def test_text_of_a_model_is_shown_as_text(open_notebook):
    evil = "<img src=x onerror=window.bad=1>\"'&amp; 層 \U0001f600\nline " + "x" * 300
    cell = f"""import onnx, workbench as wb
proto = onnx.load(wb.demo.path())
renamed = {{w.name: {evil!r} + w.name for w in proto.graph.initializer}}
for weight in proto.graph.initializer:
    weight.name = renamed[weight.name]
for node in proto.graph.node:
    node.name = {evil!r} + node.name
    for i, name in enumerate(node.input):
        node.input[i] = renamed.get(name, name)
del proto.graph.value_info[:]
onnx.save(proto, "<b>evil.onnx")
calibration, evaluation, labels = wb.demo.data()
app = wb.App("<b>evil.onnx", calibration, autosave=None)
app"""
    notebook = open_app(open_notebook, cell)
    page = notebook.page
    name = page.locator(".wb-list .wb-row .wb-cell-0").first
    assert name.text_content().startswith("<img") and "<img src=x" in name.get_attribute("title")
    assert "<img src=x" in page.locator(".wb-tab-caption").text_content()
    assert page.locator(".wb-model-name").text_content() == "<b>evil"
    click(notebook, "[role=tab]:text-is('Notes 1')")
    click(notebook, "button:text-is('Export…')")
    assert page.evaluate("window.bad") is None
    assert page.locator(".workbench-app :is(img, .wb-model-name b)").count() == 0
    no_trouble(notebook)
