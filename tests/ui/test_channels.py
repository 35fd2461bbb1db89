"""The channels of a weight without a browser: figures against numpy, editing one of them, refusals."""

import re

import numpy as np
import pytest

from workbench.messages import WorkbenchError
from workbench.ui.panels.channels import ChannelsPanel
from workbench.ui.panels.tabs import TabsPanel

WEIGHT, ACTIVATION = "conv2.weight", "relu_out"


@pytest.fixture
def panel(study):
    """The table, opened as by a click, of a weight with 6 channels."""
    study.select(WEIGHT)
    tabs, made = TabsPanel(study), ChannelsPanel(study)
    send(tabs, kind="view", view="channels")
    assert tabs.view["seen"] == "channels"
    yield made
    tabs.close()
    made.close()


def send(panel, **content):
    panel._hear(panel, content, [])
    assert panel.study.wait(60), panel.study.status


def shown(panel):
    names = ("low", "high", "saturated", "mse", "sqnr_db", "share")
    return dict(zip(names, np.frombuffer(panel.figures, "<f8").reshape(len(names), -1), strict=True))


def ranges(panel):
    return np.frombuffer(panel.ranges, "<f8").reshape(2, -1)


def oracle(study, name, axis=0):
    """Low, high, mse and SQNR of every channel, and its share of the squared error, by numpy."""
    array, choice = study.model.tensors[name].array(), study.recipe[name]
    x, y = (np.moveaxis(a.astype(np.float64), axis, 0) for a in (array, choice.quantizer.fake_quantize(array)))
    x, y = x.reshape(len(x), -1), y.reshape(len(y), -1)
    squared = ((x - y) ** 2).sum(axis=1)
    return {
        "low": x.min(axis=1),
        "high": x.max(axis=1),
        "mse": squared / x.shape[1],
        "sqnr_db": 10 * np.log10((x**2).sum(axis=1) / squared),
        "share": squared / squared.sum(),
    }


def test_nothing_is_worked_out_while_the_plot_is_shown(panel):
    send(panel, kind="choose", tensor=WEIGHT, channel=2)
    panel.study.ask("channels", False)
    panel.study.set_format(WEIGHT, "int4")
    panel.study.wait(60)
    assert panel.view == {"open": False} and panel.figures == b""


@pytest.mark.parametrize("change", ["int4", "one range", "blocks", "fp8_e4m3", "affine", "pruned"])
def test_figures_are_those_of_numpy(panel, change):
    study = panel.study
    steps = {
        "one range": lambda: study.set_per_channel(WEIGHT, False),
        "blocks": lambda: study.set_per_channel(WEIGHT, True, block_size=3),
        "affine": lambda: study.set_symmetric(WEIGHT, False),
        "pruned": lambda: study.set_sparsity(WEIGHT, 0.5),
    }
    steps.get(change, lambda: study.set_format(WEIGHT, change))()
    assert study.wait(60) and not panel.view["stale"] and panel.view["missing"] == ""
    figures = shown(panel)
    for name, expected in oracle(study, WEIGHT).items():
        np.testing.assert_allclose(figures[name], expected, rtol=1e-12)
    assert figures["saturated"] @ np.ones(6) / 6 == pytest.approx(study.error(WEIGHT).saturated_fraction)
    assert figures["mse"].mean() == pytest.approx(study.error(WEIGHT).mse, rel=1e-9)
    assert panel.view["editable"] == (change not in ("one range", "blocks"))
    assert panel.view["mirrored"] == (change != "affine")
    assert (panel.ranges == b"") == (change == "blocks")
    if change == "one range":
        assert np.ptp(ranges(panel), axis=1).max() == 0 and "one range for all" in panel.view["words"]


def test_a_float_weight_has_no_error(panel):
    panel.study.set_format(WEIGHT, "fp32")
    assert panel.study.wait(60)
    figures = shown(panel)
    assert (figures["mse"] == 0).all() and np.isposinf(figures["sqnr_db"]).all() and (figures["share"] == 0).all()
    assert panel.ranges == b"" and "float: no error" in panel.view["words"]


def test_the_words_name_the_spread_and_the_worst(panel):
    figures = shown(panel)
    size = np.maximum(-figures["low"], figures["high"])
    assert f"6 channels · ranges up to {size.max() / size.min():.3g}× apart" in panel.view["words"]
    worst = np.sort(figures["share"])[::-1]
    n = int(re.search(r"(\d+) makes? half", panel.view["words"])[1])
    assert worst[:n].sum() >= 0.5 > worst[: n - 1].sum()


