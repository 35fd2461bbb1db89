"""CONTRIBUTING.md shows code as it is in the tree, and code that runs."""

import re

import pytest

import workbench as wb
from tests.documents import PROJECT, blocks
from workbench.messages import WorkbenchError
from workbench.workflow.recipe import Recipe

PAGE = "CONTRIBUTING.md"
BLOCKS = blocks(PAGE)
QUOTING = [block for block in BLOCKS if block.quotes]


@pytest.fixture
def afterwards():
    """Takes out what the page registers."""
    yield
    for catalogue in (wb.FORMATS, wb.CLIPPING):
        for name in set(catalogue) - catalogue.built_in:
            catalogue.unregister(name)


def test_the_page_shows_a_file_a_line_and_a_test():
    folders = ["workbench/numerics/formats", "workbench/numerics/formats", "tests/numerics"]
    assert [block.quotes.rpartition("/")[0] for block in QUOTING] == folders
    assert len(BLOCKS) > len(QUOTING)


@pytest.mark.parametrize("block", QUOTING, ids=lambda block: block.quotes)
def test_what_is_quoted_is_in_the_tree(block):
    source = (PROJECT / block.quotes).read_text(encoding="utf-8")
    if not block.runs:
        lines = {line.strip() for line in source.splitlines()}
        missing = [line for line in block.code.splitlines() if line.strip() not in lines]
        assert not missing, f"{PAGE}:{block.line}: not in {block.quotes}: {missing}"
    else:
        assert block.code == source, f"{PAGE}:{block.line} is not {block.quotes} any more; quote it again"


def test_what_is_shown_runs(afterwards):
    together = {"__name__": "contributing"}
    for block in [block for block in BLOCKS if block.runs]:
        block.run(together)
    for name in [name for name in together if name.startswith("test_")]:
        together[name]()
    assert {choice.format for choice in together["recipe"].values()} == {"denser"}
    assert {choice.method for choice in together["recipe"].values()} == {"three_sigma"}
    said = together["recipe"].to_json()
    assert Recipe.from_json(said) == together["recipe"]
    with pytest.raises(WorkbenchError, match="nearest is int4"):
        wb.export(together["model"], together["recipe"], "never.onnx")
    seen = wb.simulate(together["model"], together["recipe"], wb.demo.data()[1])
    assert seen.outputs["logits"].sqnr_db > 10
    for catalogue, name in ((wb.FORMATS, "denser"), (wb.CLIPPING, "three_sigma")):
        member = catalogue[name]
        catalogue.unregister(name)
        with pytest.raises(WorkbenchError, match=f"{name!r} is not known here"):
            Recipe.from_json(said)
        catalogue.register(name, member)


def test_the_rules_that_are_named_are_those_that_are_checked():
    page = (PROJECT / PAGE).read_text(encoding="utf-8")
    house = (PROJECT / "tests/test_house.py").read_text(encoding="utf-8")
    for words, constant in ((r"at most (\d+) lines", "LINES"), (r"larger than (\d+) MB", "MEGABYTES")):
        assert re.search(words, page)[1] == re.search(rf"^{constant} = (\d+)", house, re.MULTILINE)[1]
    for target in re.findall(r"^make ([a-z-]+)", page, re.MULTILINE):
        assert re.search(rf"^{target}\b.*:", (PROJECT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    for path in re.findall(r"`((?:tests|workbench)/[\w/]+\.py)`", page):
        assert (PROJECT / path).is_file(), path
