"""Recurrent networks: what the verbs give against loops written by hand with onnxruntime."""

import itertools
import os
import tracemalloc
import wave
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from tests.workflow.small_models import constant, saved
from workbench.messages import WorkbenchError
from workbench.models.sessions import session_options
from workbench.numerics.errors.sums import ErrorSums
from workbench.numerics.statistics.histogram import Histogram
from workbench.workflow.calibrate import calibrate
from workbench.workflow.check_inputs import check_inputs
from workbench.workflow.choose import choose
from workbench.workflow.comparison import output_error
from workbench.workflow.data import as_batches
from workbench.workflow.depth import error_along_depth
from workbench.workflow.diagnose import diagnose
from workbench.workflow.export.exporting import export
from workbench.workflow.export.selfcheck import float_reading
from workbench.workflow.memory import memory_needed, observed_tensors
from workbench.workflow.opening import load
from workbench.workflow.output_curve import output_curve
from workbench.workflow.recipe import Recipe
from workbench.workflow.sample_groups import sample_groups
from workbench.workflow.samples import changed_samples
from workbench.workflow.sensitivity import sensitivity
from workbench.workflow.simulate import Simulator, simulate

STATE = {"h": "h_next"}
WIDTH = 4


def recurrent(path: Path, *, batch: int | str = "N", h_next: list[int | str] | None = None) -> Path:
    """A gated recurrence: h_next = z * h + (1 - z) * tanh(x W + h U + b), z = sigmoid(x V); y = h_next R."""
    normal = np.random.default_rng(3).standard_normal
    constants = [
        constant("W", normal((3, WIDTH))),
        constant("U", normal((WIDTH, WIDTH)) * 0.7),
        constant("V", normal((3, WIDTH))),
        constant("R", normal((WIDTH, 2))),
        constant("b", normal(WIDTH) * 0.2),
        constant("one", np.ones(1)),
    ]
    steps = [
        ("MatMul", ["x", "W"], "xw"),
        ("MatMul", ["h", "U"], "hu"),
        ("Add", ["xw", "hu"], "both"),
        ("Add", ["both", "b"], "moved"),
        ("Tanh", ["moved"], "fresh"),
        ("MatMul", ["x", "V"], "xv"),
        ("Sigmoid", ["xv"], "z"),
        ("Sub", ["one", "z"], "rest"),
        ("Mul", ["z", "h"], "old"),
        ("Mul", ["rest", "fresh"], "new"),
        ("Add", ["old", "new"], "h_next"),
        ("MatMul", ["h_next", "R"], "y"),
    ]
    nodes = [helper.make_node(kind, read, [made], name=made) for kind, read, made in steps]
    ins, outs = {"x": [batch, 3], "h": [batch, WIDTH]}, {"y": [batch, 2], "h_next": h_next or [batch, WIDTH]}
    return saved(path, nodes, ins, outs, constants)


def sequences(*lengths: int, batch: int = 1, seed: int = 0) -> list[list[dict[str, np.ndarray]]]:
    """Feeds without the state."""
    normal = np.random.default_rng(seed).standard_normal
    return [[{"x": normal((batch, 3)).astype(np.float32)} for _ in range(n)] for n in lengths]


def by_hand(session: ort.InferenceSession, sequence, zeros: dict[str, np.ndarray], state=STATE):
    """The oracle: outputs of every step, each fed the state that the step before gave."""
    names = [port.name for port in session.get_outputs()]
    given, found = dict(zeros), []
    for feeds in sequence:
        found.append(dict(zip(names, session.run(names, {**feeds, **given}), strict=True)))
        given = {taken: found[-1][name] for taken, name in state.items()}
    return found


def zeros(batch: int = 1) -> dict[str, np.ndarray]:
    return {"h": np.zeros((batch, WIDTH), np.float32)}


def float_session(model) -> ort.InferenceSession:
    return ort.InferenceSession(model.proto().SerializeToString(), session_options())


def stacked(runs, name: str) -> np.ndarray:
    return np.concatenate([step[name] for run in runs for step in run])


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    return load(recurrent(tmp_path_factory.mktemp("state") / "gru.onnx"))


@pytest.fixture(scope="module")
def calibration(network):
    return calibrate(network, sequences(9, 4, seed=5), state=STATE)


@pytest.fixture(scope="module")
def recipe(network, calibration):
    return choose(network, calibration)


