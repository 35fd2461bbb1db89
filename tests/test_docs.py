"""The site that `make docs` makes: nothing public is left out of it, and its glossary is in order."""

import re
import sys
from importlib import import_module
from pathlib import Path

import pytest

import workbench as wb

PROJECT = Path(__file__).resolve().parents[1]
DOCS = PROJECT / "docs"


def beside_the_project(name, monkeypatch):
    """A module of docs/, none of which imports at its head what `make docs` alone installs."""
    monkeypatch.syspath_prepend(str(DOCS))
    yield import_module(name)
    sys.modules.pop(name, None)


@pytest.fixture
def sources(monkeypatch):
    yield from beside_the_project("sources", monkeypatch)


@pytest.fixture
def reading_copies(monkeypatch):
    yield from beside_the_project("reading_copies", monkeypatch)


def test_every_public_name_has_an_entry(sources):
    told = "\n".join(sources.pages().values())
    missing = [name for name in wb._HOME if not re.search(rf"^\.\. \S+ workbench\.{name}$", told, re.MULTILINE)]
    assert not missing
    for room in wb._ROOMS:
        assert f"api/{room}.rst" in sources.pages() and f"api/{room}" in sources.pages()["index.md"]


def test_every_lesson_and_page_is_in_the_tree_of_contents(sources):
    index = sources.pages()["index.md"].splitlines()
    for path in sorted((PROJECT / "notebooks").glob("*.ipynb")):
        assert f"notebooks/{path.stem}" in index
    assert {"notebooks/glossary", "CATALOGUE"} <= set(index)
    for name in sources.TOP:
        assert any(Path(name).stem in line for line in index), name


def test_what_is_copied_is_there(sources, tmp_path):
    sources.gather(tmp_path)
    assert (tmp_path / "CATALOGUE.md").read_text() == (PROJECT / "CATALOGUE.md").read_text()
    assert (tmp_path / "notebooks/workbench.png").exists() and (tmp_path / "api/numerics.rst").exists()


def test_rooms_list_what_they_hold(sources):
    page = sources.pages()["api/demo.rst"]
    assert "workbench.demo.model" in page and "workbench.demo.data" in page
    assert ".. autofunction:: workbench.lessons.check" in sources.pages()["api/lessons.rst"]


def test_outputs_become_what_a_page_can_show(reading_copies):
    figure = {"data": [{"y": [1, 2], "name": "</script><b>"}], "layout": {}, "still": True}
    drawn = reading_copies.plain({reading_copies.FIGURE: figure, "text/html": "x"})["text/html"]
    assert drawn.count("</script>") == 1 and "Plotly.newPlot" in drawn and "dragged in JupyterLab" in drawn
    assert "src=" not in drawn
    wide = {"data": [], "layout": {"width": 900, "height": 77}}
    drawn = reading_copies.plain({reading_copies.FIGURE: wide})["text/html"]
    assert '"width"' not in drawn and '"height": 77' in drawn
    live = reading_copies.plain({reading_copies.WIDGET: {}, "text/plain": "App(...)"})
    assert live == {"text/html": reading_copies.LIVE}
    assert reading_copies.plain({"text/plain": "4", "application/json": {}}) == {"text/plain": "4"}


@pytest.fixture
def offline(monkeypatch):
    yield from beside_the_project("offline", monkeypatch)


@pytest.mark.parametrize(
    ("name", "content", "found"),
    [
        ("a.html", '<script src="https://cdn.example/x.js"></script>', True),
        ("a.html", '<script defer src="//cdn.example/x.js"></script>', True),
        ("a.html", '<link rel="stylesheet" href="https://fonts.example/css">', True),
        ("a.html", '<img alt="" src="http://example.org/a.png">', True),
        ("a.css", "@import url('https://fonts.example/css');", True),
        ("a.css", "body { background: url(https://example.org/a.png) }", True),
        ("a.html", '<a href="https://example.org/">a link to follow</a><script src="../x.js"></script>', False),
        ("a.css", "body { background: url(a.png) }", False),
    ],
)
def test_what_would_ask_the_network_is_found(offline, tmp_path, name, content, found):
    (tmp_path / name).write_text(content)
    assert offline.foreign(tmp_path) == ([name] if found else [])


@pytest.fixture(scope="module")
def glossary():
    """(term, meaning, Chinese, lesson) of every row."""
    text = (PROJECT / "notebooks" / "glossary.md").read_text(encoding="utf-8")
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("| ")
    ]
    return rows[2:]


def test_the_glossary_is_in_order(glossary):
    terms = [row[0] for row in glossary]
    assert all(len(row) == 4 and all(row) for row in glossary)
    assert terms == sorted(terms, key=str.casefold) and len(set(terms)) == len(terms)


def test_the_glossary_names_lessons_that_exist(glossary):
    known = {path.stem.partition("_")[0] for path in (PROJECT / "notebooks").glob("*.ipynb")}
    assert {row[3] for row in glossary} <= known | {"README"}


@pytest.mark.parametrize("chinese", ["饱和", "定标", "校准", "对称", "非对称", "逐通道", "反量化", "零点", "阈值"])
def test_the_chinese_terms_of_the_field_are_there(chinese):
    assert chinese in (PROJECT / "notebooks" / "glossary.md").read_text(encoding="utf-8")
