"""TensorRT's calibration caches, written and read; the reader here follows NVIDIA's description, not our code."""

import re
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.real_networks import needs_assets
from tests.workflow.targets.known_recipes import resnet20, resnet20_recipe
from workbench.messages import WorkbenchError
from workbench.numerics.formats.catalogue import FORMATS
from workbench.numerics.formats.rounding import ROUNDINGS
from workbench.numerics.quantizer import Quantizer
from workbench.workflow.choose import choose, choose_tensor, weight_names
from workbench.workflow.export.exporting import export
from workbench.workflow.export.target import Order
from workbench.workflow.export.tensorrt_cache import TENSORRT_CACHE
from workbench.workflow.ranges.covering import covering_range
from workbench.workflow.ranges.importing import read_ranges, recipe_from_ranges

TARGET = "tensorrt_cache"
ROUNDING = next(name for name in ROUNDINGS if name != "nearest_even")


def scales_in(path):
    """tensor -> float32, by the bits that stand in the file."""
    header, *lines = path.read_bytes().decode().splitlines()
    assert re.fullmatch(r"TRT-[0-9]+-EntropyCalibration2", header)
    found = {}
    for line in lines:
        name, digits = line.split(": ")
        assert len(digits) == 8
        found[name] = np.frombuffer(bytes.fromhex(digits), ">f4")[0]
    assert len(found) == len(lines)
    return found


def check_file(model, recipe, path):
    """The file holds every activation; read by us it gives the very scales."""
    report = export(model, recipe, path, target=TARGET)
    activations = set(recipe) - set(weight_names(model))
    scales = scales_in(path)
    assert set(scales) == activations
    ranges = read_ranges(path)
    assert ranges.kind == TARGET
    again, notices = recipe_from_ranges(model, ranges)
    assert set(again) == activations and not notices
    for name in activations:
        quantizer = again[name].quantizer
        assert quantizer.scale == scales[name] and quantizer.zero_point == 0 and again[name].format == "int8"
    return scales, report


def test_ranges_of_the_small_network(small, small_calibration, tmp_path):
    recipe = choose(small, small_calibration, symmetric=True)
    scales, report = check_file(small, recipe, tmp_path / "a.cache")
    assert all(scales[name] == recipe[name].quantizer.scale for name in scales)
    said = "\n".join(map(str, report.notices))
    assert "TensorRT 11 has removed calibrators" in said and "onnx_qdq_tensorrt" in said
    assert "largest magnitude of each output channel" in said and "chosen otherwise" not in said
    assert "symmetric int8 alone" not in said and report.bit_equal is None


def test_an_affine_range_goes_there_by_its_wider_side(small, small_calibration, tmp_path):
    recipe = choose(small, small_calibration, symmetric=True).with_tensor("image", low=-5.0, high=2.0)
    scales, report = check_file(small, recipe, tmp_path / "a.cache")
    assert scales["image"] == np.float32(5 / 127)
    assert any("unsigned codes, 1 in all ('image'): TensorRT" in str(notice) for notice in report.notices)
    one_sided = recipe.with_tensor("image", format="uint8", low=0.0, high=6.0)
    assert check_file(small, one_sided, tmp_path / "a.cache")[0]["image"] == np.float32(6 / 127)


def test_weights_that_are_not_deployed_as_chosen_are_named(small, small_calibration, tmp_path):
    recipe = choose(small, small_calibration).without("conv2.weight")
    recipe = recipe.with_choice(choose_tensor(small, None, "fc.weight", format="int8", per_channel=False))
    _, report = check_file(small, recipe, tmp_path / "a.cache")
    assert any("weights chosen otherwise, 2 in all" in str(n) and "'conv2.weight'" in str(n) for n in report.notices)


@needs_assets
def test_a_real_network(tmp_path):
    model, _ = resnet20()
    for residual_adds in (False, True):
        check_file(model, resnet20_recipe(residual_adds), tmp_path / "a.cache")


@given(st.floats(2.0**-100, 2.0**100, width=32))
def test_every_scale_comes_back(scale):
    low, high, symmetric = covering_range(FORMATS["int8"], np.float32(scale))
    assert low == -127.0 * scale and high == 127.0 * scale
    assert Quantizer.covering("int8", low, high, symmetric=symmetric).scale == np.float32(scale)