@pytest.fixture(scope="module")
def written(network, recipe, tmp_path_factory):
    """The exported file, read in float as the self-check reads it."""
    path = tmp_path_factory.mktemp("written") / "gru.onnx"
    export(network, recipe, path)
    return ort.InferenceSession(str(path), float_reading())


@pytest.mark.parametrize("batch", [1, 3])
def test_calibration_counts_the_states_of_the_float_run(network, batch):
    data = sequences(7, 1, 12, batch=batch)
    found = calibrate(network, data, state=STATE)
    runs = [by_hand(float_session(network), sequence, zeros(batch)) for sequence in data]
    before = [[zeros(batch)["h"], *(step["h_next"] for step in run[:-1])] for run in runs]
    assert set(found) == set(observed_tensors(network)) >= {"x", "h", "h_next"}
    assert found["h"] == Histogram.of(np.concatenate(list(itertools.chain(*before))))
    assert found["h_next"] == Histogram.of(stacked(runs, "h_next"))
    assert found["x"] == Histogram.of(np.concatenate([feeds["x"] for feeds in itertools.chain(*data)]))
    assert found.n_samples == 3
    ranges = [[np.min(states), np.max(states)] for states in before]
    np.testing.assert_array_equal(found["h"].sample_ranges, np.array(ranges, np.float32))


def test_counting_in_groups_counts_the_same(network):
    data = sequences(5, 3)
    few = calibrate(network, data, state=STATE, memory_bytes=1)
    assert len(memory_needed(network, data, state=STATE, memory_bytes=1).groups) > 1
    whole = calibrate(network, data, state=STATE)
    assert dict(few) == dict(whole) and few.n_samples == whole.n_samples == 2


def test_progress_and_leaving_out_are_by_step_and_by_sequence(network):
    told = []
    found = calibrate(
        network,
        sequences(5, 3, 2),
        state=STATE,
        leave_out=[1],
        on_batch=lambda progress, _snapshot: told.append((progress.done, progress.total)),
    )
    assert told == [(n, 7) for n in range(1, 8)]
    assert dict(found) == dict(calibrate(network, [sequences(5, 3, 2)[i] for i in (0, 2)], state=STATE))


@settings(max_examples=15, deadline=None)
@given(lengths=st.lists(st.integers(1, 9), min_size=1, max_size=4), batch=st.integers(1, 3))
def test_simulation_is_the_loop_written_by_hand(network, recipe, written, lengths, batch):
    data = sequences(*lengths, batch=batch, seed=sum(lengths))
    found = simulate(network, recipe, data, state=STATE)
    session = float_session(network)
    floats = [by_hand(session, sequence, zeros(batch)) for sequence in data]
    chosen = [by_hand(written, sequence, zeros(batch)) for sequence in data]
    assert list(found.outputs) == ["y", "h_next"] and found.n_samples == len(lengths)
    assert found.outputs["y"] == output_error(stacked(floats, "y"), stacked(chosen, "y"))
    sums = ErrorSums()
    for step, other in zip(itertools.chain(*floats), itertools.chain(*chosen), strict=True):
        sums.add(step["h_next"], other["h_next"])
    state = found.outputs["h_next"]
    # the same sums of float64, added up in another order
    assert (state.sqnr_db, state.cosine, state.mse) == pytest.approx((sums.sqnr_db, sums.cosine, sums.mse), rel=1e-12)
    assert state.kl is None and state.agreement is None


def test_tensors_are_compared_over_all_steps(network, recipe, written):
    data = sequences(6, 3)
    found = simulate(network, recipe, data, state=STATE)
    session, sums = float_session(network), ErrorSums()
    for sequence in data:
        floats, chosen = by_hand(session, sequence, zeros()), by_hand(written, sequence, zeros())
        read = [(zeros(), zeros()), *zip(floats, chosen, strict=True)][:-1]
        for reference, values in read:
            states = reference.get("h", reference.get("h_next")), values.get("h", values.get("h_next"))
            sums.add(states[0], recipe["h"].quantizer.fake_quantize(states[1]))
    assert found.tensors["h"].sqnr_db == pytest.approx(sums.sqnr_db, rel=1e-12)
    along = error_along_depth(network, recipe, data, 1, state=STATE)
    assert along.samples == (1,) and along.tensors == simulate(network, recipe, data[1:], state=STATE).tensors


