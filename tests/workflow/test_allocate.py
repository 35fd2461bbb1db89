"""Mixed precision: what is found is measured, fits, and is near the best of all mixes there are."""

import dataclasses
import itertools

import numpy as np
import pytest
from onnx import helper

from tests.real_networks import inputs, model_path, needs_assets
from tests.workflow.small_models import constant, images, saved
from workbench.messages import WorkbenchError
from workbench.models.segments import Cancelled
from workbench.workflow.allocate import allocate
from workbench.workflow.allocation import Pareto
from workbench.workflow.calibrate import calibrate
from workbench.workflow.choose import choose, choose_tensor, weight_names
from workbench.workflow.export.exporting import export
from workbench.workflow.opening import load
from workbench.workflow.ranking import Ranking
from workbench.workflow.recipe import Recipe
from workbench.workflow.sensitivity import sensitivity
from workbench.workflow.simulate import simulate
from workbench.workflow.sizes import size_bytes

DATA = images(40, 9)
FORMATS = ("int4", "int8", "fp16")


def uniform(model, calibration, format, activations="int8"):
    return choose(model, calibration, weights=format, activations=activations)


def output(model, recipe, data=DATA, **options):
    return simulate(model, recipe, data, **options).outputs[model.outputs[0].name]


@pytest.fixture(scope="module")
def every_mix(small, small_calibration):
    """(bytes, dB) of all mixes of the small network."""
    base = choose(small, small_calibration, weights=None)
    same = [uniform(small, small_calibration, format) for format in ("int4", "int8")]
    choices = [[recipe[name] for recipe in same] for name in weight_names(small)]
    recipes = [base.with_choices(*chosen) for chosen in itertools.product(*choices)]
    return [(size_bytes(small, recipe)[1], output(small, recipe).sqnr_db) for recipe in recipes]


def test_the_best_of_all_mixes_at_every_budget_where_they_are_few(small, small_calibration, every_mix):
    for budget in sorted({size for size, _ in every_mix}):
        found = allocate(small, small_calibration, DATA, formats=("int4", "int8"), budget_bytes=budget)
        assert size_bytes(small, found)[1] <= budget
        best = max(db for size, db in every_mix if size <= budget)
        assert output(small, found).sqnr_db == best


def test_every_mix_of_the_front_is_what_was_measured(small, small_calibration):
    labels = np.arange(40) % 5
    found = allocate(small, small_calibration, DATA, formats=FORMATS, budget_bytes=10**9, labels=labels)
    assert len(found.pareto) >= 4 and isinstance(found, Recipe)
    for mix in found.pareto.measured:
        assert mix.error == output(small, mix.recipe, labels=labels)
        assert mix.size_bytes == size_bytes(small, mix.recipe)[1]
        assert {name: mix.recipe[name].format for name in weight_names(small)} == mix.formats
        assert {mix.recipe[name].format for name in mix.recipe if name not in mix.formats} == {"int8"}
    sizes, figures = [m.size_bytes for m in found.pareto], [m.sqnr_db for m in found.pareto]
    assert sizes == sorted(set(sizes)) and figures == sorted(set(figures))
    assert found == found.pareto[-1].recipe
    assert repr(found).startswith("<Recipe for small") and repr(found.pareto).count("bytes") == len(found.pareto)
    assert repr(found.pareto[0]) == f"<3 int4: {sizes[0]:,} bytes, {figures[0]:.1f} dB>"
    rows = found.pareto.table()
    assert [row["sqnr_db"] for row in rows] == figures and rows[0]["formats"] == "3 int4"
    assert all(row["accuracy"] is not None for row in rows)


def test_never_worse_than_one_format_everywhere(small, small_calibration):
    for format in FORMATS:
        same = uniform(small, small_calibration, format)
        found = allocate(small, small_calibration, DATA, formats=FORMATS, budget_bytes=size_bytes(small, same)[1])
        assert output(small, found).sqnr_db >= output(small, same).sqnr_db


def test_the_smallest_that_will_do(small, small_calibration):
    whole = allocate(small, small_calibration, DATA, formats=FORMATS, budget_bytes=10**9).pareto
    for wanted in (whole[0].sqnr_db, whole[1].sqnr_db, whole[-1].sqnr_db, -5.0):
        found = allocate(small, small_calibration, DATA, formats=FORMATS, least_sqnr_db=wanted)
        assert output(small, found).sqnr_db >= wanted
        smaller = [mix for mix in whole.measured if mix.size_bytes < size_bytes(small, found)[1]]
        assert all(mix.sqnr_db < wanted for mix in smaller)
    with pytest.raises(WorkbenchError, match=r"reaches .* dB .* 200 dB were asked; allow finer formats"):
        allocate(small, small_calibration, DATA, formats=FORMATS, least_sqnr_db=200)


