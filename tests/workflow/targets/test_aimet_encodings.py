"""AIMET's encodings 1.0.0 and 2.0.0, written and read; the readers here follow AIMET's specification, not our code."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.real_networks import needs_assets
from tests.workflow.targets.known_recipes import resnet20, resnet20_recipe
from workbench.messages import WorkbenchError
from workbench.numerics.formats.catalogue import FORMATS
from workbench.numerics.quantizer import Quantizer
from workbench.workflow.choose import choose, choose_tensor, weight_names
from workbench.workflow.export.catalogue import TARGETS
from workbench.workflow.export.exporting import export
from workbench.workflow.export.target import Order
from workbench.workflow.ranges.catalogue import READERS
from workbench.workflow.ranges.importing import read_ranges, recipe_from_ranges

OLD, NEW = "aimet_encodings", "aimet_encodings_2"
WIDTHS = [f"{sign}int{bits}" for bits in (4, 8, 16) for sign in ("", "u")]


def levels_of_old(entry):
    """(lowest, highest) float64, one a tensor, channel or block: (q + offset) * scale, q from 0 to 2^bw - 1."""
    assert entry["dtype"] == "INT" and set(entry["scale"]) and all(isinstance(o, int) for o in entry["offset"])
    scale, offset = np.array(entry["scale"]), np.array(entry["offset"])
    assert entry["is_sym"] == all(o == -(2 ** (entry["bw"] - 1)) for o in entry["offset"])
    assert ("block_size" in entry) == (entry["enc_type"] == "PER_BLOCK")
    return offset * scale, (2 ** entry["bw"] - 1 + offset) * scale


def levels_of_new(entry):
    """The same of (q - zero_point) * scale, q a code of the type."""
    bits = int(entry["output_dtype"].rpartition("int")[2])
    first = 0 if entry["output_dtype"].startswith("u") else -(2 ** (bits - 1))
    scale = np.array(entry["y_scale"])
    zero_point = np.broadcast_to(entry.get("y_zero_point", 0), scale.shape)
    return (first - zero_point) * scale, (first + 2**bits - 1 - zero_point) * scale


def entries_in(path):
    """name -> ((lowest, highest), entry)."""
    document = json.loads(path.read_text())
    if document["version"] == "1.0.0":
        assert set(document) == {"version", "activation_encodings", "param_encodings"}
        entries = document["activation_encodings"] + document["param_encodings"]
        return {entry["name"]: (levels_of_old(entry) if entry["dtype"] == "INT" else None, entry) for entry in entries}
    assert set(document) == {"version", "encodings"} and document["version"] == "2.0.0"
    return {entry["name"]: (levels_of_new(entry), entry) for entry in document["encodings"]}


def check_file(model, recipe, path, target):
    """Every level of the file is the recipe's, in the reader here and in ours."""
    export(model, recipe, path, target=target)
    ranges = read_ranges(path)
    assert ranges.kind == target
    again, notices = recipe_from_ranges(model, ranges)
    assert set(again) == set(recipe) and not notices
    entries = entries_in(path)
    assert set(entries) == set(recipe)
    for name, choice in recipe.items():
        levels, _ = entries[name]
        if levels is None:
            assert choice.format == again[name].format == "fp16" and again[name] == choice
            continue
        for there, back, here in zip(
            levels, again[name].quantizer.end_levels, choice.quantizer.end_levels, strict=True
        ):
            assert np.array_equal(np.sort(np.ravel(there).astype(np.float32)), np.sort(here))
            assert np.array_equal(back, here)
        assert np.array_equal(np.ravel(again[name].quantizer.scale), np.ravel(choice.quantizer.scale))
    return entries, again


@pytest.mark.parametrize("target", [OLD, NEW])
@pytest.mark.parametrize("format", WIDTHS)
@pytest.mark.parametrize("per_channel", [True, False])
def test_the_small_network(small, small_calibration, tmp_path, target, format, per_channel):
    recipe = choose(small, small_calibration, weights=format, activations=format, per_channel=per_channel)
    entries, again = check_file(small, recipe, tmp_path / "a.encodings", target)
    if target == NEW:
        assert [choice.format for choice in again.values()] == [format] * len(again)
    else:
        assert entries["conv1.weight"][1]["enc_type"] == ("PER_CHANNEL" if per_channel else "PER_TENSOR")
        assert entries["conv1.weight"][1]["bw"] == FORMATS[format].bits


