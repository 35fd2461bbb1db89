"""The number explorer's Python: what it sends of a number, what it hears, and what it refuses."""

import json
import math

import pytest

from workbench.messages import WorkbenchError
from workbench.numerics.formats.catalogue import FORMATS
from workbench.numerics.formats.codebook import format_from_levels
from workbench.ui.number_explorer import NumberExplorer, numbers
from workbench.ui.number_explorer.rows import FIRST, explorable, in_order, threshold_for


@pytest.fixture
def explorer():
    made = numbers()
    yield made
    made.close()


def rows(explorer):
    return {row["name"]: row for row in explorer.view["rows"]}


def hear(explorer, **content):
    explorer._handle_custom_msg({"kind": "set", "origin": "page", "serial": 7, **content}, [])


def test_the_first_formats_are_shown_with_the_chosen_one_in_detail(explorer):
    assert set(rows(explorer)) == set(FIRST)
    assert explorer.view["chosen"] == explorer.view["detail"]["name"] == "fp16"
    fp16 = rows(explorer)["fp16"]
    assert fp16["fields"] == [["sign", "0"], ["exponent", "01011"], ["mantissa", "1001100110"]]
    assert (fp16["decoded"], fp16["number_class"]) == ("0.0999755859375", "normal")
    assert len(explorer.view["detail"]["roundings"]) == 6


def test_a_number_assigned_is_taken_apart_at_once(explorer):
    explorer.value = 65520.0
    assert rows(explorer)["fp16"]["decoded"] == "inf"
    assert explorer.view["threshold"] == "65536.0" and explorer.view["automatic"]
    assert explorer.anatomy.number_class == "infinity"
    explorer.threshold = 1.0
    assert rows(explorer)["int8"]["number_class"] == "saturated" and not explorer.view["automatic"]
    explorer.chosen = "int8"
    assert explorer.view["detail"]["decoded"] == rows(explorer)["int8"]["decoded"]


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan, -0.0, 3.4e38, 1e300, 5e-324])
def test_every_number_can_be_sent(value):
    explorer = NumberExplorer(value)
    explorer.show_all = True
    text = json.dumps(explorer.view, allow_nan=False)
    explorer.close()
    assert repr(value) == json.loads(text)["value"]


def test_messages_of_the_page_are_one_change_and_are_answered_by_their_serial(explorer):
    seen = []
    explorer.observe(lambda change: seen.append(change["new"]), "view")
    hear(explorer, value="0.5", chosen="int8", threshold="2")
    assert len(seen) == 1
    assert (explorer.value, explorer.chosen, explorer.threshold) == (0.5, "int8", 2.0)
    assert (explorer.view["origin"], explorer.view["serial"]) == ("page", 7)
    hear(explorer, threshold=None, value="Infinity")
    assert explorer.threshold is None and explorer.value == math.inf
    hear(explorer, value="-0.0")
    assert math.copysign(1, explorer.value) == -1
    explorer.value = 3.0  # from a cell: the page takes the number over
    assert explorer.view["origin"] == ""


def test_show_all_has_every_format_that_says_something(explorer):
    hear(explorer, show_all=True)
    assert set(rows(explorer)) == {name for name, format in FORMATS.items() if explorable(format)}
    assert explorer.view["n_formats"] == len(explorer.view["rows"]) == len(FORMATS) - 9  # 8 k-means, pruning
    hear(explorer, show_all=False, chosen="mxfp4")
    assert set(rows(explorer)) == {*FIRST, "mxfp4"}


def test_rows_keep_their_order(explorer):
    few = explorer.formats
    explorer.show_all = True
    assert [name for name in explorer.formats if name in few] == few == in_order(set(FIRST))
    assert few[:4] == ["fp32", "tf32", "bf16", "fp16"]


def test_a_format_registered_meanwhile_joins_and_leaves(explorer):
    FORMATS.register(format_from_levels("thirds_of_one", [-1, 0, 1 / 3, 1]))
    try:
        assert rows(explorer)["thirds_of_one"]["fields"] == [["index", "01"]]
        explorer.chosen = "thirds_of_one"
    finally:
        FORMATS.unregister("thirds_of_one")
    assert "thirds_of_one" not in rows(explorer) and explorer.chosen == "fp16"


def test_a_closed_explorer_hears_of_no_format():
    explorer = NumberExplorer()
    explorer.close()
    before = explorer.view
    FORMATS.register(format_from_levels("thirds_of_one", [-1, 0, 1 / 3, 1]))
    FORMATS.unregister("thirds_of_one")
    assert explorer.view is before


@pytest.mark.parametrize(
    "value, threshold",
    [(0.1, 1), (1, 1), (-1.5, 2), (2048, 2048), (2049, 4096), (math.inf, 1), (math.nan, 1), (0, 1), (1e300, 1)],
)
def test_the_automatic_threshold_is_a_power_of_two(value, threshold):
    assert threshold_for(value) == threshold
    assert threshold_for(3.4e38) == pytest.approx(3.4028234e38)


@pytest.mark.parametrize(
    "arguments, words",
    [
        ({"value": "ten"}, "'ten' is no number"),
        ({"threshold": -1.0}, "no positive normal"),
        ({"threshold": math.inf}, "no positive normal"),
        ({"chosen": "fp17"}, "unknown format 'fp17'"),
        ({"chosen": "kmeans4"}, "says nothing about one number"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments, words):
    with pytest.raises(WorkbenchError, match=words):
        NumberExplorer(**arguments)
