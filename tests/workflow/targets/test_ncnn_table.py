"""ncnn's int8 tables, written and read; the reader here follows what ncnn2int8 does, not our code."""

import ctypes

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import helper

from tests.real_networks import needs_assets
from tests.workflow.small_models import constant, saved
from tests.workflow.targets.known_recipes import resnet20, resnet20_recipe
from workbench.messages import WorkbenchError
from workbench.numerics.quantizer import Quantizer
from workbench.workflow.choose import choose, choose_tensor, weight_names
from workbench.workflow.export.exporting import export
from workbench.workflow.export.ncnn_table import NCNN_TABLE
from workbench.workflow.export.target import Order
from workbench.workflow.opening import load
from workbench.workflow.ranges.importing import read_ranges, recipe_from_ranges
from workbench.workflow.recipe import Recipe

TARGET = "ncnn_table"


def scanned(word):
    """The float32 that C's scanf reads with %f, as ncnn does."""
    found = ctypes.c_float(float("nan"))
    assert ctypes.CDLL(None).sscanf(word.encode(), b"%f", ctypes.byref(found)) == 1
    return np.float32(found.value)


def table_in(path):
    """(weights, inputs), each name -> float32 numbers: words between spaces, up to an empty line."""
    weights, inputs = {}, {}
    for line in path.read_bytes().decode().split("\n"):
        key, *words = line.split(" ") if line else [""]
        if not key:
            break
        (weights if "_param_" in key else inputs)[key] = np.array([scanned(word) for word in words])
    return weights, inputs


def check_file(model, recipe, path, names=None):
    """Numbers are 127 / threshold; read by us they give ranges that differ in no bit of float32."""
    report = export(model, recipe, path, target=TARGET, names=names)
    weights, inputs = table_in(path)
    assert {key.removesuffix("_param_0") for key in weights} == set(inputs)
    ranges = read_ranges(path)
    assert ranges.kind == TARGET and ranges.per_layer
    again, notices = recipe_from_ranges(model, ranges, names=names)
    assert set(again) == set(recipe) and not notices
    for layer in model.layers:
        if layer.weight is None or layer.weight not in recipe:
            continue
        called = (names or {}).get(layer.weight, layer.node.name)
        weight, read = recipe[layer.weight].quantizer, recipe[layer.inputs[0]]
        written = weights[f"{called}_param_0"]
        assert len(written) == model.tensors[layer.weight].array().shape[layer.weight_axis]
        np.testing.assert_allclose(written, np.broadcast_to(1 / weight.scale, written.shape), rtol=2e-7)
        reach = max(-read.low, read.high) if read.quantizer.zero_point else 127 * float(read.quantizer.scale)
        np.testing.assert_allclose(inputs[called], [127 / reach], rtol=2e-7)
        assert np.array_equal(np.broadcast_to(weight.scale, written.shape), again[layer.weight].quantizer.scale)
        if not read.quantizer.zero_point:
            assert again[layer.inputs[0]].quantizer.scale == read.quantizer.scale
    return report, again


def test_the_small_network(small, small_calibration, tmp_path):
    recipe = choose(small, small_calibration, symmetric=True)
    report, again = check_file(small, recipe, tmp_path / "a.table")
    said = "\n".join(map(str, report.notices))
    assert "0 of 462 codes" in said and "an Add reads too, 1 in all" in said and "'relu1_out'" in said
    assert report.bit_equal is None and "symmetric int8 alone" not in said
    lines = (tmp_path / "a.table").read_text().splitlines()
    assert [line.split()[0] for line in lines] == [
        *("conv1_param_0", "conv2_param_0", "fc_param_0"),
        *("conv1", "conv2", "fc"),
    ]
    check_file(small, again, tmp_path / "b.table")
    assert (tmp_path / "b.table").read_text() == (tmp_path / "a.table").read_text()


def test_affine_ranges_one_scale_a_tensor_and_narrow_codes(small, small_calibration, tmp_path):
    recipe = choose(small, small_calibration, weights="int8_narrow").with_tensor("image", low=-5.0, high=2.0)
    recipe = recipe.with_choice(choose_tensor(small, None, "fc.weight", format="int8", per_channel=False))
    report, again = check_file(small, recipe, tmp_path / "a.table")
    assert again["image"].high == pytest.approx(5) and again["image"].quantizer.scale == np.float32(5 / 127)
    assert any("3 in all ('image', 'relu1_out', 'flat_out'): ncnn" in str(n) for n in report.notices)


@needs_assets
def test_a_real_network(tmp_path):
    model, _ = resnet20()
    for symmetric in (False, True):
        recipe = resnet20_recipe(symmetric=symmetric)
        report, _ = check_file(model, recipe, tmp_path / "a.table")
        said = next(str(notice) for notice in report.notices if "rounds halves" in str(notice))
        n_values = sum(model.tensors[name].array().size for name in weight_names(model))
        assert f" of {n_values} codes" in said