def test_symmetric_and_affine_offsets(small, small_calibration, tmp_path):
    recipe = choose(small, small_calibration, symmetric=True).with_tensor("image", low=-1.0, high=3.0)
    entries, again = check_file(small, recipe, tmp_path / "a.encodings", OLD)
    assert entries["relu1_out"][1]["offset"] == [-128] and again["relu1_out"].format == "int8"
    zero_point = recipe["image"].quantizer.zero_point
    assert entries["image"][1]["offset"] == [-128 - zero_point] and again["image"].format == "uint8"
    assert again["image"].quantizer.zero_point == zero_point + 128


@pytest.mark.parametrize("target", [OLD, NEW])
def test_blocks_and_fp16(small, small_calibration, tmp_path, target):
    recipe = choose(small, small_calibration).with_choice(
        choose_tensor(small, None, "fc.weight", format="int4", block_size=3)
    )
    entries, again = check_file(small, recipe, tmp_path / "a.encodings", target)
    assert entries["fc.weight"][1]["block_size"] == again["fc.weight"].block_size == 3
    if target == NEW:
        assert np.shape(entries["fc.weight"][1]["y_scale"]) == (5, 2) and entries["fc.weight"][1]["axis"] == 1
        with pytest.raises(WorkbenchError, match="'image': encodings 2.0.0 have no fp16"):
            export(small, recipe.with_tensor("image", format="fp16"), tmp_path / "b.json", target=target)
    else:
        check_file(small, recipe.with_tensor("image", format="fp16"), tmp_path / "b.encodings", target)
    of_kernel = recipe.with_choice(choose_tensor(small, None, "conv2.weight", format="int4", block_size=3))
    if target == NEW:
        check_file(small, of_kernel, tmp_path / "c.encodings", target)
    else:
        with pytest.raises(WorkbenchError, match="'conv2.weight' has blocks for each position of its kernel"):
            export(small, of_kernel, tmp_path / "c.encodings", target=target)


def test_blocks_of_all_positions_of_a_kernel_are_read(small, tmp_path):
    path = tmp_path / "a.encodings"
    entry = {"name": "conv2.weight", "dtype": "INT", "enc_type": "PER_BLOCK", "bw": 4, "is_sym": True, "block_size": 3}
    scale = (np.arange(1, 13, dtype=np.float32) / 10).tolist()
    entry |= {"scale": scale, "offset": [-8] * 12}
    path.write_text(json.dumps({"version": "1.0.0", "activation_encodings": [], "param_encodings": [entry]}))
    recipe, _ = recipe_from_ranges(small, read_ranges(path))
    values = small.tensors["conv2.weight"].array()
    blocks = np.repeat(np.array(scale, np.float32).reshape(6, 2), 3, axis=1).reshape(6, 6, 1, 1)
    expected = np.clip(np.rint(values / blocks), -8, 7) * blocks
    np.testing.assert_array_equal(recipe["conv2.weight"].quantizer.fake_quantize(values), expected + 0.0)


@needs_assets
@pytest.mark.parametrize("target", [OLD, NEW])
def test_a_real_network(tmp_path, target):
    model, _ = resnet20()
    for residual_adds in (False, True):
        check_file(model, resnet20_recipe(residual_adds), tmp_path / "a.encodings", target)


