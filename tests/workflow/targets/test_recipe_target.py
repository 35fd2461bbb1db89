"""Target and reader `recipe`: the saved recipe itself."""

from workbench.workflow.choose import choose, choose_tensor
from workbench.workflow.export.exporting import export
from workbench.workflow.ranges.importing import read_ranges, recipe_from_ranges
from workbench.workflow.recipe import Recipe


def test_it_is_the_recipe(small, small_calibration, tmp_path):
    recipe = choose(small, small_calibration).with_note("image", "as measured")
    recipe = recipe.with_choice(choose_tensor(small, None, "fc.weight", format="kmeans4", sparsity=0.2))
    export(small, recipe, tmp_path / "net.recipe.json", target="recipe")
    assert Recipe.load(tmp_path / "net.recipe.json") == recipe
    recipe.save(tmp_path / "saved.recipe.json")
    assert (tmp_path / "saved.recipe.json").read_bytes() == (tmp_path / "net.recipe.json").read_bytes()
    found = read_ranges(tmp_path / "net.recipe.json")
    assert found.kind == "recipe"
    assert recipe_from_ranges(small, found) == (recipe, ())


def test_names_for_a_tool_are_part_of_it(small, small_calibration, tmp_path):
    recipe, names = choose(small, small_calibration), {"image": "pixels", "logits": "classes"}
    export(small, recipe, tmp_path / "net.recipe.json", target="recipe", names=names)
    named = recipe.with_names(names)
    assert Recipe.load(tmp_path / "net.recipe.json") == named != recipe
    assert recipe_from_ranges(small, read_ranges(tmp_path / "net.recipe.json"))[0] == named
    assert recipe_from_ranges(small, read_ranges(tmp_path / "net.recipe.json"), names=names)[0] == named


def test_values_between_layers_come_back(small, tmp_path):
    recipe = choose(small, None, weights="fp16", activations="fp16", every_operator=True)
    export(small, recipe, tmp_path / "net.recipe.json", target="recipe")
    assert recipe_from_ranges(small, read_ranges(tmp_path / "net.recipe.json")) == (recipe, ())
