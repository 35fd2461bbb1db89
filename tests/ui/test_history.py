"""History: a value that undoes, redoes and survives JSON."""

import json

import pytest

from workbench.messages import WorkbenchError
from workbench.ui.history import LIMIT, History, changed_tensors
from workbench.workflow.recipe import Recipe


def recipe(**thresholds):
    made = Recipe("net", "0" * 64)
    for name, t in thresholds.items():
        made = made.with_tensor(name, format="int8", low=-t, high=t)
    return made


def test_there_and_back():
    one, two, three = recipe(a=1.0), recipe(a=2.0), recipe(a=2.0, b=3.0)
    history = History().after_change(one).after_change(two)
    back, history = history.back(three)
    assert back is two
    back, history = history.back(back)
    assert back is one and not history.past
    forth, history = history.forth(back)
    assert forth is two
    assert history.after_change(forth).future == ()


def test_ends_are_refused_in_words():
    with pytest.raises(WorkbenchError, match="nothing to undo"):
        History().back(recipe())
    with pytest.raises(WorkbenchError, match="nothing to redo"):
        History().forth(recipe())


def test_json_holds_what_differs_and_comes_back():
    steps = [recipe(), recipe(a=1.0), recipe(a=1.5), recipe(a=1.5, b=0.1), recipe(b=0.1)]
    history = History(tuple(steps[:2]), tuple(steps[3:]), ("one", "two"), ("three", ""))
    document = json.loads(json.dumps(history.to_json(steps[2])))
    assert [list(step) for step in document["undo"]] == [["a"], ["a"]]
    assert [list(step) for step in document["redo"]] == [["b"], ["a"]]
    again = History.from_json(document, steps[2])
    assert again == history


@pytest.mark.parametrize(
    "document",
    [None, {}, {"undo": 1, "redo": []}, {"undo": [3], "redo": []}, {"undo": [], "redo": [], "done": ["a line"]}],
)
def test_broken_json_is_refused(document):
    with pytest.raises(WorkbenchError):
        History.from_json(document, recipe())


def test_it_does_not_grow_for_ever():
    history = History()
    for i in range(LIMIT + 50):
        history = history.after_change(recipe(a=1.0 + i))
    assert len(history.past) == LIMIT and history.past[-1]["a"].high == LIMIT + 50.0


def test_changed_tensors():
    assert changed_tensors(recipe(a=1.0, b=1.0), recipe(a=1.0, b=2.0, c=1.0)) == ("b", "c")
    assert changed_tensors(recipe(a=1.0), recipe(a=1.0)) == ()