def test_a_fixed_weight_and_one_that_may_stay_float(small, small_calibration):
    options = {"formats": ("int4", "fp32"), "fixed": {"fc.weight": "int16"}, "activations": None}
    found = allocate(small, None, DATA, budget_bytes=10**9, **options)
    assert dict(found) == {"fc.weight": found["fc.weight"]} and found["fc.weight"].format == "int16"
    least = allocate(small, None, DATA, least_sqnr_db=-99, **options)
    assert {choice.format for choice in least.values()} == {"int4", "int16"}


def test_ranges_are_found_as_choose_finds_them(small, small_calibration):
    options = {"per_channel": False, "symmetric": True, "clipping": "min_max", "activations": "int16"}
    found = allocate(small, small_calibration, DATA, formats=("int8",), budget_bytes=10**9, **options)
    assert found == choose(small, small_calibration, **options)


def test_a_budget_that_nothing_fits(small, small_calibration):
    least = size_bytes(small, uniform(small, small_calibration, "int4"))[1]
    with pytest.raises(WorkbenchError, match=f"the smallest mix takes {least:,} bytes .*allow a smaller format"):
        allocate(small, small_calibration, DATA, formats=FORMATS, budget_bytes=least - 1)
    found = allocate(small, small_calibration, DATA, formats=FORMATS, budget_bytes=least)
    assert {found[name].format for name in weight_names(small)} == {"int4"}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "give budget_bytes .* or least_sqnr_db"),
        ({"budget_bytes": 1, "least_sqnr_db": 1.0}, "give budget_bytes .* or least_sqnr_db"),
        ({"budget_bytes": 1, "formats": ()}, "formats is empty"),
        ({"budget_bytes": 1, "formats": ("int99",)}, "int99"),
        ({"budget_bytes": 1, "fixed": {"relu1_out": "int8"}}, "no weight 'relu1_out'"),
        ({"budget_bytes": 1, "output": "logit"}, "no output 'logit'"),
        ({"budget_bytes": "200kB"}, "budget_bytes='200kB'; expected a finite number"),
        ({"least_sqnr_db": float("nan")}, "least_sqnr_db=nan; expected a finite number"),
        ({"budget_bytes": 10**9, "workers": 0}, "workers=0; expected a whole number"),
        ({"budget_bytes": 10**9, "resume": 5}, "resume=5; expected a Ranking, or the path"),
        ({"budget_bytes": 1, "fixed": ["int8"]}, "fixed=.* expected a mapping"),
        ({"budget_bytes": 1, "formats": None}, "formats is empty"),
    ],
)
def test_what_cannot_be_asked(small, small_calibration, options, words):
    with pytest.raises(WorkbenchError, match=words):
        allocate(small, small_calibration, DATA, **options)


def test_a_format_that_a_weight_cannot_have_is_left_out_and_said(small, small_calibration, monkeypatch):
    def refusing(model, calibration, name, *, format, **options):
        if (name, format) == ("conv2.weight", "int4"):
            raise WorkbenchError("not this one")
        return choose_tensor(model, calibration, name, format=format, **options)

    monkeypatch.setattr("workbench.workflow.menu.choose_tensor", refusing)
    found = allocate(small, small_calibration, DATA, formats=("int4", "int8"), least_sqnr_db=-99)
    assert {name: found[name].format for name in weight_names(small) if found[name].format != "int4"} == {
        "conv2.weight": "int8"
    }
    assert ["conv2.weight" in str(one) and "not this one" in str(one) for one in found.notices] == [True]


def test_continued_from_a_file_and_told_how_far_it_is(small, small_calibration, tmp_path):
    seen, path = [], tmp_path / "alone.json"
    options = {"formats": FORMATS, "budget_bytes": 20_000, "resume": path}
    found = allocate(small, small_calibration, DATA, on_progress=seen.append, **options)
    alone = [one for one in seen if one.what == "weights alone"]
    assert [one.done for one in alone] == list(range(1, 10)) and alone[-1].total == 9
    assert str(alone[-1]) == "weights alone: 9 of 9 runs" and " left" in str(alone[0])
    assert [one.what for one in seen[9:]] == ["mixes"] * (len(seen) - 9) and seen[-1].done == seen[-1].total
    assert Ranking.load(path).complete
    seen.clear()
    again = allocate(small, small_calibration, DATA, on_progress=seen.append, **options)
    assert again == found and {one.what for one in seen} == {"mixes"}


