"""Single samples in the plot's bins: counts against numpy's, what is drawn of few values, when there are none."""

import numpy as np
import pytest

from tests.ui.studies import images
from tests.workflow.test_state import STATE, recurrent, sequences
from workbench.models.segments import Cancelled
from workbench.numerics.quantizer import Quantizer
from workbench.numerics.statistics.sorted_sums import SortedSums
from workbench.ui.showing import Showing
from workbench.ui.study import Study
from workbench.ui.threshold.payload import payload_of
from workbench.ui.threshold.samples import FEW_VALUES, EachSample, bin_counts, evened, lines_of, name_of
from workbench.ui.threshold.subject import Subject
from workbench.ui.topics.evaluation_distributions import spread
from workbench.ui.topics.sample_lines import MOST_LINES, SampleLines, dealt
from workbench.ui.worker import Turn
from workbench.workflow.data import as_batches
from workbench.workflow.opening import load

ACTIVATION, OTHER, WEIGHT = "relu_out", "conv2_out", "conv2.weight"
DATA = images(40)


@pytest.fixture
def shown(model):
    """A study looking at an activation, and the plot of it."""
    study = Study(model, DATA)
    study.start()
    study.select(ACTIVATION)
    assert study.wait(60), study.status
    showing = Showing(study)
    study.observe(lambda change: showing.draw(change["new"]), "moment")
    yield study, showing.plot
    study.close()


def turned_on(study, plot):
    plot.show_samples = True
    assert study.wait(60), study.status
    assert not study.state.trouble
    return study.state.answers["sample_lines"].value


def drawn(plot):
    facts = plot.samples
    return np.frombuffer(facts["counts"], "<f4").reshape(len(facts["names"]), -1)


def activations(model, samples):
    """float32 (samples, ...) of `ACTIVATION`."""
    runs = (model.chain.run({"image": DATA[[i]]}, keep=(ACTIVATION,)) for i in samples)
    return np.concatenate([run[ACTIVATION] for run in runs])


def test_nothing_is_counted_while_the_toggle_is_off(shown):
    study, plot = shown
    assert "sample_lines" not in study.state.asked and "sample_lines" not in study.state.answers
    assert plot.samples["why"] == "" and "counts" not in plot.samples
    turned_on(study, plot)
    assert drawn(plot).size
    plot.show_samples = False
    study.select(OTHER)
    assert study.wait(60)
    assert "counts" not in plot.samples and "sample_lines" not in study.state.asked


