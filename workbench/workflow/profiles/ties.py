"""Ties of a network: which tensors a profile's rules hold together, which recipes break them, and how to mend them."""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from onnx import NodeProto

from workbench.models.model import Layer, Model
from workbench.models.protos import is_float, is_operator
from workbench.numerics.formats.integer import IntegerFormat
from workbench.workflow.choice import TensorChoice
from workbench.workflow.profiles.rules import FixedScale, ProductBound, Rule, SameScale, Tie
from workbench.workflow.profiles.side import is_dynamic
from workbench.workflow.recipe import Recipe

_SEVERAL = ("Concat", "Add", "Sub", "Sum", "Max", "Min")  # operators whose inputs all are data
_TYPES_SHOWN = 3


@dataclasses.dataclass(frozen=True)
class Group:
    """Activations that one SameScale rule joins, quantized or not; layer: the first operator, types: of all."""

    members: frozenset[str]
    rule: SameScale
    layer: str
    types: tuple[str, ...]


_GROUPS: WeakKeyDictionary[Model, dict[tuple[Rule, ...], tuple[Group, ...]]] = WeakKeyDictionary()


def groups(model: Model, rules: tuple[Rule, ...]) -> tuple[Group, ...]:
    """The groups of a network under some rules, in graph order; worked out once, no recipe changes them."""
    known = _GROUPS.setdefault(model, {})
    if rules not in known:
        known[rules] = tuple(_groups(model, [rule for rule in rules if isinstance(rule, SameScale)]))
    return known[rules]


def _groups(model: Model, rules: Sequence[SameScale]) -> Iterator[Group]:
    joined: list[tuple[set[str], SameScale, list[NodeProto]]] = []
    for node in model.network.nodes:
        rule = next((rule for rule in rules if is_operator(node, *rule.operators)), None)
        if rule is None:
            continue
        members, nodes, first = set(_shared(model, node, rule)), [node], rule
        for entry in [entry for entry in joined if entry[0] & members]:
            joined.remove(entry)
            members |= entry[0]
            nodes, first = [*entry[2], *nodes], entry[1]
        joined.append((members, first, nodes))
    for members, rule, nodes in joined:
        if len(members) > 1:
            types = tuple(dict.fromkeys(node.op_type for node in nodes))
            yield Group(frozenset(members), rule, label(nodes[0]), types)


def _shared(model: Model, node: NodeProto, rule: SameScale) -> Iterator[str]:
    """The activations of a node that a rule joins: no shapes, no positions, no constants."""
    read = node.input if node.op_type in _SEVERAL else node.input[:1]
    for name in [*read, *(node.output if rule.output else ())]:
        tensor = model.tensors.get(name) if name else None
        if tensor is not None and tensor.kind in ("activation", "input") and is_float(tensor.dtype or np.dtype("f4")):
            yield name


def label(node: NodeProto) -> str:
    """What an operator is called: its name, else its type."""
    return node.name or node.op_type


def ties(model: Model, recipe: Recipe, rules: tuple[Rule, ...]) -> tuple[Tie, ...]:
    """Everything that the rules demand of the tensors that a recipe quantizes, kept or broken."""
    scaled = {name: c for name, c in recipe.items() if c.variation.has_scale and not is_dynamic(c)}
    return (*_same(model, scaled, rules), *_fixed(model, scaled, rules), *_bounds(model, scaled, rules))


def _same(model: Model, scaled: dict[str, TensorChoice], rules: tuple[Rule, ...]) -> Iterator[Tie]:
    order = {name: position for position, name in enumerate(model.tensors)}
    for group in groups(model, rules):
        members = tuple(sorted(group.members & scaled.keys(), key=order.__getitem__))
        if len(members) > 1:
            which = "and writes with" if group.rule.output else "with"
            shown = ", ".join(group.types[:_TYPES_SHOWN]) + (" ..." if len(group.types) > _TYPES_SHOWN else "")
            yield Tie(members, group.rule, group.layer, f"{shown} reads {which} one scale and zero point")


def _fixed(model: Model, scaled: dict[str, TensorChoice], rules: tuple[Rule, ...]) -> Iterator[Tie]:
    for rule in (rule for rule in rules if isinstance(rule, FixedScale)):
        for node in model.network.nodes:
            if is_operator(node, *rule.operators) and node.output[0] in scaled:
                words = f"the output of {node.op_type} has scale 1/{1 / rule.scale:g} and zero point {rule.zero_point}"
                yield Tie((node.output[0],), rule, label(node), f"{words}, counted from the lowest code")


