"""Target and reader `csv_table`: every number of a recipe, printed so that it comes back to the last bit."""

import csv

import numpy as np
import pytest
from onnx import helper

from tests.workflow.small_models import constant, saved
from workbench.messages import WorkbenchError
from workbench.workflow.choose import choose, choose_tensor
from workbench.workflow.export.csv_table import COLUMNS
from workbench.workflow.export.exporting import export
from workbench.workflow.opening import load
from workbench.workflow.ranges.importing import read_ranges, recipe_from_ranges


def rows_of(path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def mixed(small, small_calibration):
    """A recipe that says everything a recipe can say."""
    recipe = choose(small, small_calibration, weights="int8", activations="q8")
    recipe = recipe.with_choices(
        choose_tensor(small, None, "conv2.weight", format="int4", block_size=2, rounding="nearest_away"),
        choose_tensor(small, None, "fc.weight", format="kmeans3", sparsity=0.3),
        choose_tensor(small, small_calibration, "flat_out", format="uint8", dynamic="sample"),
    )
    recipe = recipe.with_tensor("relu1_out", format="int8", low=-0.1, high=1 / 3, symmetric=False)
    return (
        recipe.with_note("image", 'as "measured",\non Monday')
        .with_note("logits", "stays float")
        .with_names({"add_out": "sum", "image": "pixels"})
    )


def test_everything_comes_back(small, mixed, tmp_path):
    export(small, mixed, tmp_path / "net.csv", target="csv_table")
    found = read_ranges(tmp_path / "net.csv")
    assert found.kind == "csv_table" and found.floats == ("logits", "add_out")
    back, notices = recipe_from_ranges(small, found)
    assert back == mixed and not notices
    assert back.diff(mixed) == ()


def test_one_row_a_tensor_and_channel(small, mixed, tmp_path):
    export(small, mixed, tmp_path / "net.csv", target="csv_table")
    rows = rows_of(tmp_path / "net.csv")
    assert tuple(rows[0]) == COLUMNS
    channels = [row for row in rows if row["name"] == "conv1.weight"]
    assert [row["channel"] for row in channels] == list("012345") and {row["axis"] for row in channels} == {"0"}
    np.testing.assert_array_equal(
        np.array([row["scale"] for row in channels], np.float32), mixed["conv1.weight"].quantizer.scale
    )
    fixed = next(row for row in rows if row["name"] == "image")
    n = int(fixed["shift"])
    assert 2.0**-n == mixed["image"].quantizer.scale and fixed["Qm.n"] == f"Q{7 - n}.{n}"
    assert fixed["target name"] == "pixels" and fixed["bits"] == "8" and fixed["method"] == "least_error"
    assert next(row for row in rows if row["name"] == "relu1_out")["max"] == "0.3333333333333333"
    assert len([row for row in rows if row["name"] == "conv2.weight"]) == 6 * 6 * 3 * 3 // 2


def test_chosen_columns(small, mixed, tmp_path):
    columns = ["name", "scale", "zero point"]
    report = export(small, mixed, tmp_path / "net.csv", target="csv_table", columns=columns)
    assert (tmp_path / "net.csv").read_text().splitlines()[0] == "name,scale,zero point"
    assert any("Only some columns" in str(notice) for notice in report.notices)
    with pytest.raises(WorkbenchError, match="columns: 'size' is no column; expected some of name, target name"):
        export(small, mixed, tmp_path / "other.csv", target="csv_table", columns=["size"])
    assert [file.name for file in tmp_path.iterdir()] == ["net.csv"]


def test_columns_are_names(small, mixed, tmp_path):
    for columns, said in ((5, "5"), ([], r"\[\]"), ("", "''")):
        with pytest.raises(WorkbenchError, match=f"columns is {said}; expected names of columns"):
            export(small, mixed, tmp_path / "net.csv", target="csv_table", columns=columns)
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize("target", ["csv_table", "recipe", "ort_overrides", "aimet_encodings_2"])
def test_the_only_channel_of_an_axis_keeps_that_axis(tmp_path, target):
    nodes = [helper.make_node("Gemm", ["x", "w"], ["y"])]
    constants = [constant("w", np.array([[0.5], [-1.0], [0.25]], np.float32))]
    model = load(saved(tmp_path / "one.onnx", nodes, {"x": ["N", 3]}, {"y": ["N", 1]}, constants))
    recipe = choose(model, None, activations=None)
    assert recipe["w"].axis == 1 and recipe["w"].low.shape == (1,)
    export(model, recipe, tmp_path / "ranges", target=target)
    back, _ = recipe_from_ranges(model, read_ranges(tmp_path / "ranges"))
    assert back["w"].axis == 1 and back["w"].quantizer == recipe["w"].quantizer


def test_codes_that_are_no_number_come_back(small, tmp_path):
    recipe = choose(small, None, weights="fp8_e4m3", activations=None, per_channel=False)
    recipe = recipe.with_tensor("fc.weight", low=-0.01, high=0.01, overflow="infinity")
    codes = recipe["fc.weight"].quantizer.fake_quantize(small.tensors["fc.weight"].array())
    assert np.isnan(codes).any()
    export(small, recipe, tmp_path / "net.csv", target="csv_table")
    assert recipe_from_ranges(small, read_ranges(tmp_path / "net.csv"))[0] == recipe


@pytest.mark.parametrize("name", ["=1+2", "+x", "-x", "@sum", 'a "b", c', "a\nb", "ünï"])
def test_names_are_kept_as_they_are(small, small_calibration, tmp_path, name):
    recipe = choose(small, small_calibration)
    report = export(small, recipe, tmp_path / "net.csv", target="csv_table", names={"image": name})
    row = next(row for row in rows_of(tmp_path / "net.csv") if row["name"] == "image")
    assert row["target name"] == name
    risky = name[0] in "=+-@"
    assert (f'"{name}"' in (tmp_path / "net.csv").read_text(encoding="utf-8")) or not risky
    assert any("import these columns as text" in str(notice) for notice in report.notices) is risky
    back, _ = recipe_from_ranges(small, read_ranges(tmp_path / "net.csv"))
    assert back == recipe.with_names({"image": name})


def test_a_table_of_anybodys_own(small, tmp_path):
    rows = "name,format,min,max,channel\nimage,int8,-2,2,\nfc.weight,int8,-1,1,1\nfc.weight,int8,-3,3,0\n"
    rows += "".join(f"fc.weight,int8,-{i},{i},{i}\n" for i in (2, 3, 4))
    (tmp_path / "mine.csv").write_bytes(b"\xef\xbb\xbf" + rows.encode())
    recipe, _ = recipe_from_ranges(small, read_ranges(tmp_path / "mine.csv"))
    assert recipe["image"].quantizer.scale == np.float32(2 / 127)
    np.testing.assert_array_equal(recipe["fc.weight"].high, [3, 1, 2, 3, 4])
    assert recipe["fc.weight"].axis == 0


HEAD = "name,format,min,max,axis,channel,symmetric"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name,min,max\nx,1,2\n", "line 1: there is no column 'format'"),
        ("", "line 1: there is no column 'name'"),
        (f"{HEAD}\nx,int8,1\n", "line 2: it has not as many fields as line 1"),
        (f"{HEAD}\nx,int99,1,2,,,\n", "line 2, column 'format': 'int99' is no format"),
        (f"{HEAD}\nx,int8,one,2,,,\n", "line 2, column 'min': cannot read 'one'"),
        (f"{HEAD}\nx,int8,0,inf,,,\n", "line 2, column 'max': 'inf' is no finite number"),
        (f"{HEAD}\nx,int8,0,1e39,0,0,\n", "line 2, column 'max': '1e39' is no finite number of float32"),
        (f"{HEAD}\nx,int8,0,1,,,perhaps\n", "line 2, column 'symmetric': cannot read 'perhaps'"),
        (f"{HEAD}\nx,int8,0,1,0,0,\nx,int8,0,1,0,2,\n", "has not each channel from 0 on once"),
        (f"{HEAD}\nx,int8,0,1,,,\nx,int8,0,1,,,\n", "lines 2 and 3: 'x' is there twice"),
        (f"{HEAD}\nx,fp32,,,,,\nx,int8,0,1,,,\n", "lines 2 and 3: 'x' is there twice"),
        (f"{HEAD},min\nx,int8,0,1,,,,2\n", "line 1: there are two columns 'min'"),
        (f"{HEAD}\nx,int8,0,1,0,0,\nx,int4,0,1,0,1,\n", "line 3, column 'format': channels of one tensor"),
        (f'{HEAD}\n"x"y,int8,0,1,,,\n', "it is no CSV"),
    ],
)
def test_tables_that_are_none(tmp_path, text, said):
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(WorkbenchError, match=said):
        read_ranges(tmp_path / "t.csv", "csv_table")
    (tmp_path / "t.csv").write_bytes(b"name\xff")
    with pytest.raises(WorkbenchError, match="UTF-8"):
        read_ranges(tmp_path / "t.csv", "csv_table")
