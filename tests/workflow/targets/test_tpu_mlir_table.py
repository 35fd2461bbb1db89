"""Target and reader `tpu_mlir_table`, against the tool's own arithmetic in both of its modes."""

import numpy as np
import pytest

from workbench.messages import WorkbenchError
from workbench.workflow.choose import choose
from workbench.workflow.export.exporting import export
from workbench.workflow.ranges.importing import read_ranges, recipe_from_ranges

# the beginning of a table as the tool writes it
THEIRS = """\
# generated time: 2022-08-11 10:00:59.743675
# histogram number: 2048
# sample number: 100
###
# op_name    threshold    min    max
image 1.0000080 0.0000000 1.0000080
relu1_out 56.4281803 -102.5830231 97.6811752
"""


def lines_of(path) -> dict[str, list[float]]:
    """name -> threshold, min, max, as a reader of words sees them."""
    rows = [line.split() for line in path.read_text().splitlines() if not line.startswith("#")]
    return {name: [float(number) for number in numbers] for name, *numbers in rows}


@pytest.mark.parametrize("symmetric", [False, True])
def test_the_tools_scales_are_ours(small, small_calibration, tmp_path, symmetric):
    recipe = choose(small, small_calibration, symmetric=symmetric)
    path = tmp_path / "net.cali_table"
    report = export(small, recipe, path, target="tpu_mlir_table")
    rows = lines_of(path)
    assert list(rows) == [name for name in recipe if name in small.observed]
    for name, (threshold, low, high) in rows.items():
        quantizer = recipe[name].quantizer
        assert np.float32((high - low) / 255) == quantizer.scale
        assert round(-128 - low / float(quantizer.scale)) == quantizer.zero_point
        if symmetric:
            assert np.float32(threshold / 127) == quantizer.scale
        assert threshold > 0
    assert any("--asymmetric" in str(notice) for notice in report.notices) is not symmetric
    back, _ = recipe_from_ranges(small, read_ranges(path))
    assert all(back[name].quantizer == recipe[name].quantizer for name in rows)


def test_names_of_operators(small, small_calibration, tmp_path):
    path = tmp_path / "net.cali_table"
    export(small, choose(small, small_calibration), path, target="tpu_mlir_table", operators=True)
    assert list(lines_of(path)) == ["image", "relu1_out_Relu", "flat_out_Flatten"]
    names = {"image": "pixels"}
    export(small, choose(small, small_calibration), path, target="tpu_mlir_table", operators=True, names=names)
    assert list(lines_of(path))[0] == "pixels"


def test_weights_are_the_tools_own(small, small_calibration, tmp_path):
    path = tmp_path / "net.cali_table"
    report = export(small, choose(small, small_calibration), path, target="tpu_mlir_table")
    assert not any("weights" in str(notice) for notice in report.notices)
    per_tensor = choose(small, small_calibration, per_channel=False)
    report = export(small, per_tensor, path, target="tpu_mlir_table")
    assert any("3 weights (first: 'conv1.weight') are quantized by the tool" in str(n) for n in report.notices)
    one_range_along_an_axis = per_tensor.with_tensor("conv1.weight", axis=0)
    report = export(small, one_range_along_an_axis, path, target="tpu_mlir_table")
    assert any("3 weights (first: 'conv1.weight') are quantized by the tool" in str(n) for n in report.notices)


@pytest.mark.parametrize("name", ["two words", "", "line\nbreak", "#comment", "tab\there"])
def test_names_that_do_not_fit(small, small_calibration, tmp_path, name):
    with pytest.raises(WorkbenchError, match=r"Activation 'image': names in a TPU-MLIR table .* with names="):
        export(
            small,
            choose(small, small_calibration),
            tmp_path / "t.cali_table",
            target="tpu_mlir_table",
            names={"image": name},
        )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("format", ["uint8", "int4", "fp8_e4m3", "int16"])
def test_other_formats_are_refused(small, small_calibration, tmp_path, format):
    recipe = choose(small, small_calibration, activations=format)
    with pytest.raises(WorkbenchError, match=f"holds int8 ranges, not {format}; nearest is"):
        export(small, recipe, tmp_path / "t.cali_table", target="tpu_mlir_table")


def test_a_table_of_the_tool_is_read_by_its_thresholds(small, tmp_path):
    (tmp_path / "theirs_cali_table").write_text(
        THEIRS + "\n#weight_scale\nconv1 1 0.5 1 0\n#int4_th\nflat_out 2 -3 3\n"
    )
    found = read_ranges(tmp_path / "theirs_cali_table")
    assert found.kind == "tpu_mlir_table"
    recipe, notices = recipe_from_ranges(small, found)
    assert recipe["relu1_out"].quantizer.scale == np.float32(56.4281803 / 127)
    assert recipe["relu1_out"].quantizer.zero_point == 0
    assert recipe["flat_out"].format == "int4" and recipe["flat_out"].quantizer.scale == np.float32(2 / 7)
    said = " ".join(map(str, notices))
    assert "was read as symmetric, by its thresholds" in said and "scales of 1 weights were passed over" in said


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("x 1 2", "line 2: 'x 1 2' has 3 fields; expected name threshold min max"),
        ("x 1 2 three", "line 2: .*: threshold, min and max are numbers"),
        ("x 1 3 2", "line 2: .*: expected a threshold above 0, and min below max"),
        ("x 0 1 2", "expected a threshold above 0"),
        ("x nan 1 2", "expected a threshold above 0"),
    ],
)
def test_lines_that_are_none(tmp_path, line, said):
    (tmp_path / "t").write_text(f"# op_name    threshold    min    max\n{line}\n")
    with pytest.raises(WorkbenchError, match=said):
        read_ranges(tmp_path / "t", "tpu_mlir_table")
    (tmp_path / "t").write_bytes(b"\xff\xfe")
    with pytest.raises(WorkbenchError, match="UTF-8"):
        read_ranges(tmp_path / "t", "tpu_mlir_table")


def test_a_name_that_is_there_twice(tmp_path):
    (tmp_path / "t").write_text("# op_name    threshold    min    max\nx 1 0 1\ny 1 0 1\nx 2 0 2\n")
    with pytest.raises(WorkbenchError, match="lines 2 and 4: 'x' is there twice"):
        read_ranges(tmp_path / "t", "tpu_mlir_table")
    (tmp_path / "t").write_text("x 1 0 1\n#int4_th\nx 2 0 2\n")  # both sections may have it
    assert read_ranges(tmp_path / "t", "tpu_mlir_table").tensors["x"].format == "int4"