def test_activations_say_why_they_have_none(panel):
    panel.study.select(ACTIVATION)
    assert panel.study.wait(60)
    assert "not channel by channel" in panel.view["missing"] and panel.figures == b""
    assert panel.view["missing"].endswith("The weights of this layer have them.")
    panel.study.select("add")
    assert panel.study.wait(60) and "weights" not in panel.view["missing"]
    panel.study.select("fc.weight")
    assert panel.study.wait(60)
    assert panel.view["missing"] == "" and len(shown(panel)["mse"]) == 4


def test_a_row_shows_its_distribution(panel):
    send(panel, kind="choose", tensor=WEIGHT, channel=4)
    values = panel.study.model.tensors[WEIGHT].array()[4]
    detail = panel.view["detail"]
    assert detail["channel"] == 4 and sum(detail["counts"]) == detail["count"] == values.size
    assert detail["low"] == values.min() and detail["high"] == values.max()
    panel.study.select("conv1.weight")
    assert panel.study.wait(60)
    assert panel.view["detail"] is None
    send(panel, kind="choose", tensor=WEIGHT, channel=4)  # asked before the other tensor came
    assert panel.view["detail"] is None


def test_one_threshold_is_one_step(panel):
    study = panel.study
    before, errors = study.recipe, shown(panel)["mse"].copy()
    send(panel, kind="range", tensor=WEIGHT, channel=3, low=-0.1, high=0.1, serial=1)
    low, high = ranges(panel)
    assert (low[3], high[3]) == (-np.float32(0.1), np.float32(0.1))
    others = [0, 1, 2, 4, 5]
    np.testing.assert_array_equal(high[others], before[WEIGHT].high[others])
    choice = study.recipe[WEIGHT]
    assert choice.method == "hand" and choice.symmetric == before[WEIGHT].symmetric and choice.axis == 0
    after = shown(panel)["mse"]
    assert after[3] > errors[3] and (after[others] == errors[others]).all()
    assert f"study.set_channel_range('{WEIGHT}', 3, -0.1, 0.1)" in study.code()
    study.undo()
    assert study.wait(60) and study.recipe is before and shown(panel)["mse"][3] == errors[3]


def test_two_thresholds_of_an_affine_tensor(panel):
    study = panel.study
    study.set_symmetric(WEIGHT, False)
    study.set_channel_range(WEIGHT, 0, -0.1, 0.3)
    quantizer = study.recipe[WEIGHT].quantizer
    assert study.recipe[WEIGHT].symmetric is False
    assert quantizer.end_levels[1][0] - quantizer.end_levels[0][0] == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("prepare", "channel", "low", "high", "words"),
    [
        ("int8", 6, -1, 1, "no channel 6; expected a whole number from 0 to 5"),
        ("int8", -1, -1, 1, "no channel -1"),
        ("int8", 0.5, -1, 1, "no channel 0.5"),
        ("int8", True, -1, 1, "no channel True"),
        ("int8", 0, 1, -1, "channel 0: the range 1 to -1 is none"),
        ("int8", 0, 0.0, 0.0, "is none; expected low < high"),
        ("int8", 0, -1, float("nan"), "high is nan; expected a number that is finite"),
        ("int8", 0, "a", 1, "low is 'a'"),
        ("int8", 0, -1, 1e39, "finite in float32"),
        ("int8", 0, -0.5, 1, "is symmetric.*set_symmetric"),
        ("fp16", 0, -1, 1, "the format's own range"),
        ("fp32", 0, -1, 1, "is float; choose a format first"),
        ("one range", 0, -1, 1, "one range for all channels; study.set_per_channel"),
        ("blocks", 0, -1, 1, "ranges of blocks"),
    ],
)
def test_what_is_refused(study, prepare, channel, low, high, words):
    if prepare == "one range":
        study.set_per_channel(WEIGHT, False)
    elif prepare == "blocks":
        study.set_per_channel(WEIGHT, True, block_size=3)
    else:
        study.set_format(WEIGHT, prepare)
    before = study.recipe
    with pytest.raises(WorkbenchError, match=words):
        study.set_channel_range(WEIGHT, channel, low, high)
    assert study.recipe is before


def test_a_refused_edit_is_told_and_answered(panel):
    answers = []
    panel.send = answers.append
    send(panel, kind="range", tensor=WEIGHT, channel=0, low=0.2, high=0.1, serial=7)
    assert "is none" in panel.study.status and answers == [{"kind": "heard", "serial": 7}]
