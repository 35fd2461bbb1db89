"""`size_bytes`: what the constants of a network take, as floats and as chosen."""

import math
from collections.abc import Mapping

from workbench.models.model import Model
from workbench.workflow.recipe import Recipe


def size_bytes(model: Model, recipe: Recipe, coded_bits: Mapping[str, float] | None = None) -> tuple[int, int, int]:
    """(float, chosen, coded): bytes of all weights, biases and other float constants, scales and levels included.

    coded: with the tensors of `coded_bits` (bits a value) entropy-coded, their code tables left out.
    """
    float_size = chosen_size = coded_size = 0
    for name, tensor in model.tensors.items():
        if tensor.values is None or tensor.kind not in ("weight", "bias"):
            continue
        n = int(tensor.values.size)
        choice = recipe.choices.get(name)
        bits, extra = 32.0, 0
        if choice is not None:
            format = choice.variation
            bits = format.bits + (8 / format.block_size if format.block_size else 0)
            extra = 5 * choice.quantizer.n_groups if format.has_scale else 4 * len(choice.levels or ())
        float_size += 4 * n
        chosen_size += math.ceil(n * bits / 8) + extra
        coded_size += math.ceil(n * min(bits, (coded_bits or {}).get(name, bits)) / 8) + extra
    return float_size, chosen_size, coded_size
