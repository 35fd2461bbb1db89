"""Recipes: values that change by copy, survive JSON to the last bit and refuse what they cannot hold."""

import copy
import json
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.messages import WorkbenchError
from workbench.workflow.choice import TensorChoice
from workbench.workflow.recipe import Difference, Recipe


def recipe(**tensors) -> Recipe:
    choices = {n: TensorChoice(n, **{"format": "int8", "method": "hand", **values}) for n, values in tensors.items()}
    return Recipe("net", "0" * 64, choices)


def test_a_change_is_a_new_recipe():
    before = recipe(a=dict(low=-1.0, high=2.0))
    after = before.with_tensor("a", low=-2.0, high=2.0)
    assert (before["a"].low, after["a"].low) == (-1.0, -2.0)
    assert after["a"].quantizer.zero_point == 0 and before["a"].quantizer.zero_point != 0
    assert {d.field for d in before.diff(after)} >= {"low", "scale"}
    assert before.diff(before) == ()


def test_copies_and_pickles_are_the_same():
    first = recipe(a=dict(low=-1.0, high=2.0)).with_note("a", "mine").with_names({"a": "A"})
    for again in (copy.copy(first), copy.deepcopy(first), pickle.loads(pickle.dumps(first))):
        assert again == first and again.notes == first.notes and again.names == first.names


def test_what_is_not_given_is_kept():
    first = recipe(a=dict(low=-1.0, high=2.0, symmetric=False))
    assert first.with_tensor("a", format="uint8")["a"].high == 2.0
    assert first.with_tensor("a", rounding="up")["a"].method == "hand"


def test_notes_stay_whatever_is_chosen():
    first = recipe(a=dict(low=-1.0, high=2.0)).with_note("a", "mine").with_note("b", "stays float")
    assert first.choices is first.with_note("a", "yours").choices  # the very same: no figure is worked out anew
    assert first.with_tensor("a", format="uint8").notes == {"a": "mine", "b": "stays float"}
    assert first.with_tensor("a", format="fp32").without("a").notes["a"] == "mine"
    assert first.with_note("a", "").notes == {"b": "stays float"}
    assert first != first.with_note("a", "yours")


def test_notes_are_saved_and_compared():
    first = recipe(a=dict(low=-1.0, high=2.0)).with_note("a", "mine").with_note("b", "stays float")
    document = json.loads(json.dumps(first.to_json()))
    assert document["tensors"]["a"]["note"] == "mine" and document["tensors"]["b"] == {"note": "stays float"}
    assert Recipe.from_json(document) == first
    there = first.diff(recipe(a=dict(low=-1.0, high=2.0)))
    assert there == (Difference("a", "note", "mine", ""), Difference("b", "note", "stays float", ""))
    left = first.diff(recipe())
    assert [d.field for d in left] == ["format", "note", "note"]
    document["tensors"]["a"]["note"] = ""  # as files say that were written before
    assert Recipe.from_json(document).notes == {"b": "stays float"}
    document["tensors"]["a"]["note"] = 3
    with pytest.raises(WorkbenchError, match="'a': field 'note' is 3"):
        Recipe.from_json(document)


def test_entries_are_put_in_and_taken_out():
    first = recipe(a=dict(low=-1.0, high=2.0)).with_note("a", "mine")
    assert first.entry("b") is None and "note" in first.entry("a")
    assert first.with_entries({"a": None}) == recipe()
    assert first.with_entries({"a": {"note": "only"}}) == recipe().with_note("a", "only")
    assert recipe().with_entries({"a": first.entry("a")}) == first
    with pytest.raises(WorkbenchError, match="'a': field 'format' is missing"):
        first.with_entries({"a": {}})


def test_fp32_is_no_entry():
    assert "a" not in recipe(a=dict(low=-1.0, high=1.0)).with_tensor("a", format="fp32")
    with pytest.raises(WorkbenchError, match="without"):
        TensorChoice("a", "fp32", "own", -1.0, 1.0)


