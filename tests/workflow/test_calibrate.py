"""Calibration counts what the network computes, whatever the batches."""

import numpy as np
import onnx
import onnxruntime as ort
import pytest

from tests.workflow.small_models import images, small_cnn
from workbench.messages import WorkbenchError
from workbench.models.segments import Cancelled
from workbench.numerics.statistics.histogram import Histogram
from workbench.workflow.calibrate import calibrate
from workbench.workflow.calibration import Calibration
from workbench.workflow.memory import memory_needed, observed_tensors
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

    def on_batch(progress, snapshot):
        seen.append((progress.done, progress.total, snapshot().n_samples))

    calibrate(small, images(70), on_batch=on_batch)
    assert seen == [(1, 3, 32), (2, 3, 64), (3, 3, 70)]
    with pytest.raises(Cancelled):
        calibrate(small, images(70), cancelled=lambda: True)


def test_a_progress_bar_shows(small, capsys):
    calibrate(small, images(8), progress=True)
    assert "calibrating" in capsys.readouterr().err


def test_extremes_name_the_sample_the_channel_and_the_position(small, tmp_path):
    x = images(70)
    x[41, 1, 2, 3], x[7, 0, 5, 6] = 50.0, -60.0
    for calibration in (calibrate(small, x), calibrate(small, x[:30]) + calibrate(small, x[30:])):
        seen = Calibration.load(calibration.save(tmp_path / "a.npz"))["image"].samples
        assert (seen.largest.values[0], seen.largest.samples[0], seen.largest.coordinates(0)) == (50.0, 41, (1, 2, 3))
        assert (seen.smallest.values[0], seen.smallest.samples[0], seen.smallest.coordinates(0)) == (-60, 7, (0, 5, 6))
        assert len(seen.largest) == len(seen.smallest) == 16


def test_samples_that_are_set_aside(small):
    x = images(40)
    x[[3, 17]] *= 100
    without = calibrate(small, x, leave_out=[3, 17])
    assert without == calibrate(small, np.delete(x, [3, 17], axis=0)) and without.n_samples == 38
    whole = calibrate(small, x)
    makers = set(whole["image"].samples.largest.samples)
    assert makers <= {3, 17}
    assert not makers & set(without["image"].samples.largest.samples)
    assert without["image"].samples.largest.samples.max() > 17  # the others keep their numbers
    with pytest.raises(WorkbenchError, match="sample 40 cannot be left out"):
        calibrate(small, x, leave_out=[40])


@pytest.mark.parametrize("memory_bytes", [1, 6_000_000, 9_000_000])
def test_little_memory_means_groups_of_tensors_and_the_same_counts(small, small_calibration, memory_bytes):
    seen = []
    needed = memory_needed(small, images(64), memory_bytes=memory_bytes)
    assert len(needed.groups) > 1 and "passes through the data" in str(needed)
    assert sum(needed.groups, ()) == observed_tensors(small)
    limited = calibrate(
        small, images(64), memory_bytes=memory_bytes, on_batch=lambda progress, _: seen.append(progress)
    )
    assert limited == small_calibration and list(limited) == list(small_calibration)
    assert seen[-1].done == seen[-1].total == len(seen) and seen[-1].group == len(needed.groups)
    assert f"pass 1 of {len(needed.groups)}, 1 of {len(seen)} batches" in str(seen[0]) and "left" in str(seen[0])


def test_memory_needed_does_not_grow_with_the_data(small):
    few, many = memory_needed(small, images(32)), memory_needed(small, images(320))
    assert few == many and few.batch_size == 32
    image, relu = 2 * 64 * 4, 6 * 64 * 4
    assert few.values >= 32 * (image + relu)
    assert few.total == few.network + few.values + few.counting + few.kept
    assert str(few).startswith("about ") and "batches of 32" in str(few)
