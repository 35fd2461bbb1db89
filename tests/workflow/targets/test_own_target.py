"""Targets of a user's own: registered in a cell, listed, exported, taken out again."""

import pytest

import workbench as wb
from workbench.messages import WorkbenchError


@pytest.fixture
def mine():
    names = []

    def register(function, **options):
        target = wb.own_target("mine", function, **options)
        wb.TARGETS.register(target)
        names.append(target.name)
        return target

    yield register
    for name in names:
        wb.TARGETS.unregister(name)
    assert "mine" not in wb.TARGETS


def scales(model, recipe):
    return "".join(f"{name}\t{choice.quantizer.scale}\n" for name, choice in recipe.items())


def test_it_exports_and_is_listed(mine, small, coarse, tmp_path):
    target = mine(scales, suffix=".tsv", title="Scales, tab by tab")
    assert list(wb.TARGETS)[-1] == "mine" and wb.TARGETS["mine"] is target and target.suffix == ".tsv"
    report = wb.export(small, coarse, tmp_path / "net.tsv", target="mine")
    assert (tmp_path / "net.tsv").read_text() == scales(small, coarse) and report.bit_equal is None
    assert any("was not read back" in str(notice) for notice in report.notices)
    wb.export(small, coarse, tmp_path / "net.tsv", target="mine", names={"image": "pixels"})


def test_bytes_and_refusals(mine, small, coarse, tmp_path):
    def only_eight(choice, *, is_weight):
        return None if choice is None or choice.format == "int8" else "it is not int8"

    mine(lambda model, recipe: bytes(range(256)), refusal=only_eight)
    with pytest.raises(WorkbenchError, match="'conv1.weight': it is not int8"):
        wb.export(small, coarse, tmp_path / "net", target="mine")
    assert not list(tmp_path.iterdir())
    wb.export(small, wb.choose(small, None, activations=None), tmp_path / "net", target="mine")
    assert (tmp_path / "net").read_bytes() == bytes(range(256))


def raising(model, recipe):
    raise KeyError("scale")


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (raising, "target mine: its function failed: KeyError: 'scale'"),
        (lambda model, recipe: None, "target mine: its function gave NoneType; expected str or bytes"),
        (lambda model, recipe: "\ud800", "target mine: its function failed: UnicodeEncodeError"),
        (lambda model: "", "target mine: its function failed: TypeError"),
    ],
)
def test_a_function_that_fails_writes_nothing(mine, small, coarse, tmp_path, function, said):
    mine(function)
    (tmp_path / "net").write_text("before")
    with pytest.raises(WorkbenchError, match=said):
        wb.export(small, coarse, tmp_path / "net", target="mine")
    assert [file.name for file in tmp_path.iterdir()] == ["net"] and (tmp_path / "net").read_text() == "before"


def test_what_is_no_target():
    with pytest.raises(WorkbenchError, match="expected a Target, got function"):
        wb.TARGETS.register("mine", scales)
    with pytest.raises(WorkbenchError, match="'recipe' belongs to the package"):
        wb.TARGETS.register(wb.own_target("recipe", scales))
