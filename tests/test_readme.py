"""The examples of README.md run as they stand, and what it counts is counted."""

import re
import shutil

import pytest

import workbench as wb
from tests.documents import PROJECT, blocks

PAGE = "README.md"


@pytest.fixture
def beside_a_network(tmp_path, monkeypatch):
    """A folder with the file that the examples name; what they register is taken out again."""
    shutil.copy(wb.demo.path(), tmp_path / "net.onnx")
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    for catalogue in (wb.FORMATS, wb.CLIPPING):
        for name in set(catalogue) - catalogue.built_in:
            catalogue.unregister(name)


def test_the_examples_run(beside_a_network, capsys):
    together = {"__name__": "readme", "data": wb.demo.data()[0]}
    for block in filter(lambda block: block.runs, blocks(PAGE)):
        block.run(together)
        said = capsys.readouterr().out
        for promised in re.findall(r"#.*?(\d[\d.]*%)", block.code):  # what a comment says is printed
            assert promised in said, f"{PAGE}:{block.line}"
        for bits, value in re.findall(r"# ([01]+), which is ([\d.]+)", block.code):
            assert said.strip() == bits and wb.dissect("fp16", 0.1).decoded == float(value)
    together["explorer"].close()
    name = together["name"]
    assert together["recipe"][name].variation == wb.FORMATS["fp16"].with_choices(
        rounding="toward_zero", overflow="saturate"
    )
    assert together["dynamic"][name].dynamic == "batch"
    assert wb.export(together["model"], together["dynamic"], "dynamic.onnx", data=together["data"]).bit_equal == 1.0
    assert all(choice.zero_band > 0 for choice in together["pruned"].values() if choice.tensor.endswith(".weight"))
    assert "squares" in {choice.format for choice in together["own"].values()}


@pytest.mark.parametrize(
    ("what", "members"),
    [
        ("formats", wb.FORMATS.built_in),
        ("roundings", wb.ROUNDINGS),
        ("methods", wb.CLIPPING.built_in),
        ("presets", wb.PRESETS.built_in),
    ],
)
def test_the_numbers_of_members_are_right(what, members):
    page = (PROJECT / PAGE).read_text(encoding="utf-8")
    assert re.search(rf"^\| (\d+) {what} \|", page, re.MULTILINE)[1] == str(len(members))


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "CATALOGUE.md"])
def test_links_lead_somewhere(page):
    text = (PROJECT / page).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        assert target.startswith("https://") or (PROJECT / target).exists(), f"{page}: {target}"