@pytest.mark.parametrize("log_axis", [False, True])
def test_each_line_is_numpys_histogram_of_its_sample(shown, log_axis):
    study, plot = shown
    plot.log_axis = log_axis
    each = turned_on(study, plot)
    numbers = [i * 40 // MOST_LINES for i in range(MOST_LINES)]
    assert list(each.names) == [f"sample {number}" for number in numbers] == plot.samples["names"]
    values = activations(study.model, numbers)
    edges = plot._chart.edges
    assert (plot.samples["low"], plot.samples["high"]) == (edges[0], edges[-1])
    for one, row in zip(each.distributions, values, strict=True):
        expected = np.histogram(row.astype(np.float64), edges.astype(np.float32).astype(np.float64))[0]
        counts = bin_counts(one, plot._chart)
        assert counts.sum() == pytest.approx(row.size) == one.count
        assert np.abs(np.cumsum(counts) - np.cumsum(expected)).max() <= 1 + 0.004 * row.size  # cut within table rows
    whole = study.state.calibration[ACTIVATION].count
    np.testing.assert_allclose(drawn(plot).sum(axis=1), whole, rtol=1e-5)


def test_lines_follow_the_tensor_the_axis_and_the_samples_set_aside(shown):
    study, plot = shown
    turned_on(study, plot)
    first, key = plot.samples["counts"], plot.samples["key"]
    plot.log_axis = True
    assert plot.samples["counts"] != first and plot.samples["key"] == plot.subject["key"] == key
    study.select(OTHER)
    assert study.wait(60)
    assert plot.samples["key"] == plot.subject["key"] != key and drawn(plot).shape[0] == MOST_LINES
    study.set_aside(0)
    assert study.wait(60)
    assert "sample 0" not in plot.samples["names"] and len(plot.samples["names"]) == MOST_LINES


def test_a_changed_range_counts_nothing_anew(shown):
    study, plot = shown
    each = turned_on(study, plot)
    choice = study.recipe[ACTIVATION]
    study.set_range(ACTIVATION, 0.9 * choice.low, 0.9 * choice.high)
    assert study.wait(60)
    assert study.state.answers["sample_lines"].value is each and drawn(plot).size


def test_a_format_with_its_own_range_counts_magnitudes(shown):
    study, plot = shown
    study.set_format(ACTIVATION, "fp16")
    turned_on(study, plot)
    row, edges = activations(study.model, [0])[0], plot._chart.edges
    counts = bin_counts(study.state.answers["sample_lines"].value.distributions[0], plot._chart)
    expected = np.histogram(np.abs(row).astype(np.float64), edges)[0]
    assert np.abs(np.cumsum(counts) - np.cumsum(expected)).max() <= 1 + 0.004 * row.size
    assert expected.sum() == pytest.approx(counts.sum())


def test_weights_and_studies_without_data_have_none(shown, model):
    study, plot = shown
    turned_on(study, plot)
    study.select(WEIGHT)
    assert study.wait(60)
    assert plot.samples["why"] == "a weight is the same for all samples" and "counts" not in plot.samples
    study.select(ACTIVATION)
    assert study.wait(60)
    assert plot.samples["why"] == "" and drawn(plot).size
    bare = Study(model)
    bare.select(ACTIVATION)
    topic = bare.topics[SampleLines.name]
    assert topic.why_not(bare.state) == "there are no calibration data" and topic.about(bare.state) is None
    bare.close()


def test_it_stops_where_nobody_waits_any_more(shown):
    study, _ = shown
    topic = study.topics[SampleLines.name]
    with pytest.raises(Cancelled):
        topic.answer(study.state, Turn(lambda value: None, lambda: True, lambda done, total, words="": None))


def test_a_sequence_is_one_sample(tmp_path):
    model = load(recurrent(tmp_path / "gru.onnx"))
    data = sequences(20, 12, seed=5)
    study = Study(model, data, state=STATE)
    study.start()
    assert study.wait(60), study.status
    name = next(name for name in study.state.recipe.choices if model.tensors[name].values is None)
    study.select(name)
    study.ask("sample_lines")
    assert study.wait(60) and not study.state.trouble
    each = study.state.answers["sample_lines"].value
    assert each.names == ("sample 0", "sample 1")
    assert sum(one.count for one in each.distributions) == study.state.calibration[name].count
    first, second = (one.count for one in each.distributions)
    assert first * 12 == second * 20  # steps
    study.close()


def test_few_values_are_drawn_one_by_one_anyway():
    values = SortedSums.of(np.linspace(-1, 1, 50).astype(np.float32))
    chart = payload_of(Subject("t", "c", values, None, Quantizer.covering("int4", -1, 1, symmetric=True))).chart
    assert lines_of(EachSample(("sample 0",), (values,)), chart, 50).facts == {"why": FEW_VALUES}


def test_sparse_bins_share_what_they_hold():
    assert evened(np.array([0, 9, 2, 0, 4, 0, 1, 1, 0, 8, 0])).tolist() == [0, 9, 2, 2, 2, 0.5, 0.5, 0.5, 0.5, 8, 0]
    assert evened(np.array([0, 1, 0, 0])).tolist() == [0, 1, 0, 0] and not evened(np.zeros(3)).any()
    counts = np.random.default_rng(1).poisson(1.5, 300).astype(float)
    level = evened(counts)
    assert level.sum() == pytest.approx(counts.sum())
    assert np.array_equal(level[counts >= 6], counts[counts >= 6]) and not level[: np.flatnonzero(counts)[0]].any()


def test_what_lines_are_called():
    assert name_of([5]) == "sample 5" and name_of([4, 5, 6]) == "samples 4 to 6"
    assert name_of([1, 33]) == "samples 1, 33" and name_of([1, 33, 65, 97]) == "samples 1, 33, 65, ..."


def test_samples_are_dealt_as_they_are_counted(model):
    batches = spread(as_batches(model, [{"image": DATA[:20]}, {"image": DATA[20:]}]), MOST_LINES)
    assert batches.n_samples == 40
    assert dealt(batches, MOST_LINES)[:8] == [[i, i + 32] for i in range(8)]
    assert dealt(batches, 2) == [list(range(20)), list(range(20, 40))]