@given(st.floats(2.0**-120, 2.0**120, width=32))
def test_nine_digits_bring_every_scale_back(tmp_path_factory, scale):
    path = tmp_path_factory.mktemp("digits") / "a.table"
    path.write_text(f"a_param_0 {1 / scale:.9g}\na {1 / scale:.9g}\n")
    for entry in read_ranges(path, TARGET).tensors.values():
        options = {"symmetric": entry.symmetric, "axis": 0 if np.ndim(entry.low) else None}
        quantizer = Quantizer.covering(entry.format, entry.low, entry.high, **options)
        assert scanned(f"{1 / scale:.9g}") == np.float32(float(f"{1 / scale:.9g}")) > 0
        assert quantizer.scale == np.float32(scale) and np.all(quantizer.zero_point == 0)


def grouped(folder, kind):
    """Convolutions of 4 channels in `kind` groups, and 8 outputs; then a transposed one."""
    rng = np.random.default_rng(1)
    constants = [
        constant("w", rng.standard_normal((8, 4 // kind, 3, 3))),
        constant("t", rng.standard_normal((8, 4, 2, 2))),
    ]
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["y"], group=kind, pads=[1] * 4),
        helper.make_node("ConvTranspose", ["y", "t"], ["z"], name="up"),
    ]
    return load(saved(folder / f"g{kind}.onnx", nodes, {"x": [1, 4, 6, 6]}, {"z": [1, 4, 7, 7]}, constants))


def both(model, weight, **options):
    chosen = choose_tensor(model, None, weight, format="int8", method="min_max", **options)
    return Recipe(model.name, model.sha256).with_choice(chosen).with_tensor("x", format="int8", low=-2.0, high=2.0)


@pytest.mark.parametrize("kind", [1, 2, 4])
def test_grouped_convolutions_have_a_number_for_each_group(tmp_path, kind):
    model = grouped(tmp_path, kind)
    recipe, path = both(model, "w", per_channel=False), tmp_path / "a.table"
    export(model, recipe, path, target=TARGET)
    weights, inputs = table_in(path)
    (name,) = inputs  # the node has no name
    assert len(weights[f"{name}_param_0"]) == (8 if kind == 1 else kind)
    again, _ = recipe_from_ranges(model, read_ranges(path))
    assert np.array_equal(again["w"].quantizer.scale, np.repeat(recipe["w"].quantizer.scale, 8))
    if kind > 1:
        with pytest.raises(WorkbenchError, match=f"'w' has a scale a channel, ncnn one for each of its {kind} groups"):
            export(model, both(model, "w"), path, target=TARGET)


def test_what_ncnn_cannot_do_is_refused_by_name(small, small_calibration, tmp_path):
    recipe = choose(small, small_calibration)
    up = grouped(tmp_path, 1)
    transposed = both(up, "t").with_tensor("y", format="int8", low=-1.0, high=1.0).without("x")
    tiny = recipe.with_tensor("image", low=-1e-37, high=1e-37, symmetric=True)
    huge = recipe.with_tensor("image", low=-3e38, high=3e38, symmetric=True)
    for model, changed, words in (
        (
            small,
            recipe.without("conv1.weight"),
            "Layer 'conv1': its input is quantized, its weight 'conv1.weight' is not",
        ),
        (small, recipe.without("image"), "Layer 'conv1': its weight is quantized, its input 'image' is not"),
        (small, choose(small, small_calibration, residual_adds=True), "'conv2_out': no weighted layer reads it"),
        (small, recipe.with_tensor("fc.weight", format="int4"), "'fc.weight': it is int4"),
        (small, recipe.with_tensor("image", format="fp8_e4m3"), "'image': it is fp8_e4m3.*nearest is int8"),
        (small, recipe.without(*recipe), "It quantizes no layer, and an empty table says nothing; choose int8"),
        (up, transposed, "Layer 'up': ncnn2int8 quantizes no ConvTranspose"),
        (small, tiny, None),
        (small, huge, None),
    ):
        if words is None:  # every scale that the recipe holds has a number in ncnn
            check_file(model, changed, tmp_path / "b.table")
            continue
        with pytest.raises(WorkbenchError, match=words):
            export(model, changed, tmp_path / "c.table", target=TARGET)
    assert not (tmp_path / "c.table").exists()


def test_names_are_those_of_layers(small, small_calibration, tmp_path):
    recipe, path = choose(small, small_calibration), tmp_path / "a.table"
    report, _ = check_file(small, recipe, path, names={"conv1.weight": "Conv_0"})
    assert path.read_text().startswith("Conv_0_param_0 ") and "\nConv_0 " in path.read_text()
    for name in ("a b", "#conv", "\ud800", "my_param_0", "x" * 248, "two\nlines"):
        with pytest.raises(WorkbenchError, match=r"Layer .*(ncnn|the name is no text)"):
            export(small, recipe, path, target=TARGET, names={"conv1.weight": name})
    with pytest.raises(WorkbenchError, match="Layer 'fc': another layer has this name"):
        export(small, recipe, path, target=TARGET, names={"conv1.weight": "fc"})


def test_layers_in_float_and_different_ranges_of_one_input(small, small_calibration, tmp_path):
    recipe, path = choose(small, small_calibration, symmetric=True), tmp_path / "a.table"
    export(small, recipe.without("fc.weight", "flat_out"), path, target=TARGET)
    assert "fc" not in path.read_text()
    path.write_text(path.read_text() + "#fc_param_0 1 2 3 4 5\n#fc 3\nnowhere 1\n\nthis is not read\n")
    again, notices = recipe_from_ranges(small, read_ranges(path), base=recipe)
    assert "fc.weight" not in again and "flat_out" not in again and "conv1.weight" in again
    assert [str(n) for n in notices if "no layers of these names" in str(n) and "'nowhere'" in str(n)]


def test_layers_that_read_one_tensor_with_two_ranges(tmp_path):
    constants = [constant(name, np.ones((2, 3, 1, 1))) for name in ("v", "w")]
    nodes = [helper.make_node("Conv", ["x", name], [f"{name}_out"], name=name.upper()) for name in ("v", "w")]
    outputs = {"v_out": [1, 2, 4, 4], "w_out": [1, 2, 4, 4]}
    model, path = (
        load(saved(tmp_path / "two.onnx", nodes, {"x": [1, 3, 4, 4]}, outputs, constants)),
        tmp_path / "a.table",
    )
    for ours, twice in ((127 / 4.0, False), (127 / 2.0, True), (127 / 8.0, True)):
        path.write_text(f"V_param_0 127 127\nW_param_0 127 127\nV {ours:.9g}\nW {127 / 4:.9g}\n")
        recipe, notices = recipe_from_ranges(model, read_ranges(path))
        assert recipe["x"].high == pytest.approx(max(127 / ours, 4)) and bool(notices) == twice
        assert all("'W': the file has another range for the same tensor" in str(notice) for notice in notices)
    export(model, recipe, path, target=TARGET)
    assert table_in(path)[1] == {"V": [np.float32(127 / 8)], "W": [np.float32(127 / 8)]}
    with pytest.raises(WorkbenchError, match="Layer 'W': its input is quantized, its weight 'w' is not"):
        export(model, recipe.without("w"), path, target=TARGET)


def test_the_check_finds_another_number(small, small_calibration, tmp_path):
    recipe, path = choose(small, small_calibration), tmp_path / "a.table"
    NCNN_TABLE.write(Order(small, recipe), path)
    changed = recipe.with_tensor("image", low=-1.0, high=1.0)
    with pytest.raises(WorkbenchError, match="'image' in the written file is not as in the recipe"):
        NCNN_TABLE.check(Order(small, changed), path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"a_param_0 1 2\na\n", "line 2: 'a' has no number"),
        (b"a_param_0 1 two\n", "line 1: 'two' of 'a_param_0' is no number"),
        (b"a_param_0 1 nan\n", "line 1: 'nan' of 'a_param_0' is no scale"),
        (b"a_param_0 inf\n", "line 1: 'inf'"),
        (b"a_param_0 1 -3\n", "line 1: '-3'"),
        (b"a_param_0 1e-60\n", "line 1: the step of 'a_param_0'"),
        (b"a_param_0 1\na 1 2\n", "line 2: the input of 'a' has 2 numbers"),
        (b"a 1\na 1\n", "line 2: 'a' was there before"),
        (b"a_param_0 1_0\n", "line 1: '1_0'"),
        (b"\xff\xfe a\n", "line 1 is no text"),
    ],
)
def test_hostile_files_are_refused_by_line(tmp_path, content, words):
    path = tmp_path / "a.table"
    path.write_bytes(content)
    with pytest.raises(WorkbenchError, match=words):
        read_ranges(path, TARGET)


def test_what_percent_f_made_0_is_left_out_and_wrong_counts_are_named(small, tmp_path):
    path = tmp_path / "a.table"
    path.write_text("conv1_param_0 0.000000 1 1 1 1 1\nconv1 2.5\n")
    recipe, notices = recipe_from_ranges(small, read_ranges(path))
    assert list(recipe) == ["image"] and "'conv1_param_0': a scale is 0" in str(notices[0])
    path.write_text("conv1_param_0 1 1 1\nconv1 2.5\n")
    with pytest.raises(WorkbenchError, match=r"'conv1.weight'.*6 groups along axis 0.*3 ranges"):
        recipe_from_ranges(small, read_ranges(path))


@given(st.binary(max_size=200))
def test_garbage_is_never_a_traceback(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("garbage") / "a.table"
    for start in (b"", b"a_param_0 1 2\nb "):
        path.write_bytes(start + content)
        try:
            found = read_ranges(path, TARGET)
        except WorkbenchError:
            continue
        assert all(np.isfinite(item.high).all() for item in found.tensors.values())
