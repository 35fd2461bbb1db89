"""What stands under the live figures: how far the true error can lie from the one shown."""

import dataclasses

import numpy as np

from workbench.numerics.errors.expected import expected_error
from workbench.numerics.quantizer import Quantizer
from workbench.numerics.statistics.histogram import Histogram
from workbench.numerics.statistics.sorted_sums import SortedSums

PANEL = """
import ipywidgets
from workbench.ui.panels.numbers import NumbersPanel
app = ipywidgets.HBox([NumbersPanel()])
app.add_class("workbench-app")
app
"""
PAINT = """(detail) => {
  const app = document.querySelector(".workbench-app");
  app.dispatchEvent(new CustomEvent("workbench-live", { detail, bubbles: true }));
  const words = app.querySelector(".wb-certainty");
  return [words.textContent, words.title];
}"""


def test_certainty_is_said_in_one_phrase(open_notebook):
    notebook = open_notebook([PANEL])
    notebook.run()
    notebook.page.locator(".wb-certainty").wait_for(state="attached", timeout=60_000)

    def said(distribution, format, threshold, **change):
        error = expected_error(distribution, Quantizer.covering(format, -threshold, threshold, symmetric=True))
        metrics = dataclasses.asdict(error)
        detail = {"metrics": metrics, "interval": metrics.pop("interval"), "low": -threshold, "high": threshold}
        return notebook.page.evaluate(PAINT, {**detail, "live": False, "n_samples": 0, **change})

    values = np.random.default_rng(0).normal(size=100_000).astype(np.float32)
    whole, rows = SortedSums.of(values), Histogram.of(values)
    for format in ("int8", "int16", "fp16"):
        assert said(whole, format, 4.0)[0] == "exact"
    assert said(rows, "fp16", 4.0)[0] != "exact"
    words, behind = said(rows, "int8", 4.0)
    assert words in {f"MSE certain to {p} %" for p in ("0.002", "0.005", "0.01", "0.02")}
    assert "the true MSE lies between" in behind
    few = np.repeat(np.arange(-127, 128, dtype=np.float32), 10) * np.float32(0.25)
    assert said(Histogram.of(few), "int8", 31.75)[0] == "exact"
    assert said(Histogram.of(np.abs(few)), "int8", 31.75)[0] == "exact"
    words, behind = said(rows, "int16", 5.0)
    assert words.startswith("MSE between ") and " and " in words and "finer than the rows" in behind
    assert said(rows, "int8", 5.0, interval=[0.0, 0.12345])[0] == "MSE at most 0.13"
    assert said(rows, "int8", 5.0, interval=[0.000012999, 0.12345])[0] == "MSE between 1.2e−5 and 0.13"
    words, behind = said(whole, "int8", 4.0, n_samples=3, interval=[0.0, 1.5])
    assert words == "measured on 3 samples, MSE ±1.50" and "two standard errors" in behind
    assert said(whole, "int8", 4.0, n_samples=1, interval=[0.0, np.inf])[0] == "measured on 1 sample"
    assert said(whole, "int8", 4.0, live=True)[0].startswith("live")
    assert notebook.console_errors == []
