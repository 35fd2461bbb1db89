"""Networks too large for one file: weights beside it, under a name that changes with what they hold."""

import re

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import numpy_helper

from tests.workflow.small_models import images, small_cnn
from workbench.messages import WorkbenchError
from workbench.workflow.calibrate import calibrate
from workbench.workflow.choose import choose
from workbench.workflow.export import saving
from workbench.workflow.export.catalogue import TARGETS
from workbench.workflow.export.exporting import export
from workbench.workflow.export.selfcheck import float_reading
from workbench.workflow.opening import load

TRUE_TYPES = ("onnx_fp16", "onnx_bf16")  # whose bits are not promised
NETWORKS = [target.name for target in TARGETS.values() if target.kind == "network"]


@pytest.fixture
def low_limit(monkeypatch):
    """Every network is too large for one file."""
    monkeypatch.setattr(saving, "LARGEST_FILE", 500)
    monkeypatch.setattr(saving, "SMALLEST_OUTSIDE", 100)


def expressible(model, calibration, target: str, clipping: str = "min_max"):
    """A recipe that the target takes."""
    for formats in (dict(), dict(symmetric=True), *(dict(weights=f, activations=f) for f in ("fp16", "bf16"))):
        recipe = choose(model, calibration, clipping=clipping, **formats)
        if not TARGETS[target].refusals(model, recipe):
            return recipe
    raise AssertionError(f"no recipe for {target}")


@pytest.fixture(params=NETWORKS)
def ordered(request, small, small_calibration):
    """(name of a target, a recipe that it takes)"""
    return request.param, expressible(small, small_calibration, request.param)


def test_a_set_is_listed_checked_run_and_opened_again(small, ordered, tmp_path, low_limit):
    target, recipe = ordered
    report = export(small, recipe, tmp_path / "a.onnx", target=target, data=images(16, 5))
    main, data = report.files
    assert sorted(tmp_path.iterdir()) == sorted(report.files) and main == tmp_path / "a.onnx"
    assert re.fullmatch(r"a\.onnx\.[0-9a-f]{12}\.data", data.name)
    onnx.checker.check_model(str(main), full_check=True)
    assert report.bit_equal == 1.0 or target in TRUE_TYPES
    again = load(main)
    assert [port.name for port in again.outputs] == ["logits"]
    if target != "onnx_bf16":  # the CPU has not all of its operators
        x = images(8, 6)
        direct = ort.InferenceSession(str(main), float_reading()).run(None, {"image": x})[0]
        tolerance = 1e-2 if target in TRUE_TYPES else 1e-5
        np.testing.assert_allclose(again.chain.run({"image": x})["logits"], direct, rtol=tolerance, atol=tolerance)
    for tensor in onnx.load(str(main), load_external_data=False).graph.initializer:
        n_bytes = numpy_helper.to_array(tensor, base_dir=str(tmp_path)).nbytes
        places = {entry.key: entry.value for entry in tensor.external_data}
        assert bool(places) == (n_bytes >= 100), tensor.name
        if places:
            assert places["location"] == data.name and not tensor.raw_data
            assert int(places["offset"]) % saving.PAGE == 0 and int(places["length"]) == n_bytes


def test_both_ways_of_writing_hold_the_same(small, ordered, tmp_path, monkeypatch):
    target, recipe = ordered
    export(small, recipe, tmp_path / "one.onnx", target=target)
    monkeypatch.setattr(saving, "LARGEST_FILE", 500)
    monkeypatch.setattr(saving, "SMALLEST_OUTSIDE", 100)
    export(small, recipe, tmp_path / "two.onnx", target=target)
    one, two = onnx.load(tmp_path / "one.onnx"), onnx.load(tmp_path / "two.onnx")
    assert (tmp_path / "two.onnx").stat().st_size < (tmp_path / "one.onnx").stat().st_size
    assert one.graph.node == two.graph.node and len(one.graph.initializer) == len(two.graph.initializer)
    for a, b in zip(one.graph.initializer, two.graph.initializer, strict=True):
        assert (a.name, a.dims, a.data_type, a.raw_data) == (b.name, b.dims, b.data_type, b.raw_data)


