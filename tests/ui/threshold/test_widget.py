"""The plot as Python sees it: what it sends, what it hears, and the explorer around it."""

import numpy as np
import pytest

from tests.ui.threshold.tensors import channels, tensors
from workbench.messages import WorkbenchError
from workbench.numerics.errors.expected import expected_error
from workbench.numerics.errors.measured import measured_error
from workbench.numerics.quantizer import Quantizer
from workbench.numerics.statistics.sorted_sums import SortedSums
from workbench.ui.charts.distribution import TRACES
from workbench.ui.explorer import explore
from workbench.ui.threshold.subject import Subject
from workbench.ui.threshold.widget import ThresholdPlot

VALUES = SortedSums.of(tensors(20_000)["laplace"])


def subject(format="int8", share=1.0, symmetric=True):
    high = share * VALUES.absmax
    quantizer = Quantizer.covering(format, -high, high, symmetric=symmetric)
    return Subject(
        "t", "c", VALUES, None, quantizer, symmetric, expected_error(VALUES, quantizer), low=-high, high=high
    )


def say(plot, **message):
    plot._handle_custom_msg(message, [])


def test_the_script_is_one_text_and_the_style_has_both_themes():
    plot = ThresholdPlot()
    assert plot._esm.count("export default") == 1 and "function liveMetrics" in plot._esm
    assert 'data-jp-theme-light="false"' in plot._css and ".wb-handle" in plot._css
    assert "http" not in plot._esm.replace("http://www.w3.org/2000/svg", "")  # a name; nothing is fetched


def test_commits_reach_python_as_exact_floats():
    plot, heard = ThresholdPlot(subject()), []
    plot.on_commit(lambda low, high: heard.append((low, high)))
    say(plot, type="commit", serial=1, low=-0.1 - 0.2, high=0.1 + 0.2)
    assert heard == [(-0.30000000000000004, 0.30000000000000004)]
    plot.show(subject(share=0.5))
    assert plot.subject["heard"] == 1 and plot.subject["error"]["mse"] > 0


def test_marks_and_hello_are_answered(monkeypatch):
    plot, heard, sent = ThresholdPlot(subject()), [], []
    plot.on_adopt(heard.append)
    monkeypatch.setattr(plot, "send", lambda content, buffers=None: sent.append(content))
    say(plot, type="adopt", serial=3, name="least MSE")
    say(plot, type="hello")
    say(plot, type="something else")
    assert heard == ["least MSE"] and sent == [{"type": "hello"}]


def test_channels_hear_arrays():
    array = channels()
    largest = np.abs(array).max(axis=1)
    quantizer = Quantizer.covering("int8", -largest, largest, symmetric=True, axis=0)
    plot, heard = ThresholdPlot(Subject("w", "c", None, array, quantizer, True)), []
    plot.on_commit(lambda low, high: heard.append((low, high)))
    say(plot, type="commit", serial=1, low=-0.25, high=0.25)
    low, high = heard[0]
    assert high.dtype == np.float32 and np.array_equal(high, (0.25 * largest.astype(np.float64)).astype(np.float32))
    assert np.array_equal(low, -high)


def test_one_figure_is_kept_and_its_data_swapped():
    plot = ThresholdPlot(subject())
    figure = plot.figure
    for format in ("fp16", "int4", "fp32", "fp8_e4m3", "int8"):
        plot.show(subject(format))
        assert plot.figure is figure and len(figure.data) == len(TRACES)
        expected = plot._drawn["layout"]
        assert list(figure.layout.xaxis.range) == pytest.approx(list(expected["xaxis"]["range"]))
        assert figure.layout.xaxis.type == ("log" if format == "fp16" else expected["xaxis"].get("type"))
        assert [bool(t.visible) for t in figure.data] == [t["visible"] for t in plot._drawn["data"]]
        assert np.array_equal(figure.data[0].y, plot._drawn["data"][0]["y"])
    plot.log_counts = False
    assert figure.layout.yaxis.type == "linear"
    say(plot, type="unzoom")


