"""Selecting layers of a real network after calibration: what is shown is the layer's own, and how soon it is there.

Times are printed, not asserted (run with -s).
"""

import json
import statistics
from pathlib import Path

import numpy as np
import pytest

from tests.real_networks import inputs, model_path, needs_assets

NETWORK = "cifar10_resnet20"
CELL = f"""import workbench as wb
app = wb.App(wb.load("{NETWORK}.onnx"), "images.npy", autosave=None)
app"""
DIRECT = """
import json, numpy as np
from workbench.ui.subjects import subject_of
from workbench.ui.threshold.payload import payload_of
subject = subject_of(app.study.model, app.study.state)
curves = payload_of(subject).curves
plain = lambda values: [None if v != v else v for v in np.asarray(values).tolist()]
lines = {name: [] if curves is None else plain(getattr(curves, name)) for name in ("at", "mse", "kl")}
print(json.dumps({"title": subject.title, "marks": sorted(subject.marks), "error": subject.error.mse, **lines}))
"""
SHOWN = """() => {
  const app = document.querySelector(".workbench-app");
  const { data } = app.querySelector(".wb-plot-figure");
  const named = (name) => data.find((trace) => trace.name === name);
  const labels = [...app.querySelectorAll(".wb-mark")].map((mark) => mark.getAttribute("aria-label")); // "adopt X, 1.2"
  return {
    title: app.querySelector(".wb-plot-title").textContent,
    marks: [...new Set(labels.map((label) => label.slice(6).split(",")[0]))].sort(),
    at: [...named("mse").customdata], mse: [...named("mse").y], kl: [...named("kl").y],
    error: +app.querySelector('[data-metric="mse"]').dataset.value,
  };
}"""
SELECTING = Path(__file__).with_name("selecting.js").read_text()
N_DRAGS, QUIET_MS = 10, 700


@pytest.fixture
def notebook(open_notebook, tmp_path):
    np.save(tmp_path / "images.npy", inputs(NETWORK, "calib")[0])
    opened = open_notebook([CELL], beside=[model_path(NETWORK), tmp_path / "images.npy"])
    opened.run()
    opened.page.locator(".wb-drawn .xy .js-line").first.wait_for(state="attached", timeout=60_000)
    assert opened.value("app.study.worker.wait(120, idle=True)", timeout=130) is True
    opened.wait_idle()
    opened.page.locator(".workbench-app").evaluate("(app) => app.scrollIntoView({ block: 'center' })")
    return opened


def quantiles(numbers):
    ordered = sorted(numbers)
    return f"median {statistics.median(ordered):.0f}, p95 {ordered[int(0.95 * (len(ordered) - 1))]:.0f}"


def assert_same(shown, direct):
    """Numbers of the page against those of Python, where a curve's zeros and gaps are not drawn."""
    assert len(shown) == len(direct)
    for a, b in zip(shown, direct, strict=True):
        assert not a or not b or a == pytest.approx(b, rel=1e-12)


@needs_assets
@pytest.mark.parametrize("n_layers", [4, pytest.param(14, marks=pytest.mark.full)])
def test_a_selected_layer_is_shown_whole_and_at_once(notebook, n_layers):
    page, layers = notebook.page, notebook.value("[layer.name for layer in app.study.model.layers]")
    page.evaluate(SELECTING)
    times = {"weights": [], "activations": []}
    for i in range(1, 1 + n_layers):
        row = page.locator(f".workbench-app .wb-list [data-index='{i}']")
        tab = page.locator(".workbench-app [role=tab]", has_text="Activations").first
        for kind, target in (("weights", row), ("activations", tab)):
            target.click()
            page.wait_for_timeout(QUIET_MS)
            took = page.evaluate("selecting.shown")
            if took is not None:  # an Add has no weights: its activations are shown already
                times[kind].append(took)
            shown, direct = page.evaluate(SHOWN), json.loads(notebook.execute(DIRECT))
            assert shown["title"] == direct["title"] == layers[i]
            assert shown["marks"] == direct["marks"]
            assert shown["error"] == pytest.approx(direct["error"], rel=1e-12)
            for line in ("at", "mse", "kl"):
                assert_same(shown[line], direct[line])
    for kind, numbers in times.items():
        print(f"\nclick to plot, curves and marks painted, {kind}: {quantiles(numbers)} ms of {len(numbers)}")


@needs_assets
@pytest.mark.full
def test_the_first_drag_is_like_the_tenth(notebook):
    page, handle = notebook.page, notebook.slider("Saturation threshold")
    page.evaluate(SELECTING)
    drags, answers = [], []
    for i in range(N_DRAGS):
        drags.append(notebook.drag(handle, -60 if i % 2 == 0 else 60, seconds=0.8))
        page.wait_for_timeout(QUIET_MS)
        answers.append(page.evaluate("selecting.settled"))
        assert len(drags[-1].values["mse"]) >= 10
        assert notebook.metric("mse") == notebook.value("app.study.error(app.study.selected).mse")
    for name, seen, answer in (("first", drags[0], answers[0]), ("last", drags[-1], answers[-1])):
        print(
            f"\n{name} of {N_DRAGS} drags: {seen.repaints_per_s:.0f} repaints/s, p95 {seen.lag_p95_ms:.0f} ms", end=""
        )
        print(f"; exact figures {answer:.0f} ms after the release")
    print(f"\nrelease to exact figures: {quantiles(answers)} ms of {len(answers)}")
