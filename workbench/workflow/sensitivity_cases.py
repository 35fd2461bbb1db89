"""What a sensitivity sweep tries: one tensor or layer at a time, in a format or with half of its weights zero."""

import functools
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from workbench.messages import WorkbenchError
from workbench.models.model import Model
from workbench.models.segments import Cancelled
from workbench.workflow.choice import TensorChoice
from workbench.workflow.choose import Distributions, choose_tensor, default_weight_clipping, weight_axis, weight_names
from workbench.workflow.recipe import Recipe
from workbench.workflow.settings import Settings

By = Literal["tensor", "layer"]
Direction = Literal["alone", "all_but"]
Half = Literal["values", "filters"]
AS_CHOSEN = "as chosen"
HALF: dict[Half, str] = {"values": "half of the values zero", "filters": "half of the filters zero"}
Settle = Callable[[Recipe], Settings]


@dataclass(frozen=True)
class Case:
    """One thing to try.

    name: tensor or layer. side: "weights" or "activations". what: a format, AS_CHOSEN or one of HALF.
    tensors: what is changed. digest: tells whether two cases change it in the same way. settings(settle): what the
    network runs with; settle works out a recipe.
    """

    name: str
    side: str
    what: str
    tensors: tuple[str, ...]
    digest: str
    settings: Callable[[Settle], Settings]

    @property
    def key(self) -> tuple[str, str, tuple[str, ...]]:
        """What tells cases apart; layers that share their tensors share it too."""
        return self.side, self.what, self.tensors


def cases(
    model: Model,
    recipe: Recipe,
    *,
    uniform: Callable[[str], Mapping[str, TensorChoice]],
    formats: Sequence[str] | None,
    by: By,
    direction: Direction,
    half: Iterable[Half],
) -> list[Case]:
    """All cases, in graph order. uniform: format -> the choice of every tensor that can have it.

    Raises WorkbenchError for options that are unknown or contradict each other.
    """
    half = tuple(half)
    for field, value, known in (
        ("by", by, By),
        ("direction", direction, Direction),
        *(("half", h, Half) for h in half),
    ):
        if value not in get_args(known):
            raise WorkbenchError(f"{field}={value!r}; expected one of {', '.join(get_args(known))}")
    if direction == "all_but" and formats is not None:
        raise WorkbenchError("direction 'all_but' leaves one tensor of the recipe float; take formats out")
    found: list[Case] = []
    for what in (AS_CHOSEN,) if formats is None else formats:
        choices = recipe.choices if formats is None else uniform(what)
        for name, side, tensors in _subjects(model, choices, by):
            digest = digest_of(choices[tensor] for tensor in tensors)
            found.append(Case(name, side, what, tensors, digest, _quantized(recipe, choices, tensors, direction)))
    weights = {name: None for name in weight_names(model)}
    for kind in half:
        for name, _, tensors in _subjects(model, weights, by):
            settings = _half_zero(model, recipe, tensors, kind)
            found.append(Case(name, "weights", HALF[kind], tensors, _digest(kind), settings))
    unique = {case.key: case for case in reversed(found)}
    return sorted(reversed(unique.values()), key=lambda case: first_segment(model, case))


def digest_of(choices: Iterable[TensorChoice]) -> str:
    """Equal for choices of the same tensors that do the same to them; "" for none."""
    said = [[choice.tensor, choice.to_json()] for choice in choices]
    return _digest(said) if said else ""


def _digest(what: object) -> str:
    return hashlib.sha256(json.dumps(what).encode()).hexdigest()[:16]


def first_segment(model: Model, case: Case) -> int:
    """Where the run of a case begins."""
    return min(model.chain.segment_reading(name) for name in case.tensors)


def uniform_choices(
    model: Model,
    recipe: Recipe,
    calibration: Distributions | None,
    format: str,
    *,
    refused: dict[str, str] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> dict[str, TensorChoice]:
    """One format for every weight and every activation that can be quantized, by the default methods.

    refused: takes up tensor -> why it cannot have this format; None: such a tensor raises WorkbenchError. cancelled:
    asked before each tensor; True raises `Cancelled`.
    """
    weights = weight_names(model)
    found = {}
    for name in dict.fromkeys([*weights, *model.observed, *(n for n in model.residual_inputs if n in recipe)]):
        if cancelled is not None and cancelled():
            raise Cancelled
        is_weight = name in weights
        method = default_weight_clipping(format) if is_weight else "least_error"
        try:
            found[name] = choose_tensor(model, None if is_weight else calibration, name, format=format, method=method)
        except WorkbenchError as refusal:
            if refused is None:
                raise
            refused[name] = str(refusal)
    return found


def _subjects(model: Model, known: Mapping[str, object], by: By) -> Iterable[tuple[str, str, tuple[str, ...]]]:
    """(name, side, tensors) of everything that has a choice."""
    weights = set(weight_names(model))
    if by == "tensor":
        for name in known:
            yield name, "weights" if name in weights else "activations", (name,)
        return
    for layer in model.layers:
        for side, names in (("weights", (layer.weight,)), ("activations", layer.inputs)):
            tensors = tuple(name for name in names if name is not None and name in known)
            if tensors:
                yield layer.name, side, tensors


def _quantized(
    recipe: Recipe, choices: Mapping[str, TensorChoice], tensors: tuple[str, ...], direction: Direction
) -> Callable[[Settle], Settings]:
    if direction == "all_but":
        return lambda settle: settle(recipe.without(*tensors))
    alone = Recipe(recipe.model_name, recipe.model_sha256, {name: choices[name] for name in tensors})
    return lambda settle: settle(alone)


def _half_zero(model: Model, recipe: Recipe, tensors: tuple[str, ...], kind: Half) -> Callable[[Settle], Settings]:
    @functools.cache
    def pruned() -> Recipe:  # only where it is wanted: a large weight is sorted for it
        chosen = [choose_tensor(model, None, name, format="pruned", sparsity=0.5) for name in tensors]
        return Recipe(recipe.model_name, recipe.model_sha256, {choice.tensor: choice for choice in chosen})

    if kind == "values":
        return lambda settle: settle(pruned())

    def settings(settle: Settle) -> Settings:
        found = Settings()
        for name in tensors:
            found = found.with_weight(name, half_of_filters(model.tensors[name].array(), weight_axis(model, name) or 0))
        return found

    return settings


def half_of_filters(weights: np.ndarray, axis: int) -> np.ndarray:
    """A copy of a weight in which the half of the output channels with the smallest sums of magnitudes is zero.

    Of an odd number the smaller half goes; biases are no part of it.
    Source: Li et al. 2017, Pruning Filters for Efficient ConvNets (arXiv:1608.08710).
    """
    rows = np.moveaxis(weights.copy(), axis, 0)
    sizes = np.abs(rows.reshape(rows.shape[0], -1)).sum(axis=1, dtype=np.float64)
    rows[np.argsort(sizes, kind="stable")[: rows.shape[0] // 2]] = 0
    return np.ascontiguousarray(np.moveaxis(rows, 0, axis))
