"""What targets that write ranges, not networks, have in common: what stands against a tensor, and the self-check."""

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from workbench.messages import Notice, WorkbenchError
from workbench.models.model import Model
from workbench.numerics.formats.catalogue import FORMATS
from workbench.numerics.formats.integer import IntegerFormat
from workbench.numerics.quantizer import Quantizer
from workbench.workflow.choice import TensorChoice
from workbench.workflow.choose import weight_names
from workbench.workflow.export.target import Order, SelfCheck
from workbench.workflow.ranges.importing import recipe_from_ranges
from workbench.workflow.ranges.ranges import RangeFile
from workbench.workflow.recipe import Recipe

BYTES = ("int8", "int8_narrow", "uint8")


def text_refusal(name: str) -> str | None:
    """The `name_refusal` of files that hold any text."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return "the name is no text that UTF-8 can hold"
    return None


def unsaid(choice: TensorChoice) -> list[str]:
    """What a scale and a zero point alone do not say of a tensor, and what to do about it."""
    format, reasons = choice.variation, []
    if choice.dynamic is not None:
        reasons.append("its range is found while the network runs, the file holds fixed ones; give it a fixed range")
    if format.rounding != "nearest_even":
        reasons.append(f"it is rounded {format.rounding}, which the file cannot say; nearest is nearest_even")
    usual = FORMATS[choice.format].overflow
    if format.overflow != usual:
        reasons.append(f"it overflows by {format.overflow}, which the file cannot say; nearest is {usual}")
    if choice.zero_band:
        reasons.append("it has a zero band, which the file cannot say; nearest is none")
    return reasons


def byte_refusal(choice: TensorChoice | None, *, is_weight: bool) -> str | None:
    """The `refusal` of tools of one symmetric 8-bit integer: other ranges of 8 bits are made symmetric, see `step`."""
    if choice is None:
        return None
    if choice.format not in BYTES:
        return f"it is {choice.format}, the tool knows 8-bit integers alone; nearest is int8, or no entry for float"
    reasons = unsaid(choice)
    if choice.block_size is not None:
        reasons.append("it has blocks, the file one scale a channel or tensor; nearest is one a channel")
    return ", and ".join(reasons) or None


def write_lists(path: Path, version: str, lists: Mapping[str, list[dict[str, Any]]]) -> None:
    """A JSON object of a version and lists of objects, each object on a line of its own."""
    fields = [f'"version": {json.dumps(version)}']
    for name, entries in lists.items():
        lines = ",\n".join(f"  {json.dumps(entry, ensure_ascii=False)}" for entry in entries)
        fields.append(f"{json.dumps(name)}: [\n{lines}\n ]" if entries else f"{json.dumps(name)}: []")
    path.write_text("{\n " + ",\n ".join(fields) + "\n}\n", encoding="utf-8")


def is_symmetric(quantizer: Quantizer) -> bool:
    """Whether the codes are those of a signed integer with zero point 0, or the same moved by half their number."""
    format = quantizer.format
    assert isinstance(format, IntegerFormat)
    middle = 0 if format.signed else (format.qmax + 1) // 2
    return bool((np.asarray(quantizer.zero_point) == middle).all())


def step(choice: TensorChoice) -> np.ndarray:
    """float32 () or (groups,): the scale of a symmetric int8 that reaches as far as the choice's wider side.

    That of the choice itself where its codes are symmetric; max(|low|, |high|) / 127 else.
    """
    if is_symmetric(choice.quantizer):
        return choice.quantizer.scale
    return Quantizer.covering("int8", choice.low, choice.high, symmetric=True, axis=choice.axis).scale


def bytes_of(recipe: Recipe, leave_out: Iterable[str] = ()) -> list[str]:
    """The tensors of a recipe that `byte_refusal` has nothing against, without some."""
    others = set(leave_out)
    return [n for n, choice in recipe.items() if n not in others and byte_refusal(choice, is_weight=False) is None]


def made_symmetric(recipe: Recipe, names: Iterable[str], tool: str) -> tuple[Notice, ...]:
    """One sentence on tensors that get other codes than in the recipe; none where there are none."""
    changed = [name for name in names if not is_symmetric(recipe[name].quantizer)]
    if not changed:
        return ()
    sentence = f"Tensors with a zero point or unsigned codes, {len(changed)} in all ({listed(changed)}): {tool} has "
    return (Notice("range", sentence + "symmetric int8 alone, they are deployed as +-max(|low|, |high|)."),)


def listed(names: list[str]) -> str:
    """The first of some names, and how many more there are."""
    return ", ".join(map(repr, names[:4])) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def check_deployed(
    order: Order,
    path: Path,
    read: Callable[[Path], RangeFile],
    expected: Mapping[str, Quantizer],
) -> SelfCheck:
    """Read the file back as a recipe; every scale and zero point must be equal in all bits, and codes of weights too.

    expected: tensor of the model -> quantizer that the file is to describe; signed and unsigned codes at the same
    levels are one. Raises WorkbenchError naming the tensor where anything differs.
    """
    names = {tensor: name for tensor, name in order.names.items() if tensor in expected}
    found, _ = recipe_from_ranges(order.model, read(path), names=names)
    others = set(found) - set(expected)
    if others:
        raise WorkbenchError(
            f"the written file has a range for {sorted(others)[0]!r}, the recipe none; nothing was kept"
        )
    weights = set(weight_names(order.model))
    for name, quantizer in expected.items():
        again = found[name].quantizer if name in found else None
        if again is None or not _same(order.model, name, quantizer, again, is_weight=name in weights):
            raise WorkbenchError(f"{name!r} in the written file is not as in the recipe; nothing was kept")
    n_weights = len(weights & set(expected))
    sentence = f"{len(expected)} ranges were read back, equal in all bits of float32"
    sentence += f", and the codes of {n_weights} weights are equal" if n_weights else ""
    return SelfCheck(notices=(Notice("check", f"{sentence}. A file of ranges is not run."),))


def _same(model: Model, name: str, one: Quantizer, other: Quantizer, *, is_weight: bool) -> bool:
    if not _equal(one.scale, other.scale):
        return False
    if isinstance(one.format, IntegerFormat) and not _equal(_offset(one), _offset(other)):
        return False
    if not is_weight:
        return True
    values = model.tensors[name].array()
    return np.array_equal(one.fake_quantize(values), other.fake_quantize(values), equal_nan=True)


def _equal(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two arrays are the same, one number standing for many."""
    if one.size != other.size and 1 not in (one.size, other.size):
        return False
    return bool((np.ravel(one) == np.ravel(other)).all())


def _offset(quantizer: Quantizer) -> np.ndarray:
    """Where zero lies among the codes, counted from the middle one: equal for int8 at 0 and uint8 at 128."""
    format = quantizer.format
    assert isinstance(format, IntegerFormat)
    middle = 0 if format.signed else (format.qmax + 1) // 2
    return np.asarray(quantizer.zero_point) - middle
