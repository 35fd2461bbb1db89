"""Where the largest and smallest values came from: words, places on the axis, and setting their sample aside."""

import numpy as np
import pytest

from tests.ui.studies import images
from tests.ui.threshold.tensors import tensors
from workbench.numerics.grouping import Grouping
from workbench.numerics.quantizer import Quantizer
from workbench.numerics.statistics.histogram import HistogramBuilder
from workbench.numerics.statistics.sorted_sums import SortedSums
from workbench.ui.showing import CALIBRATING, Showing
from workbench.ui.study import Study
from workbench.ui.threshold.extremes import ends_of, ends_of_array, extreme_facts, place_words
from workbench.ui.threshold.groups import Groups
from workbench.ui.threshold.subject import Subject

SUBJECT = Subject("t", "c", SortedSums.of([0.0]), quantity="activation")


def shown(study, name):
    study.select(name)
    assert study.wait(60), study.status
    return Showing(study).plot.extremes


def test_a_calibration_tells_sample_channel_and_place():
    batch = np.zeros((4, 3, 2, 2), np.float32)
    batch[2, 1, 0, 1], batch[3, 0, 1, 1] = 9.0, -4.0
    builder = HistogramBuilder()
    builder.add(batch, range(10, 14))
    rows = extreme_facts(ends_of(builder.histogram()), SUBJECT, SUBJECT.values, 0, of_samples=True)
    assert [(row["value"], row["end"], row["sample"], row["place"]) for row in rows] == [
        (9.0, "largest", 12, "channel 1 · row 0, column 1"),
        (-4.0, "smallest", 13, "channel 0 · row 1, column 1"),
    ]
    assert [row["at"] for row in rows] == [9.0, -4.0]


def test_each_value_is_told_once():
    rows = extreme_facts(ends_of_array(np.arange(1, 6)), SUBJECT, SUBJECT.values, 0, of_samples=False)
    assert [row["value"] for row in rows] == [5, 4, 3, 2, 1]
    assert all(row["sample"] is None for row in rows)


def test_distributions_without_samples_know_no_places():
    assert ends_of(SortedSums.of(tensors(100)["laplace"])) is None


@pytest.mark.parametrize(
    ("index", "axis", "quantity", "words"),
    [
        ((3, 5), -1, "activation", "channel 5 · position 3"),
        ((3, 5, 1, 2), 0, "weight", "channel 3 · input 5 · row 1, column 2"),
        ((3, 5), 1, "weight", "channel 5 · input 3"),
        ((7,), None, "activation", "place 7"),
    ],
)
def test_words_of_a_place(index, axis, quantity, words):
    assert place_words(index, axis, quantity) == words


@pytest.mark.parametrize(("axis", "size"), [(0, None), (1, None), (1, 4), (-2, 2)])
def test_values_of_a_grouped_weight_stand_at_their_share_of_the_groups_maximum(axis, size):
    array = np.random.default_rng(0).standard_normal((6, 8, 3)).astype(np.float32)
    largest = np.abs(Grouping(axis, size).split(array)).max(axis=1)
    quantizer = Quantizer.covering("int8", -largest, largest, symmetric=True, axis=axis, block_size=size)
    subject = Subject("t", "c", None, array, quantizer, quantity="weight")
    source = Groups.of(array, quantizer)
    shares = array.reshape(-1) / quantizer.grouping.join(
        np.broadcast_to(largest[:, None], source.rows.shape), array.shape
    ).reshape(-1)
    for row in extreme_facts(ends_of_array(array), subject, source, 0, of_samples=False):
        i = int(np.flatnonzero(array.reshape(-1) == np.float32(row["value"]))[0])
        assert row["at"] == pytest.approx(float(shares[i]), rel=1e-6)


def test_the_app_tells_them_of_activations_and_of_weights(study):
    told = shown(study, "relu_out")
    largest = told["rows"][0]
    assert largest["value"] == study.state.calibration["relu_out"].high and largest["sample"] is not None
    assert largest["place"].startswith("channel ") and "row" in largest["place"]
    assert {row["end"] for row in told["rows"]} == {"largest"}  # zeros are no extremes
    weight = shown(study, "conv2.weight")["rows"]
    assert weight[0]["value"] == study.model.tensors["conv2.weight"].array().max()
    assert weight[0]["sample"] is None and abs(weight[0]["at"]) <= 1
    assert len(weight) == 32 and " · input " in weight[0]["place"]


def test_one_message_sets_a_sample_aside_and_one_takes_it_back(model, tmp_path):
    data = images()
    data[17] *= 9
    study = Study(model, data, autosave=None)
    study.start()
    try:
        study.select("relu_out")
        assert study.wait(60)
        showing = Showing(study)
        study.observe(lambda change: showing.draw(change["new"]), "moment")
        assert showing.plot.extremes["rows"][0]["sample"] == 17
        showing.plot._handle_custom_msg({"type": "set_aside", "sample": 17}, [])
        assert study.wait(60)
        assert study.state.set_aside == {17} and showing.plot.extremes["aside"] == [17]
        assert all(row["sample"] != 17 for row in showing.plot.extremes["rows"])
        showing.plot._handle_custom_msg({"type": "take_back", "sample": 17}, [])
        assert study.wait(60)
        assert not study.state.set_aside and showing.plot.extremes["rows"][0]["sample"] == 17
        showing.plot._handle_custom_msg({"type": "set_aside", "sample": 4000}, [])
        assert study.wait(60)
        assert "4000" in study.state.latest_trouble
    finally:
        study.close()


def test_nothing_is_set_aside_before_the_calibration_is_done(model):
    study = Study(model, images(), autosave=None)  # not started
    study.select("conv2.weight")
    assert Showing(study).plot.extremes["why"] == CALIBRATING
    study.close()