@settings(max_examples=150)
@given(
    st.sampled_from(WIDTHS),
    st.lists(st.tuples(st.floats(2.0**-90, 2.0**90, width=32), st.floats(0, 1)), min_size=6, max_size=6),
    st.booleans(),
)
def test_every_scale_and_zero_point_comes_back(tmp_path_factory, small, format, groups, symmetric):
    kind = FORMATS[format]
    scales = [scale for scale, _ in groups]
    zero_points = [kind.qmin + round(share * (kind.qmax - kind.qmin)) for _, share in groups]
    if symmetric:
        zero_points = [0 if kind.signed else (kind.qmax + 1) // 2] * 6
    path = tmp_path_factory.mktemp("numbers") / "a.json"
    for grouped in (True, False):
        some = slice(None) if grouped else 0
        entry = {"name": "conv1.weight" if grouped else "image", "output_dtype": format, "y_scale": scales[some]}
        entry |= {"y_zero_point": zero_points[some]} | ({"axis": 0} if grouped else {})
        path.write_text(json.dumps({"version": "2.0.0", "encodings": [entry]}))
        recipe, _ = recipe_from_ranges(small, read_ranges(path, NEW))
        (choice,) = recipe.values()
        assert np.array_equal(choice.quantizer.scale, np.array(scales[some], np.float32))
        assert np.array_equal(choice.quantizer.zero_point, zero_points[some])
        old, back = TARGETS[OLD], Order(small, recipe)
        old.write(back, path)
        old.check(back, path)
        again, _ = recipe_from_ranges(small, read_ranges(path, OLD))
        assert np.array_equal(again[choice.tensor].quantizer.scale, np.array(scales[some], np.float32))
        middle = {True: 0, False: (kind.qmax + 1) // 2 if not kind.signed else 0}
        there = FORMATS[again[choice.tensor].format]
        moved = np.asarray(again[choice.tensor].quantizer.zero_point) - (0 if there.signed else 2 ** (kind.bits - 1))
        assert np.array_equal(moved, np.asarray(zero_points[some]) - middle[kind.signed])


@pytest.mark.parametrize("target", [OLD, NEW])
def test_what_it_cannot_express_is_refused_by_name(small, small_calibration, tmp_path, target):
    recipe = choose(small, small_calibration)
    for changed, words in (
        (recipe.with_tensor("image", format="bf16"), "'image': encodings .* have no bf16"),
        (recipe.with_tensor("image", format="fp8_e4m3"), "'image': encodings .* no fp8_e4m3; nearest is int8"),
        (recipe.with_tensor("conv1.weight", format="int8_narrow"), "'conv1.weight': .* nearest is int8"),
        (recipe.with_tensor("image", zero_band=0.1), "'image': it has a zero band"),
    ):
        with pytest.raises(WorkbenchError, match=words):
            export(small, changed, tmp_path / "a.json", target=target)
    assert not list(tmp_path.iterdir())


def test_an_axis_that_nobody_would_guess_is_refused_in_1(small, small_calibration, tmp_path):
    low = np.full(6, -1, np.float32)
    recipe = choose(small, small_calibration).with_tensor("conv1.weight", low=-1.0, high=1.0)
    odd = recipe.with_tensor("conv2.weight", low=low, high=-low, axis=1)
    check_file(small, odd, tmp_path / "a.json", NEW)
    with pytest.raises(WorkbenchError, match="'conv2.weight': it has a scale for each index of axis 1"):
        export(small, odd, tmp_path / "b.json", target=OLD)


@pytest.mark.parametrize("target", [OLD, NEW])
def test_the_check_finds_another_range_and_names_are_kept(small, small_calibration, tmp_path, target):
    recipe, path = choose(small, small_calibration), tmp_path / "a.encodings"
    names = {"image": 'a "picture": of\n something é'}
    export(small, recipe, path, target=target, names=names)
    again, notices = recipe_from_ranges(small, read_ranges(path), names=names)
    assert set(again) == set(recipe) and not notices
    changed = recipe.with_tensor("relu1_out", low=-1.0, high=1.0)
    with pytest.raises(WorkbenchError, match="'relu1_out' in the written file is not as in the recipe"):
        TARGETS[target].check(Order(small, changed, names=names), path)


GOOD = {
    "name": "image",
    "dtype": "INT",
    "enc_type": "PER_TENSOR",
    "bw": 8,
    "is_sym": True,
    "scale": [0.5],
    "offset": [-128],
}
GOOD_2 = {"name": "image", "output_dtype": "int8", "y_scale": 0.5}
NAN, INFINITE = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": 3}, "no text in its field 'name', but 3"),
        ({"dtype": "FLT"}, "'image': field 'dtype' is 'FLT'"),
        ({"enc_type": "PER_LINE"}, "'image': field 'enc_type' is 'PER_LINE'"),
        ({"bw": "8"}, "'image': field 'bw' is '8'"),
        ({"bw": NAN}, "field 'bw' is nan"),
        ({"is_sym": "True"}, "field 'is_sym' is 'True'"),
        ({"scale": 0.5}, "field 'scale' is 0.5; expected a list"),
        ({"scale": []}, "field 'scale' is a list"),
        ({"scale": [NAN]}, "a number of 'scale' is nan"),
        ({"scale": [INFINITE]}, "a number of 'scale' is inf"),
        ({"scale": [0.0]}, r"a number of 'scale' is 0\.0"),
        ({"scale": [10**400]}, "a number of 'scale' is a huge whole number"),
        ({"scale": [True]}, "a number of 'scale' is True"),
        ({"scale": [1.0, 2.0]}, "2 numbers in 'scale', but 1 in 'offset'"),
        ({"offset": [0.5]}, "field 'offset' is 0.5"),
        ({"offset": [-128, -128], "scale": [1, 1]}, "2 numbers in 'scale'; PER_TENSOR has one"),
        ({"offset": [-300]}, "zero point 172 is no code of int8"),
        ({"enc_type": "PER_BLOCK"}, "field 'block_size' is None"),
        ({"enc_type": "PER_BLOCK", "block_size": 0}, "field 'block_size' is 0; expected 1 or more"),
    ],
)
def test_wrong_fields_of_1_are_named(tmp_path, change, words):
    path = tmp_path / "a.encodings"
    document = {"version": "1.0.0", "activation_encodings": [], "param_encodings": [GOOD | change]}
    path.write_text(json.dumps(document))
    with pytest.raises(WorkbenchError, match=words):
        read_ranges(path, OLD)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": None}, "no text in its field 'name'"),
        ({"output_dtype": 8}, "'image': field 'output_dtype' is 8"),
        ({"y_scale": None}, "a number of 'y_scale' is None"),
        ({"y_scale": []}, "'y_scale' is an empty list"),
        ({"y_scale": [[1, 2], [3]], "axis": 0}, "several lengths|is a list"),
        ({"y_scale": "1"}, "a number of 'y_scale' is '1'"),
        ({"y_scale": NAN}, "a number of 'y_scale' is nan"),
        ({"y_scale": [1.0, 2.0]}, "needs the fields 'axis'"),
        ({"y_scale": [1.0, 2.0], "y_zero_point": 3, "axis": 0}, r"'y_scale' is \(2,\), 'y_zero_point' \(\)"),
        ({"y_zero_point": 300}, "zero point 300 is no code of int8"),
        ({"y_zero_point": "x"}, "field 'y_zero_point' is 'x'"),
        ({"y_scale": [[1.0]], "block_size": 4}, "field 'axis' is None"),
        ({"y_scale": [[1.0]], "block_size": 4, "axis": 7}, "field 'axis' is 7"),
        ({"y_scale": [[1.0]], "block_size": "4", "axis": 0}, "field 'block_size' is '4'"),
    ],
)
def test_wrong_fields_of_2_are_named(tmp_path, change, words):
    path = tmp_path / "a.encodings"
    path.write_text(json.dumps({"version": "2.0.0", "encodings": [GOOD_2 | change]}))
    with pytest.raises(WorkbenchError, match=words):
        read_ranges(path, NEW)