def test_another_export_takes_the_place_of_the_whole_set(small, ordered, tmp_path, low_limit, monkeypatch):
    target, recipe = ordered
    stranger = tmp_path / "b.onnx.0123456789ab.data"
    stranger.write_bytes(b"of another model")
    first = export(small, recipe, tmp_path / "a.onnx", target=target).files
    content = [file.read_bytes() for file in first]
    assert export(small, recipe, tmp_path / "a.onnx", target=target).files == first
    assert [file.read_bytes() for file in first] == content  # the same order gives the same files
    weight = "fc.weight"
    other = recipe.with_tensor(weight, zero_band=0.5)
    second = export(small, other, tmp_path / "a.onnx", target=target).files
    assert second[0] == first[0]
    assert second[1] != first[1] or second[0].read_bytes() != content[0]
    assert {*tmp_path.iterdir()} == {*second, stranger}
    monkeypatch.setattr(saving, "LARGEST_FILE", 10**9)
    whole = export(small, other, tmp_path / "a.onnx", target=target).files
    assert {*tmp_path.iterdir()} == {*whole, stranger} and len(whole) == 1


def test_a_set_is_a_model_like_any_other(tmp_path, low_limit):
    """Opened, calibrated and exported, with weights outside all the way; it never takes its own place."""
    saving.save_network(onnx.load(small_cnn(tmp_path)), tmp_path / "large.onnx")
    before = {file: file.read_bytes() for file in tmp_path.glob("large.onnx*")}
    model = load(tmp_path / "large.onnx")
    recipe = choose(model, calibrate(model, images(32)))
    report = export(model, recipe, tmp_path / "quantized.onnx", data=images(16, 5))
    assert report.bit_equal == 1.0 and len(report.files) == 2
    with pytest.raises(WorkbenchError, match="is the model itself"):
        export(model, recipe, tmp_path / "large.onnx")
    assert len(before) == 2 and all(file.read_bytes() == content for file, content in before.items())


def test_a_set_without_its_data_is_refused(small, small_calibration, tmp_path, low_limit):
    main, data = export(small, choose(small, small_calibration), tmp_path / "a.onnx").files
    data.unlink()
    with pytest.raises(WorkbenchError, match=re.escape(data.name)):
        load(main)


@pytest.mark.parametrize("limit", ["just enough", "one byte less"])
def test_the_limit_counts_what_is_written(tmp_path, monkeypatch, limit):
    proto = onnx.load(small_cnn(tmp_path))
    size = len(proto.SerializeToString())
    least = saving._size(proto)
    assert size * 0.7 < least <= size
    monkeypatch.setattr(saving, "LARGEST_FILE", least - (limit != "just enough"))
    monkeypatch.setattr(saving, "SMALLEST_OUTSIDE", 1)
    saving.save_network(proto, tmp_path / "a.onnx")
    assert len([*tmp_path.glob("a.onnx*")]) == (1 if limit == "just enough" else 2)


def test_the_limit_is_one_that_protobuf_can_hold():
    assert saving.LARGEST_FILE < 2**31 - 10**8  # room for names and for what stands outside of the graph


def test_the_weights_of_the_model_are_never_written_over(small, tmp_path):
    proto = small.proto()
    onnx.save(proto, tmp_path / "net.onnx", save_as_external_data=True, location="w.data", size_threshold=0)
    model = load(tmp_path / "net.onnx")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    for name, what in (("net.onnx", "the model itself"), ("w.data", "a file that the model's weights lie in")):
        with pytest.raises(WorkbenchError, match=f"{name} is {what}"):
            export(model, choose(model, None), tmp_path / name)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