def test_residual_inputs_are_compared_without_touching_the_outputs(network, calibration):
    adds = choose(network, calibration, residual_adds=True)
    assert set(network.residual_inputs) & set(adds) - set(network.observed)
    data = sequences(6, 3)
    found = simulate(network, adds, data, state=STATE)
    alone = Simulator(network, as_batches(network, data, state=STATE)).compare(adds, tensors=False)
    assert found.outputs["y"].sqnr_db == pytest.approx(alone.outputs["y"].sqnr_db, abs=0.1)
    assert set(network.residual_inputs) & set(adds) <= set(found.tensors)


@pytest.mark.parametrize(("batch", "fed"), [("N", 1), ("N", 3), (1, 1), (2, 2)])
def test_export_is_equal_in_all_bits_step_by_step(tmp_path, batch, fed):
    model = load(recurrent(tmp_path / "gru.onnx", batch=batch))
    data = sequences(8, 3, batch=fed)
    recipe = choose(model, calibrate(model, data, state=STATE), residual_adds=True)
    report = export(model, recipe, tmp_path / "out.onnx", data=data, state=STATE)
    found = simulate(model, recipe, data, state=STATE).outputs["y"]
    assert report.bit_equal == 1.0 and report.sqnr_db == found.sqnr_db and report.deployed is not None
    session = ort.InferenceSession(str(tmp_path / "out.onnx"), float_reading())
    floats, chosen = (
        [by_hand(one, sequence, zeros(fed)) for sequence in data] for one in (float_session(model), session)
    )
    assert found == output_error(stacked(floats, "y"), stacked(chosen, "y"))


@pytest.mark.parametrize("workers", [1, 2])
def test_sensitivity_is_the_naive_sweep(network, recipe, workers):
    data = sequences(6, 3, 4)
    ranking = sensitivity(network, recipe, data, state=STATE, workers=workers)
    assert {row.name for row in ranking} == set(recipe) and ranking.output == "y"
    assert all(np.isfinite(row.estimated_sqnr_db) for row in ranking)  # a state of zeros would have no noise
    for row in ranking:
        alone = Recipe(recipe.model_name, recipe.model_sha256, {row.name: recipe[row.name]})
        assert row.error == simulate(network, alone, data, state=STATE).outputs["y"]
    of_state = sensitivity(network, recipe, data, state=STATE, output="h_next", direction="all_but")
    for row in of_state:
        rest = simulate(network, recipe.without(row.name), data, state=STATE)
        assert row.error == rest.outputs["h_next"]


def test_a_simulator_gives_what_a_fresh_one_gives(network, recipe):
    batches = as_batches(network, sequences(6, 3, 4), state=STATE)
    kept = Simulator(network, batches)
    coarse = recipe.with_tensor("h", format="int4")
    for each in (recipe, coarse, recipe.without("h"), coarse, coarse):
        fresh = Simulator(network, batches, cache_bytes=0).compare(each)
        assert kept.compare(each) == fresh and list(kept.progress(each, tensors=True))[-1] == fresh
    one = kept.compare_sample(coarse, 1)
    assert one == Simulator(network, as_batches(network, sequences(6, 3, 4)[1:2], state=STATE)).compare(coarse)


def test_a_sequence_is_one_sample_of_a_task(network, recipe):
    data, coarse = sequences(5, 5, 5), recipe.with_tensor("h_next", format="int2").with_tensor("R", format="int2")
    found = changed_samples(network, coarse, data, state=STATE, task="sequences")
    told = simulate(network, coarse, data, state=STATE, task="sequences").answers
    assert told == found.figures and told.n_samples == 3
    runs = [by_hand(float_session(network), sequence, zeros()) for sequence in data]
    labels = stacked(runs, "y").reshape(3, 5, 2).argmax(-1)
    right = simulate(network, coarse, data, state=STATE, task="sequences", labels=labels).answers
    assert right.float_score == 1.0
    unknown = simulate(network, coarse, data, state=STATE)
    assert unknown.answers is None and any("task=" in str(notice) for notice in unknown.notices)
    with pytest.raises(WorkbenchError, match="not guessed; say it with task="):
        changed_samples(network, coarse, data, state=STATE)


def test_a_metric_gets_the_outputs_of_all_steps(network, recipe):
    shapes = []
    simulate(network, recipe, sequences(5, 2), state=STATE, metric=lambda values, _: shapes.append(values.shape) or 0.0)
    assert shapes == [(7, 2), (7, 2)]