@pytest.mark.parametrize("kind", [OLD, NEW])
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not a JSON text"),
        (b"\x80\x81", "not a JSON text"),
        (b"[]", "expected a JSON object"),
        (b"{}", "field 'version' is None"),
        (b'{"version": "0.6.1"}', "field 'version' is '0.6.1'"),
        (b'{"version": "1.0.0", "version": "2.0.0"}', "field 'version' is there twice"),
        (b'{"version": ' + b"[" * 100_000, "not a JSON text"),
        (b'{"version": ' + b"1" * 10_000 + b"}", "not a JSON text"),
    ],
)
def test_hostile_documents(tmp_path, kind, content, words):
    path = tmp_path / "a.encodings"
    path.write_bytes(content)
    with pytest.raises(WorkbenchError, match=words):
        read_ranges(path, kind)


@pytest.mark.parametrize(("kind", "entry"), [(OLD, GOOD), (NEW, GOOD_2)])
def test_truncated_files_and_tensors_that_come_twice(tmp_path, kind, entry):
    path = tmp_path / "a.encodings"
    version = {OLD: "1.0.0", NEW: "2.0.0"}[kind]
    lists = {OLD: {"activation_encodings": [entry], "param_encodings": [entry]}, NEW: {"encodings": [entry, entry]}}
    text = json.dumps({"version": version, **lists[kind]})
    path.write_text(text)
    with pytest.raises(WorkbenchError, match="tensor 'image' has two entries"):
        read_ranges(path)
    for end in range(len(text)):
        path.write_text(text[:end])
        with pytest.raises(WorkbenchError, match="not a JSON text"):
            read_ranges(path, kind)
    field = next(iter(lists[kind]))
    path.write_text(json.dumps({"version": version, field: {"image": entry}}))
    with pytest.raises(WorkbenchError, match=f"field '{field}' must be a list of objects"):
        read_ranges(path)