def test_names_and_options(small, small_calibration, tmp_path):
    recipe = choose(small, small_calibration)
    report = export(small, recipe, tmp_path / "a.cache", target=TARGET, names={"image": "a picture"}, version="100300")
    assert report.files[0].read_text().startswith("TRT-100300-EntropyCalibration2\na picture: ")
    again, _ = recipe_from_ranges(small, read_ranges(tmp_path / "a.cache"), names={"image": "a picture"})
    assert "image" in again
    for name in ("a: b", "two\nlines", " a", "a ", "", "a\u2028b", "\ud800"):
        with pytest.raises(WorkbenchError, match="'image': (a calibration cache holds no names|the name is no text)"):
            export(small, recipe, tmp_path / "b.cache", target=TARGET, names={"image": name})
    with pytest.raises(WorkbenchError, match="option version is '8.6'; expected the digits"):
        export(small, recipe, tmp_path / "b.cache", target=TARGET, version="8.6")
    assert [path.name for path in tmp_path.iterdir()] == ["a.cache"]


def test_what_it_cannot_express_is_refused_by_name(small, small_calibration, tmp_path):
    recipe = choose(small, small_calibration)
    for changed, words in (
        (recipe.with_tensor("image", format="fp8_e4m3"), "'image': it is fp8_e4m3.*nearest is int8"),
        (recipe.with_tensor("fc.weight", format="int4"), "'fc.weight': it is int4"),
        (recipe.with_tensor("image", rounding=ROUNDING), f"'image': it is rounded {ROUNDING}"),
        (recipe.with_tensor("image", zero_band=0.1), "'image': it has a zero band"),
        (recipe.with_choice(choose_tensor(small, small_calibration, "image", format="int8", dynamic="batch")), "fixed"),
    ):
        with pytest.raises(WorkbenchError, match=words):
            export(small, changed, tmp_path / "b.cache", target=TARGET)
    assert not list(tmp_path.iterdir())


def test_the_check_finds_another_scale(small, small_calibration, tmp_path):
    recipe, path = choose(small, small_calibration), tmp_path / "a.cache"
    TENSORRT_CACHE.write(Order(small, recipe), path)
    with pytest.raises(WorkbenchError, match="'image' in the written file is not as in the recipe"):
        TENSORRT_CACHE.check(Order(small, recipe.with_tensor("image", low=-1.0, high=1.0)), path)


HEADER = b"TRT-8601-EntropyCalibration2\n"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "line 1 is ''"),
        (b"hello\n", "line 1 is 'hello'"),
        (HEADER + b"a 3c010204\n", "line 2 is 'a 3c010204'"),
        (HEADER + b"a: 3c010204\nb: 3c01020", "line 3 is 'b: 3c01020'"),
        (HEADER + b"a: 3c010204\na: 3c010204\n", "line 3: tensor 'a' has a scale already"),
        (HEADER + b"a: 7fc00000\n", "line 2: scale of 'a' is nan"),
        (HEADER + b"a: 7f800000\n", "line 2: scale of 'a' is inf"),
        (HEADER + b"a: bf800000\n", r"line 2: scale of 'a' is -1\.0"),
        (HEADER + b"a: 00000001\n", "line 2: scale of 'a'"),
        (HEADER + b"\xff\xfe\x00: 3c010204\n", "line 2 is no text in UTF-8"),
        (HEADER + b": 3c010204\n", "line 2"),
    ],
)
def test_hostile_files_are_refused_by_line(tmp_path, content, words):
    path = tmp_path / "a.cache"
    path.write_bytes(content)
    with pytest.raises(WorkbenchError, match=words):
        read_ranges(path, TARGET)


def test_dead_tensors_are_left_out_and_windows_lines_are_read(small, tmp_path):
    path = tmp_path / "a.cache"
    path.write_bytes(b"TRT-7203-MinMaxCalibration\r\nimage: 3f800000\r\nflat_out: 0\r\nother: 3f800000\r\n")
    ranges = read_ranges(path)
    assert ranges.kind == TARGET and ranges.tensors["image"].high == 127.0
    recipe, notices = recipe_from_ranges(small, ranges)
    assert list(recipe) == ["image"]
    assert "'flat_out': the scale is 0" in str(notices[0]) and "'other'" in str(notices[1])


@given(st.binary(max_size=200))
def test_garbage_is_never_a_traceback(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("garbage") / "a.cache"
    for start in (b"", HEADER):
        path.write_bytes(start + content)
        try:
            found = read_ranges(path, TARGET)
        except WorkbenchError:
            continue
        assert all(struct.pack(">f", item.high) for item in found.tensors.values())