def test_diagnosis_measures_on_sequences_and_says_what_it_left_out(network, calibration, recipe):
    coarse = recipe.with_tensor("h", format="int8", low=-0.05, high=0.05)
    found = diagnose(network, coarse, calibration, sequences(9, 5), state=STATE)
    assert found.sqnr_db == simulate(network, coarse, sequences(9, 5), state=STATE).outputs["y"].sqnr_db
    assert any(finding.tensor == "h" for finding in found)
    assert any("sequences are not compared" in str(notice) for notice in found.notices)


def test_groups_of_samples_hold_whole_sequences(network):
    data = sequences(5, 3, 4)
    groups = sample_groups(network, data, "h", n_groups=3, state=STATE)
    alone = [calibrate(network, [sequence], state=STATE)["h"] for sequence in data]
    assert list(groups.groups) == alone


def test_memory_does_not_grow_with_the_steps(network, recipe):
    class Long:
        """A sequence that is made while it is read."""

        def __init__(self, n: int) -> None:
            self.n = n

        def __iter__(self):
            return (({"x": np.full((1, 3), i % 7, np.float32)}) for i in range(self.n))

    def peak(n: int) -> int:
        tracemalloc.start()
        try:
            calibrate(network, [Long(n)], state=STATE)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(10)
    assert peak(600) < peak(60) + 20_000  # 600 states and inputs of 28 values would take more than 60 kB

    batches = as_batches(network, [Long(300)], state=STATE)
    assert batches.n_steps == 300
    held = Simulator(network, batches)
    held.compare(recipe)
    outputs = [*held.float_outputs().values(), *held.chosen_outputs(recipe).values()]
    assert sum(array.nbytes for array in outputs) == 2 * 300 * 2 * 4 and held.cached_bytes == 0


REFUSED = {
    "no data for the state": (lambda: [{"x": np.zeros((1, 3), np.float32)}], None, r"state=\{'h': 'h_next'\}"),
    "sequences without state=": (lambda: sequences(2), None, "sequences of feeds need state="),
    "unknown input": (lambda: sequences(2), {"g": "h_next"}, "no input 'g'; it has x, h"),
    "unknown output": (lambda: sequences(2), {"h": "g"}, "no output 'g'; it has y, h_next"),
    "other shape": (lambda: sequences(2), {"h": "y"}, r"takes shape \(N, 4\), output 'y' gives \(N, 2\)"),
    "empty state": (lambda: sequences(2), {}, "expected a dict input name -> output name"),
    "names alone": (lambda: sequences(2), "h", "expected a dict input name -> output name"),
    "array": (lambda: np.zeros((4, 3), np.float32), STATE, "expected an iterable of sequences"),
    "dict of arrays": (lambda: {"x": np.zeros((4, 3), np.float32)}, STATE, "expected an iterable of sequences"),
    "path": (lambda: "feeds.npz", STATE, "expected an iterable of sequences"),
    "a number": (lambda: 3, STATE, "expected an iterable of sequences"),
    "feeds": (lambda: sequences(2)[0], STATE, "sequence 0 is a dict; .* put a single sequence into a list"),
    "generator": (lambda: iter(sequences(2)), STATE, "data is a one-shot generator"),
    "generators": (lambda: [sequences(2)[0], iter(sequences(2)[0])], STATE, "sequence 1 is a one-shot generator"),
    "none": (list, STATE, "data holds no sequence"),
    "an empty one": (lambda: [sequences(2)[0], []], STATE, "sequence 1 holds no feed"),
    "no feed": (lambda: [[3]], STATE, "sequence 0, step 0: the feed is a int"),
    "state given": (lambda: [[{**sequences(1)[0][0], **zeros()}]], STATE, "step 0: .* input 'h', which state= feeds"),
    "unknown name": (lambda: [[{"z": np.zeros((1, 3), np.float32)}]], STATE, "expected the inputs x .* gives z"),
    "dtype": (lambda: [[{"x": np.zeros((1, 3))}]], STATE, "step 0: input 'x' takes float32, data is float64"),
    "shape": (lambda: [[{"x": np.zeros((1, 4), np.float32)}]], STATE, r"step 0: input 'x' takes .*\(1, 4\)"),
    "batch": (lambda: [sequences(1)[0] + sequences(1, batch=2)[0]], STATE, "sequence 0, step 1: .* keep one batch"),
}


@pytest.mark.parametrize(("data", "state", "words"), REFUSED.values(), ids=REFUSED)
def test_what_does_not_fit_is_refused_by_name(network, recipe, data, state, words):
    with pytest.raises(WorkbenchError, match=words):
        calibrate(network, data(), state=state)
    with pytest.raises(WorkbenchError, match=words):
        simulate(network, recipe, data(), state=state)