def _bounds(model: Model, scaled: dict[str, TensorChoice], rules: tuple[Rule, ...]) -> Iterator[Tie]:
    for rule in (rule for rule in rules if isinstance(rule, ProductBound)):
        for layer in model.layers:
            output = _written(model, layer, scaled, rules)
            integers = [scaled[name] for name in (*layer.inputs, layer.weight, output) if name in scaled]
            if len(layer.inputs) != 1 or len(integers) != 3 or output is None or layer.weight is None:
                continue
            if all(isinstance(choice.variation, IntegerFormat) for choice in integers):
                words = f"the multiplier of {layer.name!r}, scale of input * weight / output, is below {rule.limit:g}"
                yield Tie((layer.inputs[0], layer.weight, output), rule, layer.name, words)


def _written(model: Model, layer: Layer, scaled: dict[str, TensorChoice], rules: tuple[Rule, ...]) -> str | None:
    """The quantized tensor whose scale the results of a layer are brought to; None where that is another operator's."""
    name = layer.observed_output
    fixed = [operator for rule in rules if isinstance(rule, FixedScale) for operator in rule.operators]
    if any(name in node.output and is_operator(node, *fixed) for node in model.network.nodes if fixed):
        return None
    if name in scaled:
        return name
    shared = next((group.members for group in groups(model, rules) if group.rule.output and name in group.members), ())
    return next((name for name in model.tensors if name in shared and name in scaled), None)


def broken(tie: Tie, recipe: Recipe) -> str | None:
    """How a recipe breaks a tie, in words without a full stop; None where it keeps it."""
    rule, quantizers = tie.rule, [recipe[name].quantizer for name in tie.tensors]
    if isinstance(rule, SameScale):
        found = {(q.format.name, q.scale.tobytes(), np.asarray(q.zero_point).tobytes()) for q in quantizers}
        if len(found) == 1:
            return None
        scales = ", ".join(f"{name!r} {np.max(q.scale):.4g}" for name, q in zip(tie.tensors, quantizers, strict=True))
        return f"{tie.reason}, but the scales are {scales}"
    if isinstance(rule, FixedScale):
        quantizer = quantizers[0]
        zero_point = np.asarray(quantizer.zero_point) - quantizer.format.zero_points[0]
        if np.all(quantizer.scale == np.float32(rule.scale)) and np.all(zero_point == rule.zero_point):
            return None
        return f"{tie.reason}, but here it is {np.max(quantizer.scale):.6g}, zero point {zero_point}"
    factor = multiplier(tie, recipe)
    return None if factor < rule.limit else f"{tie.reason}, but it is {factor:.4g}"


def multiplier(tie: Tie, recipe: Recipe) -> float:
    """Largest scale of input * scale of weight / scale of output of a bound."""
    read, weight, written = (np.max(recipe[name].quantizer.scale).astype(np.float64) for name in tie.tensors)
    return float(read * weight / written)


def mended(tie: Tie, recipe: Recipe, fixed: dict[str, FixedScale]) -> Recipe:
    """The recipe with a broken tie kept: one range that holds all, the fixed range, or an output wide enough.

    fixed: tensor -> the rule that fixes it; a group takes the range of its fixed member.
    """
    rule = tie.rule
    if isinstance(rule, FixedScale):
        return recipe.with_choice(_at_fixed_scale(recipe[tie.tensors[0]], rule))
    if isinstance(rule, ProductBound):
        choice = recipe[tie.tensors[2]]
        wider = multiplier(tie, recipe) / rule.limit * (1 + 1e-6)
        low, high = np.asarray(choice.low) * wider, np.asarray(choice.high) * wider
        return recipe.with_choice(dataclasses.replace(choice, low=low, high=high, method="hand"))
    choices = [recipe[name] for name in tie.tensors]
    bounds: dict[str, Any]
    held = next((name for name in tie.tensors if name in fixed), None)
    widest = recipe[held] if held is not None else max(choices, key=lambda choice: choice.variation.bits)
    if held is not None:
        widest = _at_fixed_scale(widest, fixed[held])
        bounds = {"low": widest.low, "high": widest.high, "symmetric": widest.symmetric}
    else:
        low, high = min(np.min(c.low) for c in choices), max(np.max(c.high) for c in choices)
        mirrored = all(choice.symmetric or not np.any(choice.quantizer.zero_point) for choice in choices)
        bounds = {"low": float(low), "high": float(high), "symmetric": mirrored and widest.variation.signed}
    one = dataclasses.replace(widest, **bounds, axis=None, block_size=None, method="hand")
    return recipe.with_choices(*(dataclasses.replace(one, tensor=choice.tensor) for choice in choices))


def _at_fixed_scale(choice: TensorChoice, rule: FixedScale) -> TensorChoice:
    """Low and high of the rule's scale and zero point; other formats than integers keep their range."""
    format = choice.variation
    if not isinstance(format, IntegerFormat):
        return choice
    low, high = -rule.zero_point * rule.scale, (format.qmax - format.qmin - rule.zero_point) * rule.scale
    bounds: dict[str, Any] = {"low": low, "high": high, "symmetric": False, "axis": None, "block_size": None}
    return dataclasses.replace(choice, **bounds, method="hand")
