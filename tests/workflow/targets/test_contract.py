"""What every export target promises, members of TARGETS one by one; a new target is tested here without a new line."""

import numpy as np
import pytest

from tests.workflow.small_models import images
from workbench.messages import WorkbenchError
from workbench.numerics.formats.catalogue import FORMATS
from workbench.workflow.choose import choose, choose_tensor, weight_names
from workbench.workflow.export.catalogue import TARGETS
from workbench.workflow.export.exporting import export
from workbench.workflow.profiles.catalogue import PROFILES
from workbench.workflow.ranges.catalogue import READERS
from workbench.workflow.ranges.importing import read_ranges, recipe_from_ranges

NAMES = [name for name in FORMATS if name != "fp32"]


@pytest.fixture(scope="module")
def choices(small, small_calibration):
    """A weight and an activation in every format, the tensors of the network in turn."""
    places = list(zip(weight_names(small), small.observed, strict=True))
    found = []
    for number, format in enumerate(NAMES):
        weight, activation = places[number % len(places)]
        found.append(choose_tensor(small, None, weight, format=format, method="min_max"))
        found.append(choose_tensor(small, small_calibration, activation, format=format, method="min_max"))
    return found


@pytest.fixture(scope="module")
def floats(small, small_calibration):
    """A recipe that says nothing yet."""
    return choose(small, small_calibration, weights=None, activations=None)


@pytest.fixture(scope="module")
def whole(small, small_calibration):
    """target -> a recipe for the whole network that it can express; the first of a few."""

    def first(target):
        sides = [("int8", "int8", True), ("int8", "int8", False), ("fp16", "fp16", False), ("bf16", "bf16", False)]
        for weights, activations, symmetric in sides:
            options = {"weights": weights, "activations": activations, "symmetric": symmetric}
            recipe = choose(small, small_calibration, clipping="min_max", **options)
            if not target.refusals(small, recipe):
                return recipe
        raise AssertionError(f"{target.name} can express none of {sides}")

    return first


@pytest.fixture(params=list(TARGETS))
def target(request):
    return TARGETS[request.param]


def test_it_describes_itself(target):
    assert TARGETS[target.name] is target
    assert target.title and target.runs_on and target.suffix.startswith(".")
    assert target.kind in ("network", "ranges", "report")
    assert not target.profile or target.profile in PROFILES
    assert all(name.isidentifier() and meaning for name, meaning in target.options.items())
    with pytest.raises(WorkbenchError, match=f"target {target.name} takes no option 'no_such_option'"):
        target.check_options({"no_such_option": 1})
    assert target.refusal(None, is_weight=False) is None or isinstance(target.refusal(None, is_weight=False), str)


def test_it_writes_or_refuses_every_format(target, small, small_calibration, choices, floats, tmp_path):
    path, expressible = tmp_path / f"net{target.suffix}", [floats]
    for choice in choices:
        reason = target.refusal(choice, is_weight=choice.tensor in weight_names(small))
        assert reason is None or (reason and not reason.endswith(".")), choice.format
        if not target.refusals(small, floats.with_choice(choice)):
            last = expressible.pop()
            full = [last, floats] if choice.tensor in last else [last]
            expressible += [*full[:-1], full[-1].with_choice(choice)]
            continue
        with pytest.raises(WorkbenchError, match=f"{target.name} cannot express this recipe"):
            export(small, floats.with_choice(choice), path, target=target.name)
        assert not list(tmp_path.iterdir())
    for recipe in expressible:
        if not recipe or target.refusals(small, recipe):  # nothing, or none of it together
            continue
        report = export(small, recipe, path, target=target.name, calibration=small_calibration)
        assert all(file.stat().st_size for file in report.files)


def test_the_same_bytes_twice(target, small, whole, tmp_path):
    recipe, written = whole(target), []
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        report = export(small, recipe, tmp_path / folder / f"net{target.suffix}", target=target.name, data=images(4))
        written.append({file.name: file.read_bytes() for file in report.files})
    assert written[0] == written[1]


def test_a_file_of_ranges_comes_back(target, small, whole, tmp_path):
    if target.kind != "ranges":
        assert target.read is None
        return
    assert target.read is not None
    recipe = whole(target)
    path = export(small, recipe, tmp_path / f"net{target.suffix}", target=target.name).files[0]
    found = read_ranges(path)
    assert found.kind in READERS
    back, _ = recipe_from_ranges(small, found)
    of_weights = set(weight_names(small))
    assert set(back) - of_weights == set(recipe) - of_weights
    for name, choice in back.items():
        np.testing.assert_array_equal(
            np.broadcast_to(choice.quantizer.scale, recipe[name].quantizer.scale.shape), recipe[name].quantizer.scale
        )
        np.testing.assert_array_equal(
            np.asarray(choice.quantizer.zero_point), np.asarray(recipe[name].quantizer.zero_point)
        )