def test_what_the_file_knows_of_other_tensors_stays_in_it(small, small_calibration, tmp_path):
    path, recipe = tmp_path / "alone.json", choose(small, small_calibration)
    whole = sensitivity(small, recipe, DATA, resume=path)
    allocate(small, small_calibration, DATA, formats=("int4", "fp16"), budget_bytes=10**9, resume=path)
    assert len(Ranking.load(path)) == len(whole) + 6
    runs = []
    assert sensitivity(small, recipe, DATA, resume=path, on_progress=runs.append) == whole and not runs


@pytest.mark.parametrize("formats", [("int8", "fp32"), ("fp32",)])
def test_outputs_without_any_error_end_the_search(small, formats):
    found = allocate(small, None, DATA, formats=formats, activations=None, budget_bytes=10**9)
    assert not found and found.pareto[-1].sqnr_db == np.inf == found.pareto[-1].predicted_sqnr_db


def test_a_mix_without_a_finite_output_hides_none_that_has_one(tmp_path):
    """Two bits make the sum before the root negative."""
    nodes = [helper.make_node("MatMul", ["x", "w"], ["sum"]), helper.make_node("Sqrt", ["sum"], ["y"])]
    weight = constant("w", [[0.45], [0.45], [-0.8], [1.0]])
    model = load(saved(tmp_path / "root.onnx", nodes, {"x": ["N", 4]}, {"y": ["N", 1]}, [weight]))
    x = np.linspace(1, 2, 20, dtype=np.float32)[:, None] * np.array([[1, 1, 1, 0]], np.float32)
    options = {"formats": ("int2", "int8", "fp16"), "activations": None, "clipping": "min_max"}
    best = allocate(model, None, x, budget_bytes=10**9, **options)
    assert best["w"].format == "fp16" and [np.isnan(mix.sqnr_db) for mix in best.pareto.measured].count(True) == 1
    least = allocate(model, None, x, least_sqnr_db=10, **options)
    assert least["w"].format == "fp16" and [mix.words for mix in least.pareto] == ["1 fp16"]
    with pytest.raises(WorkbenchError, match="none of 1 measured mixes has a finite output"):
        allocate(model, None, x, **options | {"formats": "int2", "budget_bytes": 10**9})


@pytest.mark.parametrize("n", [0, 3, 40, 100])
def test_given_up(small, small_calibration, n):
    left = itertools.count(n, -1)
    with pytest.raises(Cancelled):
        allocate(small, small_calibration, DATA, budget_bytes=10**9, workers=2, cancelled=lambda: next(left) < 0)


def test_it_is_a_recipe_like_any_other(small, small_calibration, tmp_path):
    found = allocate(small, small_calibration, DATA, formats=("int4", "int8"), budget_bytes=10**9)
    plain = Recipe.load(found.save(tmp_path / "mix.recipe.json"))
    assert plain == found and found == plain and type(plain) is Recipe
    changed = found.with_tensor("relu1_out", low=0.0, high=1.0)
    assert changed != found and changed.diff(found)
    assert export(small, found, tmp_path / "mix.onnx", data=DATA).bit_equal == 1.0


def test_equal_figures_leave_the_smaller_mix_on_the_front(small, small_calibration):
    found = allocate(small, small_calibration, DATA, formats=("int4", "int8"), budget_bytes=10**9).pareto
    larger = dataclasses.replace(found[0], size_bytes=found[0].size_bytes + 1)
    assert Pareto((larger, *found)).mixes == found.mixes
    with pytest.raises(WorkbenchError, match="the smallest measured mix takes"):
        found.within(1)
    with pytest.raises(WorkbenchError, match="none of 0 measured mixes has a finite output"):
        Pareto(()).within(10**9)


@needs_assets
@pytest.mark.parametrize("name", ["cifar10_resnet20", "cifar10_mobilenet", "cifar10_vit_a"])
def test_a_real_network_between_its_int4_and_its_int8_size(name):
    model, data = load(model_path(name)), inputs(name, "eval")[0][:128]
    calibration = calibrate(model, inputs(name, "calib")[0][:64])
    small, large = (uniform(model, calibration, format) for format in ("int4", "int8"))
    budget = sum(size_bytes(model, recipe)[1] for recipe in (small, large)) // 2
    found = allocate(model, calibration, data, formats=("int4", "int8"), budget_bytes=budget)
    assert size_bytes(model, found)[1] <= budget
    for names, worse_db in ((weight_names(model), 0), (reversed(weight_names(model)), 2)):
        by_order = small
        for name in names:  # as long as there are bytes
            finer = by_order.with_choice(large[name])
            by_order = finer if size_bytes(model, finer)[1] <= budget else by_order
        assert output(model, found, data).sqnr_db >= output(model, by_order, data).sqnr_db + worse_db
    predicted = [abs(mix.predicted_sqnr_db - mix.sqnr_db) for mix in found.pareto]
    assert np.median(predicted) < 2