def test_verbs_that_cannot_run_sequences_say_so(network, recipe, tmp_path):
    batches = as_batches(network, sequences(4), state=STATE)
    with pytest.raises(WorkbenchError, match="check_inputs cannot run sequences"):
        check_inputs(network, batches)
    with pytest.raises(WorkbenchError, match="begins in the middle of the network cannot run sequences"):
        output_curve(Simulator(network, batches), recipe, "h")
    with pytest.raises(WorkbenchError, match="made for another state"):
        as_batches(load(recurrent(tmp_path / "other.onnx", batch=1)), batches, state=STATE)


def test_an_output_of_another_type_or_a_growing_one_is_refused(tmp_path):
    nodes = [helper.make_node("Cast", ["h"], ["h_next"], to=TensorProto.FLOAT)]
    nodes += [helper.make_node("Concat", ["h_next", "x"], ["longer"], axis=0)]
    path = saved(
        tmp_path / "n.onnx", nodes, {"x": ["N", 2], "h": ["M", 2]}, {"longer": ["K", 2], "h_next": ["M", 2]}, []
    )
    model = load(path)
    data = [[{"x": np.ones((1, 2), np.float32)}] * 3]
    with pytest.raises(WorkbenchError, match=r"step 0 output 'longer' is float32 \(2, 2\), the state 'h' .* grow"):
        calibrate(model, data, state={"h": "longer"})


def test_a_network_whose_only_output_is_its_state(tmp_path):
    weight = constant("W", np.random.default_rng(0).standard_normal((2, 2)) * 0.5)
    nodes = [
        helper.make_node("MatMul", ["h", "W"], ["m"]),
        helper.make_node("Add", ["m", "x"], ["h_next"]),
    ]
    model = load(saved(tmp_path / "n.onnx", nodes, {"x": [1, 2], "h": [1, 2]}, {"h_next": [1, 2]}, [weight]))
    data = [[{"x": np.full((1, 2), i, np.float32)} for i in range(5)]]
    recipe = choose(model, calibrate(model, data, state=STATE))
    report = export(model, recipe, tmp_path / "out.onnx", data=data, state=STATE)
    found = simulate(model, recipe, data, state=STATE).outputs["h_next"]
    assert report.bit_equal == 1.0 and report.sqnr_db == found.sqnr_db and found.agreement is not None


def speech(start: int, end: int) -> list[dict[str, np.ndarray]]:
    """Chunks of 512 samples behind the last 64 of the chunk before; seconds."""
    with wave.open(str(Path(os.environ["WORKBENCH_TEST_ASSETS"]) / "data" / "speech_16k.wav")) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), np.int16).astype(np.float32) / 32768
    samples = np.concatenate([np.zeros(64, np.float32), samples[16000 * start : 16000 * end]])
    starts = range(0, len(samples) - 575, 512)
    return [{"input": samples[None, at : at + 576]} for at in starts]


@pytest.mark.skipif("WORKBENCH_TEST_ASSETS" not in os.environ, reason="WORKBENCH_TEST_ASSETS names no real networks")
def test_a_real_voice_detector(tmp_path):
    state = {"state": "stateN"}
    model = load(Path(os.environ["WORKBENCH_TEST_ASSETS"]) / "models" / "speech_vad_lstm.onnx")
    recipe = choose(model, calibrate(model, [speech(0, 15)], state=state))
    data = [speech(15, 25), speech(25, 30)]
    report = export(model, recipe, tmp_path / "vad.onnx", data=data, state=state)
    found = simulate(model, recipe, data, state=state)
    start = {"state": np.zeros((2, 1, 128), np.float32)}
    written = ort.InferenceSession(str(tmp_path / "vad.onnx"), float_reading())
    floats, chosen = (
        [by_hand(one, sequence, start, state) for sequence in data] for one in (float_session(model), written)
    )
    assert report.bit_equal == 1.0 and found.n_samples == 2
    assert found.outputs["output"] == output_error(stacked(floats, "output"), stacked(chosen, "output"))
    of_state = output_error(stacked(floats, "stateN"), stacked(chosen, "stateN"))
    assert found.outputs["stateN"].sqnr_db == pytest.approx(of_state.sqnr_db, rel=1e-11)
    whole = Simulator(model, as_batches(model, [speech(15, 60)], state=state)).float_outputs()["output"]
    assert round(100 * float((whole > 0.5).mean()), 2) == 79.23  # as stated beside the recording
