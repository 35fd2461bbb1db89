"""`fitted_to`: the nearest recipe that a device can express; `tied`: one range for tensors that share a scale there."""

import dataclasses
from collections.abc import Iterable
from typing import Any

from workbench.messages import Notice
from workbench.models.model import Model
from workbench.numerics.formats.catalogue import FORMATS
from workbench.workflow.choice import TensorChoice
from workbench.workflow.choose import choose_tensor, weight_axis, weight_names
from workbench.workflow.profiles.catalogue import as_profile
from workbench.workflow.profiles.nearest import in_words
from workbench.workflow.profiles.profile import Profile
from workbench.workflow.profiles.rules import FixedScale, SameScale
from workbench.workflow.profiles.side import grouping_of
from workbench.workflow.profiles.ties import broken, mended
from workbench.workflow.recipe import Recipe

ROUNDS = 60  # a widened output widens the next layer's; past this there is a circle that cannot be kept
_SHOWN = 4


def tied(model: Model, recipe: Recipe, profile: Profile | str) -> Recipe:
    """The recipe with every tie of a profile kept: tensors that share a scale get the range that holds all of theirs.

    Fixed scales are taken over, outputs widened until their multiplier is below its bound. Tensors whose ties cannot
    be kept together (two fixed scales in one group, an output bounded by itself) stay float; its notices name them.
    """
    wanted = as_profile(profile)
    settled, given_up = _settled(model, recipe, wanted)
    if not given_up:
        return settled
    words = f"{_listed(given_up)} cannot keep what {wanted.title} ties together, and stay float."
    return dataclasses.replace(settled, notices=(*settled.notices, Notice("tie", words)))


def _settled(model: Model, recipe: Recipe, profile: Profile) -> tuple[Recipe, tuple[str, ...]]:
    """A recipe without broken ties, and the tensors that had to be left float for it."""
    given_up: list[str] = []
    for step in range(ROUNDS):
        known = profile.ties(model, recipe)
        fixed = {tie.tensors[0]: tie.rule for tie in known if isinstance(tie.rule, FixedScale)}
        failing = [tie for tie in known if broken(tie, recipe) is not None]
        if not failing:
            return recipe, tuple(given_up)
        for tie in failing:
            if broken(tie, recipe) is not None:  # an earlier one may have mended it
                recipe = _fitted_side(profile, mended(tie, recipe, fixed), tie.tensors, model)
        if step >= ROUNDS // 2:
            lost = next((tie for tie in known if broken(tie, recipe) is not None), None)
            given_up += [] if lost is None else lost.tensors[-1:]
            recipe = recipe if lost is None else recipe.without(lost.tensors[-1])
    lost_names = [tie.tensors[-1] for tie in profile.violations(model, recipe)]
    while lost_names:
        given_up += lost_names
        recipe = recipe.without(*lost_names)
        lost_names = [tie.tensors[-1] for tie in profile.violations(model, recipe)]
    return recipe, tuple(dict.fromkeys(given_up))


def _fitted_side(profile: Profile, recipe: Recipe, names: Iterable[str], model: Model) -> Recipe:
    """A mended range moved to the grid of the scales, where there is one."""
    weights = set(weight_names(model))
    for name in names:
        found = profile.nearest(recipe[name], is_weight=name in weights)
        recipe = recipe.without(name) if found is None else recipe.with_choice(found)
    return recipe


def tied_with(model: Model, recipe: Recipe, profile: Profile | str, tensor: str) -> tuple[str, ...]:
    """The quantized tensors whose handles move with this one's, in graph order, itself left out; () for a free one."""
    for tie in as_profile(profile).ties(model, recipe):
        if isinstance(tie.rule, SameScale) and tensor in tie.tensors:
            return tuple(name for name in tie.tensors if name != tensor)
    return ()


def fitted_to(model: Model, recipe: Recipe, profile: Profile | str) -> tuple[Recipe, tuple[Notice, ...]]:
    """The nearest recipe that a profile can express, and what was changed for it.

    Formats, zero points, groupings, roundings first, then ties and bounds (`tied`). Weights whose format has no range
    to give get the whole range of their values, activations of that kind stay float. Notices name the tensors.
    """
    wanted, weights = as_profile(profile), set(weight_names(model))
    changed: dict[str, list[str]] = {}
    for name, choice in recipe.items():
        if wanted.refusal(choice, is_weight=name in weights) is None:
            continue
        found = _replacement(model, wanted, choice, is_weight=name in weights)
        recipe = recipe.without(name) if found is None else recipe.with_choice(found)
        changed.setdefault(f"{choice.format} -> {in_words(choice, found)}", []).append(name)
    notices = [Notice("fitted", f"{words}: {_listed(names)}.") for words, names in changed.items()]
    before = recipe
    recipe, given_up = _settled(model, recipe, wanted)
    moved = [name for name in recipe if recipe[name] != before[name]]
    if moved:
        words = f"What {wanted.title} ties together has one range, or an output wide enough: {_listed(moved)}."
        notices.append(Notice("tie", words))
    if given_up:
        notices.append(Notice("tie", f"Ties that cannot be kept together; float: {_listed(given_up)}."))
    return recipe, tuple(notices)


def _replacement(model: Model, profile: Profile, choice: TensorChoice, *, is_weight: bool) -> TensorChoice | None:
    """The nearest choice; of weights with the values at hand, where ranges per channel or a whole range are needed."""
    found = profile.nearest(choice, is_weight=is_weight)
    if not is_weight:
        return found
    side, name = profile.weights, choice.tensor
    format = found.format if found is not None else side.formats[0]
    per_channel = "channel" in side.groupings_of(format) and weight_axis(model, name) is not None
    coarser = found is not None and grouping_of(found) == "tensor" and grouping_of(choice) != "tensor"
    if not FORMATS[format].has_scale or (found is not None and not (coarser and per_channel)):
        return found
    mirrored = True if side.zero_points == "none" else choice.symmetric
    options: dict[str, Any] = {"per_channel": per_channel and choice.axis is not None, "symmetric": mirrored}
    fresh = choose_tensor(model, None, name, format=format, method="min_max", **options)
    return profile.nearest(dataclasses.replace(fresh, zero_band=choice.zero_band), is_weight=True)


def _listed(names: Iterable[str]) -> str:
    every = list(dict.fromkeys(names))
    return ", ".join(map(repr, every[:_SHOWN])) + (f" and {len(every) - _SHOWN} more" if every[_SHOWN:] else "")
