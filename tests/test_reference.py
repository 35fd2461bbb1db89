"""Reference cases: exact numbers that the workbench must reproduce, one test a case.

The folder is `tests/reference`, or what WORKBENCH_REFERENCE_CASES names. An operation that nobody knows fails; one that
is outside the product is skipped with its reason.
"""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.reference.answers import ANSWERS, ROOMS
from tests.reference.outside import OUTSIDE
from tests.reference.tolerances import agrees, differences, rule_for

FOLDER = Path(os.environ.get("WORKBENCH_REFERENCE_CASES") or Path(__file__).parent / "reference")


def cases() -> list[Any]:
    found = []
    for path in sorted(FOLDER.glob("*.json")):
        content = json.loads(path.read_text(encoding="utf-8"))
        assert content["schema"] == 1, f"{path.name} has schema {content['schema']}; expected 1"
        found += [pytest.param(case, id=case["id"]) for case in content["cases"]]
    return found


@pytest.mark.parametrize("case", cases())
def test_case(case):
    operation = case["op"]
    if operation in OUTSIDE:
        pytest.skip(f"{case['id']}: {OUTSIDE[operation]}")
    assert operation in ANSWERS, f"nothing answers the operation {operation!r}"
    answer = ANSWERS[operation](case)
    tolerance = case["tolerance"]
    wrong = [f"{key}: no answer" for key in case["expected"] if key not in answer]
    for key in answer.keys() & case["expected"].keys():
        wrong += differences(answer[key], case["expected"][key], rule_for(key, tolerance), key)
    assert not wrong, "\n".join(wrong[:20])


def test_there_are_cases_and_their_names_are_unique():
    names = [case.id for case in cases()]
    assert names and len(names) == len(set(names))
    assert not ANSWERS.keys() & OUTSIDE.keys()
    assert len(ANSWERS) == sum(len(room.ANSWERS) for room in ROOMS), "two rooms answer one operation"


@pytest.mark.parametrize(
    ("found", "expected", "rule", "agree"),
    [
        (1.0, 1.0 + 1e-10, {"rel": 1e-9}, True),
        (1.0, 1.0 + 1e-8, {"rel": 1e-9}, False),
        (1e-16, 0.0, {"rel": 1e-12, "abs": 1e-15}, True),
        (1, 2, {"rel": 1.0}, False),
        (True, True, "exact", True),
        (1, True, "exact", False),
        (None, None, "exact", True),
        (0, None, "exact", False),
        (float("nan"), "nan", "exact", True),
        (float("inf"), "inf", {"rel": 1e-9}, True),
        (1e300, "inf", {"rel": 1e-9}, False),
        (0.0, "-0.0", "exact", False),
        (-0.0, -0.0, "exact", True),
        (-0.0, 0.0, {"abs": 1e-15}, True),
        (10, "0xa", "exact", True),
        ("0xA", "0x0a", "exact", True),
        ("word", "word", {"rel": 1e-9}, True),
        ("word", "other", {"rel": 1e-9}, False),
    ],
)
def test_the_rules_of_comparison(found, expected, rule, agree):
    assert agrees(found, expected, rule) is agree


def test_which_rule_belongs_to_a_key():
    tolerance = {"q": "exact", "scales": {"rel": 1e-6}, "rel": 1e-12, "abs": 1e-15}
    assert rule_for("q", tolerance) == "exact" and rule_for("x_scale", tolerance) == {"rel": 1e-6}
    assert rule_for("mse", tolerance) == {"rel": 1e-12, "abs": 1e-15} and rule_for("mse", {}) == {"rel": 1e-9}
    assert rule_for("anything", {"exact": True, "rel": 0.0}) == "exact"
    assert rule_for("published_loss", {"published": {"abs": 0.1}}) == {"abs": 0.1}