def test_the_explorer_follows_the_handle():
    explorer = explore([-2.1, -1.3, -0.72, -0.4, -0.05, 0.2, 0.55, 0.9, 1.6, 3.4], "int4")
    assert explorer.quantizer.levels.size == 16 and explorer.error.clipping_mse == 0
    seen = []
    explorer.observe(lambda change: seen.append(change.new), "error")
    say(explorer.plot, type="commit", serial=1, low=-2.0, high=2.0)
    assert explorer.quantizer == Quantizer.covering("int4", -2, 2, symmetric=True)
    assert explorer.error == expected_error(explorer._distribution, explorer.quantizer) == seen[0]
    say(explorer.plot, type="adopt", serial=2, name="min–max")
    assert explorer.error.clipping_mse == 0
    assert "workbench-app" in explorer._dom_classes


@pytest.mark.parametrize(
    "format", ["int8", "uint8", "fp16", "tf32", "fp32", "fp8_e4m3", "q8", "gfpq8", "gfpq16", "nf4", "binary", "kmeans3"]
)
@pytest.mark.parametrize("symmetric", [None, True, False])
def test_the_explorer_takes_every_kind_of_format(format, symmetric):
    explorer = explore(np.abs(tensors(1000)["gaussian"]), format, symmetric)
    assert explorer.error.mse == expected_error(explorer._distribution, explorer.quantizer).mse


def test_the_explorer_measures_formats_whose_blocks_find_their_scale():
    values = tensors(1000)["gaussian"]
    explorer = explore(values, "mxfp4")
    assert explorer.error == measured_error(values, explorer.quantizer) and explorer.error.mse > 0
    assert explorer.plot.subject["words"] == "each block of 32 finds its own scale"


def test_the_value_axis_stays_as_chosen_while_the_tensor_changes():
    plot = ThresholdPlot(subject("gfpq8"))
    before = plot.subject
    plot.log_axis = True
    assert plot.figure.layout.meta > 0 and plot.subject["arrays"] == before["arrays"]
    assert plot.subject["axis"] == pytest.approx(list(plot.figure.layout.xaxis.range)) != before["axis"]
    plot.show(subject("int8"))
    assert plot.figure.layout.meta > 0 and plot.subject["format"]["title"] == "INT8"
    plot.show(subject("fp16"))
    assert plot.figure.layout.meta == 0 and plot.figure.layout.xaxis.type == "log"
    plot.log_axis = False
    plot.show(subject("int8"))
    assert plot.figure.layout.meta == 0 and plot.figure.layout.xaxis.type != "log"
    assert ThresholdPlot(subject(), log_axis=True).figure.layout.meta > 0


def test_a_ratio_that_was_let_go_is_where_the_handle_stays():
    array = channels()
    largest = np.abs(array).max(axis=1)

    def at(low, high):
        return Subject("w", "c", None, array, Quantizer.covering("int8_pow2", low, high, symmetric=True, axis=0), True)

    plot = ThresholdPlot(at(-largest, largest))
    assert plot.subject["range"]["high"] == 1  # all of it, although the scales say more
    plot.on_commit(lambda low, high: plot.show(at(low, high)))
    say(plot, type="commit", serial=1, low=-0.3, high=0.3)
    assert plot.subject["range"]["high"] == pytest.approx(0.3)
    chosen = at(-largest / 2, largest / 2)
    given = Subject("w", "c", None, array, chosen.quantizer, True, low=-largest / 2, high=largest / 2)
    assert ThresholdPlot(given).subject["range"]["high"] == pytest.approx(0.5)


def test_the_explorer_refuses_in_words():
    with pytest.raises(WorkbenchError, match="no finite value to explore"):
        explore([np.nan])
    with pytest.raises(WorkbenchError, match="unknown format 'int99'"):
        explore([1.0], "int99")


def test_a_commit_for_the_tensor_before_is_not_taken():
    plot, heard = ThresholdPlot(subject()), []
    plot.on_commit(lambda low, high: heard.append((low, high)))
    say(plot, type="commit", serial=1, key="another tensor", low=-1.0, high=1.0)
    say(plot, type="commit", serial=2, key=plot.subject["key"], low=-2.0, high=2.0)
    assert heard == [(-2.0, 2.0)]