def test_a_format_without_scale_has_its_own_range():
    chosen = recipe(a=dict(low=-1.0, high=1.0)).with_tensor("a", format="fp16")["a"]
    assert (chosen.method, chosen.high, chosen.axis) == ("own", 65504.0, None)
    assert recipe().with_tensor("b", format="bf16")["b"].method == "own"
    with pytest.raises(WorkbenchError, match="'b' as bf16 has no threshold"):
        recipe().with_tensor("b", format="bf16").with_tensor("b", format="int8")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (dict(format="int99"), "unknown format 'int99'; expected one of fp32, fp16"),
        (dict(format="int8"), "'new' has no range yet"),
        (dict(low=1.0), "low and high go together"),
        (dict(low=0.0, high=1.0), "no entry yet"),
        (dict(format="int8", low=2.0, high=1.0), "'new': clip range .* is crossed"),
        (dict(format="int8", low=float("nan"), high=1.0), "'new': clip range .* is not finite"),
        (dict(format="int8", low=np.zeros(3), high=np.ones(3)), "need their axis"),
    ],
)
def test_impossible_changes_are_refused(arguments, words):
    with pytest.raises(WorkbenchError, match=words):
        recipe().with_tensor("new", **arguments)


def test_diff_names_entries_that_come_and_go():
    one, two = recipe(a=dict(low=-1.0, high=1.0)), recipe(b=dict(low=-1.0, high=1.0))
    assert one.diff(two) == (Difference("a", "format", "int8", None), Difference("b", "format", None, "int8"))


def test_diff_names_fields_that_only_one_side_writes():
    plain = recipe(a=dict(low=-1.0, high=1.0))
    varied = plain.with_tensor("a", rounding="up", zero_band=0.25)
    there = (Difference("a", "rounding", "nearest_even", "up"), Difference("a", "zero_band", 0.0, 0.25))
    back = (Difference("a", "rounding", "up", "nearest_even"), Difference("a", "zero_band", 0.25, 0.0))
    assert (plain.diff(varied), varied.diff(plain)) == (there, back)


bounds = st.floats(min_value=2.0**-60, max_value=2.0**60, width=32)


@given(bounds, bounds, st.sampled_from(["int8", "uint8", "int4", "fp8_e4m3", "int16"]), st.booleans())
def test_json_keeps_every_bit(low, high, format, symmetric):
    first = recipe().with_tensor("a", format=format, low=-low, high=high, symmetric=symmetric)
    again = Recipe.from_json(json.loads(json.dumps(first.to_json())))
    assert again == first and again["a"].quantizer == first["a"].quantizer


def test_saved_and_loaded_per_channel(tmp_path):
    high = np.linspace(0.1, 1, 7, dtype=np.float32)
    first = recipe().with_tensor("w", format="int8", low=-high, high=high, axis=0)
    again = Recipe.load(first.save(tmp_path / "net.recipe.json"))
    assert again == first
    assert again["w"].high.dtype == np.float32 and np.array_equal(again["w"].high, high)
    assert [p.name for p in tmp_path.iterdir()] == ["net.recipe.json"]


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ("", "not a JSON text"),
        ("[]", "no recipe"),
        ('{"workbench_recipe": 9}', "version 9"),
        ('{"workbench_recipe": 1, "tensors": {}}', "'model'"),
        ('{"workbench_recipe": 1, "model": {"name": "a", "sha256": "b"}}', "'tensors'"),
    ],
)
def test_files_that_are_no_recipe_are_refused(tmp_path, document, words):
    path = tmp_path / "broken.json"
    path.write_text(document)
    with pytest.raises(WorkbenchError, match=words) as refusal:
        Recipe.load(path)
    assert "broken.json" in str(refusal.value)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (dict(format=None), "'format' is None"),
        (dict(low="x"), "'low' must be a number"),
        (dict(low=-(10**400)), "'low' has a number beyond those of float32"),
        (dict(low=[-1e39], high=[1.0], axis=0), "clip range"),
        (dict(scale=3.0), "scale 3.0 does not follow"),
        (dict(surprise=1), "unknown field 'surprise'"),
        (dict(symmetric=2), "'symmetric'"),
    ],
)
def test_entries_are_checked_by_field(changes, words):
    document = recipe(a=dict(low=-1.0, high=1.0)).to_json()
    document["tensors"]["a"].update(changes)
    with pytest.raises(WorkbenchError, match=f"'a'.*{words}"):
        Recipe.from_json(document)


def test_saving_into_a_folder_that_does_not_exist(tmp_path):
    with pytest.raises(WorkbenchError, match="choose a folder"):
        recipe().save(tmp_path / "nowhere" / "a.json")
    with pytest.raises(WorkbenchError, match="directory"):
        recipe().save(tmp_path)
