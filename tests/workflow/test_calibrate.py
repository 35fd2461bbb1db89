"""Calibration counts what the network computes, whatever the batches."""

import numpy as np
import onnx
import onnxruntime as ort
import pytest

from tests.workflow.small_models import images, small_cnn
from workbench.messages import WorkbenchError
from workbench.models.segments import Cancelled
from workbench.numerics.statistics.histogram import Histogram
from workbench.workflow.calibrate import Calibration, calibrate, observed_tensors
from workbench.workflow.opening import load


def test_observed_are_the_inputs_of_weighted_operators_and_residual_adds(small):
    assert observed_tensors(small) == ("image", "relu1_out", "flat_out", "conv2_out")


def test_counts_are_those_of_the_tensors_themselves(small, small_calibration, tmp_path):
    path = small_cnn(tmp_path)
    proto = onnx.load(path)
    proto.graph.output.append(onnx.helper.make_tensor_value_info("relu1_out", onnx.TensorProto.FLOAT, ["N", 6, 8, 8]))
    session = ort.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    values = session.run(["relu1_out"], {"image": images(64)})[0]
    assert small_calibration["relu1_out"].count == values.size
    assert small_calibration["relu1_out"].high == pytest.approx(values.max(), rel=1e-6)
    assert small_calibration["image"] == Histogram.of(images(64))
    assert small_calibration.n_samples == 64


@pytest.mark.parametrize("size", [1, 3, 7, 64])
def test_batches_and_their_order_do_not_matter(small, size):
    x = images(64)
    feeds = [{"image": x[i : i + size]} for i in range(0, 64, size)]
    whole = calibrate(small, [{"image": x}])
    assert calibrate(small, feeds)["image"] == whole["image"]
    assert calibrate(small, feeds[::-1])["image"] == whole["image"]
    # behind the first layer the floats themselves may depend on onnxruntime's batch; the counts of equal runs do not
    assert dict(calibrate(small, feeds)) == dict(calibrate(small, feeds[::-1]))


def test_two_calibrations_merge_by_adding(small):
    first, second = calibrate(small, images(32, 1)), calibrate(small, images(32, 2))
    both = calibrate(small, np.concatenate([images(32, 1), images(32, 2)]))
    assert first + second == both == second + first


def test_saved_and_loaded(small_calibration, tmp_path):
    again = Calibration.load(small_calibration.save(tmp_path / "a.npz"))
    assert again == small_calibration and list(again) == list(small_calibration)


def test_each_sample_keeps_its_range_in_the_order_seen(small):
    x = images(70)
    expected = np.stack([x.reshape(70, -1).min(axis=1), x.reshape(70, -1).max(axis=1)], axis=1)
    for size in (1, 7, 32):
        calibration = calibrate(small, [{"image": x[i : i + size]} for i in range(0, 70, size)])
        assert calibration["image"].sample_ranges.dtype == np.float32
        np.testing.assert_array_equal(calibration["image"].sample_ranges, expected)
        for histogram in calibration.values():
            ranges = histogram.sample_ranges
            assert ranges.shape == (70, 2)
            assert (ranges[:, 0].min(), ranges[:, 1].max()) == (histogram.low, histogram.high)


def test_ranges_of_samples_survive_merging_saving_and_loading(small, tmp_path):
    first, second = calibrate(small, images(3, 1)), calibrate(small, images(4, 2))
    both = first + second
    parts = [part["relu1_out"].sample_ranges for part in (first, second)]
    np.testing.assert_array_equal(both["relu1_out"].sample_ranges, np.concatenate(parts))
    again = Calibration.load(both.save(tmp_path / "a.npz"))
    np.testing.assert_array_equal(again["relu1_out"].sample_ranges, both["relu1_out"].sample_ranges)
    np.testing.assert_array_equal((second + first)["relu1_out"].sample_ranges, np.concatenate(parts[::-1]))


def test_a_file_of_before_there_were_ranges_of_samples(small_calibration, tmp_path):
    path = small_calibration.save(tmp_path / "a.npz")
    with np.load(path) as stored:
        kept = {name: array for name, array in stored.items() if not name.endswith("sample_ranges")}
    np.savez(tmp_path / "old.npz", **kept)
    old = Calibration.load(tmp_path / "old.npz")
    assert old == small_calibration and old["image"].sample_ranges.shape == (0, 2)


def test_files_that_are_none(tmp_path):
    (tmp_path / "a.npz").write_bytes(b"x")
    with pytest.raises(WorkbenchError, match="not a saved calibration"):
        Calibration.load(tmp_path / "a.npz")
    with pytest.raises(WorkbenchError, match="no such file"):
        Calibration.load(tmp_path / "b.npz")


def test_calibrations_of_different_models_do_not_merge(small_calibration, tmp_path):
    other = calibrate(load(small_cnn(tmp_path, batch=2, name="other.onnx")), images(4))
    with pytest.raises(WorkbenchError, match="different models"):
        small_calibration + other


def test_progress_snapshots_and_cancelling(small):
    seen = []

    def on_batch(done, total, snapshot):
        seen.append((done, total, snapshot().n_samples))

    calibrate(small, images(70), on_batch=on_batch)
    assert seen == [(1, 3, 32), (2, 3, 64), (3, 3, 70)]
    with pytest.raises(Cancelled):
        calibrate(small, images(70), cancelled=lambda: True)


def test_a_progress_bar_shows(small, capsys):
    calibrate(small, images(8), progress=True)
    assert "calibrating" in capsys.readouterr().err
