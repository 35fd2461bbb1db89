"""A network of 5,000 nodes: it opens, its list is searched and scrolled, and the page neither fills nor hears too much.

Times and sizes are printed (run with -s); bytes and the page's elements are asserted.
"""

import json
import time

import pytest

from tests.browser.one_app import no_trouble, value

MODEL = """import numpy as np, onnx, time
from onnx import TensorProto, helper, numpy_helper
import workbench as wb
wb.App
random, nodes, weights, x = np.random.default_rng(0), [], [], "image"
for i in range(1667):
    name = f"block.{i}"
    weight = (0.3 * random.normal(size=(4, 4, 1, 1))).astype(np.float32)
    weights.append(numpy_helper.from_array(weight, f"{name}.weight"))
    nodes.append(helper.make_node("Conv", [x, f"{name}.weight"], [f"{name}.conv_out"], f"{name}.conv"))
    nodes.append(helper.make_node("Relu", [f"{name}.conv_out"], [f"{name}.relu_out"], f"{name}.relu"))
    nodes.append(helper.make_node("Add", [f"{name}.relu_out", x], [f"{name}.out"], f"{name}.add"))
    x = f"{name}.out"
ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 4, 8, 8]) for name in ("image", x)]
graph = helper.make_graph(nodes, "deep", ends[:1], ends[1:], weights)
onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), "deep.onnx")"""
OPEN = """t0 = time.perf_counter()
model = wb.load("deep.onnx")
t1 = time.perf_counter()
app = wb.App(model, autosave=None)
t2 = time.perf_counter()
app"""
PLOTLY = "len(json.dumps(app.plot.figure._esm, ensure_ascii=False).encode())"  # as it is sent
ONE_VIEW, ONE_LAYER = 1_000_000, 200_000  # bytes
SOME, MORE = 15, 25  # layers selected before the page is measured, and then again


@pytest.fixture(scope="module")
def notebook(open_shared):
    opened = open_shared([MODEL])
    opened.run()
    before = opened.websocket_bytes
    started = time.monotonic()
    opened.page.evaluate(
        "(code) => { jupyterapp.shell.currentWidget.content.model.cells.get(0).sharedModel.setSource(code);"
        " jupyterapp.commands.execute('notebook:run-all-cells'); }",
        OPEN,
    )
    opened.page.locator(".workbench-app .wb-plot-figure .xy .js-line").first.wait_for(state="attached", timeout=120_000)
    usable = time.monotonic() - started
    opened.first_view = opened.websocket_bytes - before
    opened.wait_idle(timeout=120)
    load, made = opened.value("[t1 - t0, t2 - t1]")
    print(f"\nload {load:.1f} s, App {made:.1f} s, plot drawn {usable - load:.1f} s after load")
    skip = opened.page.get_by_role("button", name="Skip")
    if skip.count():
        skip.click()
    opened.page.locator(".workbench-app").evaluate("(app) => app.scrollIntoView({ block: 'center' })")
    return opened


def shown(notebook, name):
    """Wait until the plot shows a layer."""
    notebook.page.wait_for_function(
        "(name) => document.querySelector('.wb-plot-title')?.textContent === name", arg=name, timeout=60_000
    )


def rows_shown(notebook):
    return notebook.page.locator(".wb-list .wb-row").evaluate_all("(rows) => rows.map((row) => +row.dataset.index)")


def test_the_first_view_is_small_and_the_last_layer_is_reached(notebook):
    page, total = notebook.page, value(notebook, "len(app.study.model.layers)")
    plotly = notebook.value(PLOTLY)
    print(f"\nfirst view {notebook.first_view:,} bytes, of which Plotly's script {plotly:,}")
    assert notebook.first_view - plotly <= ONE_VIEW
    assert total > 3_000 and page.locator(".wb-list").get_attribute("aria-rowcount") == "200"
    page.locator(".wb-list").evaluate("(list) => { list.scrollTop = 100; }")
    page.wait_for_function(f"() => document.querySelector('.wb-list').getAttribute('aria-rowcount') === '{total}'")
    page.locator(".wb-list").evaluate("(list) => { list.scrollTop = list.scrollHeight; }")
    page.locator(f".wb-list [data-index='{total - 1}']").wait_for()
    assert len(rows_shown(notebook)) < 80
    page.locator(f".wb-list [data-index='{total - 1}']").click()
    page.wait_for_function(f"() => document.querySelector('.wb-list .wb-selected')?.dataset.index === '{total - 1}'")
    assert value(notebook, "app.study.layer == model.layers[-1].name")  # an Add: nothing to plot without data
    page.get_by_role("searchbox", name="search layers").fill("block.1234. op:Conv")
    wanted = notebook.value("[i for i, layer in enumerate(model.layers) if layer.name == 'block.1234.conv']")
    page.wait_for_function("() => document.querySelectorAll('.wb-list .wb-row').length === 1")
    assert rows_shown(notebook) == wanted
    page.get_by_role("searchbox", name="search layers").fill("")
    page.wait_for_function("() => document.querySelectorAll('.wb-list .wb-row').length > 5")
    no_trouble(notebook)


def test_selecting_layers_sends_little(notebook):
    names = notebook.value("[layer.name for layer in model.layers if layer.weight][100:110]")
    sizes = []
    for name in names:
        before = notebook.websocket_bytes
        notebook.execute(f"app.study.select({name!r})")
        shown(notebook, name)
        notebook.value("app.study.wait(60)")
        notebook.wait_idle()
        sizes.append(notebook.websocket_bytes - before)
    print("\nbytes of a selected layer:", sizes)
    assert max(sizes) <= ONE_LAYER


@pytest.mark.parametrize("n_more", [MORE, pytest.param(200, marks=pytest.mark.full)])
def test_the_page_does_not_grow_with_the_layers_looked_at(notebook, n_more):
    client = notebook.page.context.new_cdp_session(notebook.page)
    client.send("Performance.enable")
    names = notebook.value("[layer.name for layer in model.layers if layer.weight]")

    def measured(first, n):
        for name in names[first : first + n]:
            notebook.execute(f"app.study.select({name!r})")
            shown(notebook, name)
        notebook.execute(f"app.study.select({names[0]!r})")
        shown(notebook, names[0])
        notebook.value("app.study.wait(60)")
        notebook.wait_idle()
        for _ in range(3):
            client.send("HeapProfiler.collectGarbage")
        metrics = {one["name"]: one["value"] for one in client.send("Performance.getMetrics")["metrics"]}
        return {name: metrics[name] for name in ("JSHeapUsedSize", "Nodes", "JSEventListeners")}

    some, more = measured(200, SOME), measured(300, n_more)
    print(f"\nafter {SOME} layers {json.dumps(some)}, after {n_more} more {json.dumps(more)}")
    assert more["Nodes"] < some["Nodes"] + 4 * n_more
    assert more["JSEventListeners"] < some["JSEventListeners"] + n_more
