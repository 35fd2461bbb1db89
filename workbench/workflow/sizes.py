"""`size_bytes`: what the constants of a network take, as floats and as chosen; `tensor_bytes`: one of them."""

import math
from collections.abc import Mapping

from workbench.models.model import Model
from workbench.workflow.choice import TensorChoice
from workbench.workflow.recipe import Recipe


def size_bytes(model: Model, recipe: Recipe, coded_bits: Mapping[str, float] | None = None) -> tuple[int, int, int]:
    """(float, chosen, coded): bytes of all weights, biases and other float constants, scales and levels included.

    coded: with the tensors of `coded_bits` (bits a value) entropy-coded, their code tables left out.
    """
    float_size = chosen_size = coded_size = 0
    for name, tensor in model.tensors.items():
        if tensor.values is None or tensor.kind not in ("weight", "bias"):
            continue
        n, choice = int(tensor.values.size), recipe.choices.get(name)
        float_size += tensor_bytes(n, None)
        chosen_size += tensor_bytes(n, choice)
        coded_size += tensor_bytes(n, choice, (coded_bits or {}).get(name, math.inf))
    return float_size, chosen_size, coded_size


def tensor_bytes(n_values: int, choice: TensorChoice | None, coded_bits: float = math.inf) -> int:
    """Bytes of one constant of `n_values`, scales and levels included; None: float32. coded_bits: if that is less."""
    if choice is None:
        return 4 * n_values
    format = choice.variation
    bits = format.bits + (8 / format.block_size if format.block_size else 0)
    extra = 5 * choice.quantizer.n_groups if format.has_scale else 4 * len(choice.levels or ())
    return math.ceil(n_values * min(bits, coded_bits) / 8) + extra