NUMBERS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3) | st.just("image")
ANYTHING = st.recursive(
    NUMBERS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner)
)


@settings(max_examples=200)
@given(st.sampled_from([(OLD, GOOD), (NEW, GOOD_2)]), st.data())
def test_any_value_in_any_field_is_never_a_traceback(tmp_path_factory, small, kind, data):
    reader, entry = kind
    fields = [*entry, "axis", "block_size", "y_zero_point", "zero_point_shift"]
    changes = data.draw(st.dictionaries(st.sampled_from(fields), ANYTHING, max_size=3))
    path = tmp_path_factory.mktemp("anything") / "a.json"
    path.write_text(json.dumps({"version": "1.0.0", "param_encodings": [entry | changes]}))
    if reader == NEW:
        path.write_text(json.dumps({"version": "2.0.0", "encodings": [entry | changes]}))
    try:
        recipe, _ = recipe_from_ranges(small, read_ranges(path, reader))
    except WorkbenchError:
        return
    assert all(np.isfinite(choice.quantizer.scale).all() for choice in recipe.values())


def test_what_has_no_format_here_is_left_out_with_a_notice(small, tmp_path):
    path = tmp_path / "a.encodings"
    entries = [
        GOOD_2,
        {"name": "conv1.bias", "output_dtype": "int32", "y_scale": [0.5] * 6, "axis": 0},
        {"name": "fc.weight", "output_dtype": "int4", "per_block_int_scale": [1], "per_channel_float_scale": [1.0]},
        {"name": "conv2.weight", "output_dtype": "int2", "y_scale": 1.0, "y_zero_point": 0.5},
    ]
    path.write_text(json.dumps({"version": "2.0.0", "encodings": entries}))
    recipe, notices = recipe_from_ranges(small, read_ranges(path))
    assert list(recipe) == ["image"] and len(notices) == 3
    old = [GOOD | {"name": "flat_out", "dtype": "FLOAT", "bw": 32}, GOOD | {"offset": [-128.0]}]
    weights = [GOOD | {"name": "fc.weight", "enc_type": "LPBQ"}, GOOD | {"name": "conv1.bias", "bw": 32}]
    path.write_text(json.dumps({"version": "1.0.0", "activation_encodings": old, "param_encodings": weights}))
    ranges = read_ranges(path)
    recipe, notices = recipe_from_ranges(small, ranges)
    assert ranges.floats == ("flat_out",) and list(recipe) == ["image"] and len(notices) == 2


def test_readers_are_not_confused(small, small_calibration, tmp_path):
    recipe = choose(small, small_calibration)
    for name in ("tensorrt_cache", "ncnn_table", OLD, NEW):
        path = tmp_path / name
        export(small, recipe, path, target=name)
        head = path.read_bytes()[:65536]
        assert [key for key, reader in READERS.items() if reader.recognizes(head, path)] == [name]
    path.write_text(
        json.dumps({"param_encodings": [GOOD] * 1000, "version": "1.0.0"})
    )  # the version is behind the head
    with pytest.raises(WorkbenchError, match="two entries"):
        read_ranges(path)


@given(st.floats(2.0**-126, 2.0**100, width=32))
def test_a_json_number_is_the_float32_again(scale):
    quantizer = Quantizer(FORMATS["int8"], np.asarray(scale, np.float32))
    assert np.float32(json.loads(json.dumps(quantizer.scale.tolist()))) == quantizer.scale


def test_all_weights_of_a_recipe_are_there(small, small_calibration, tmp_path):
    recipe = choose(small, small_calibration, activations=None)
    for target in (OLD, NEW):
        entries, _ = check_file(small, recipe, tmp_path / "a.json", target)
        assert set(entries) == set(weight_names(small))
