"""Entropy-coded size of one tensor: what its codes would take if frequent ones were written shorter."""

import numpy as np

from workbench.models.model import Model
from workbench.numerics.codebooks.entropy_coding import code_counts, code_entropy
from workbench.numerics.statistics.distribution import Distribution
from workbench.ui.books import Source, distribution_in, within
from workbench.workflow.choice import TensorChoice

MOST_BITS = 16  # of a code; wider formats have as many codes as values


def worth_coding(choice: TensorChoice | None) -> bool:
    """Whether people store this format entropy-coded: codebooks, binary and pruned tensors."""
    if choice is None or choice.variation.block_size is not None or choice.dynamic is not None:
        return False
    return choice.zero_band > 0 or choice.variation.family in ("codebook", "binary")


def coded_bits(model: Model, choice: TensorChoice | None, source: Source) -> float | None:
    """Bits a value of one tensor under one code table for all its groups; None where it is not known.

    Pruned float32 keeps 32 bits for each value that is not 0, and the entropy of which ones are.
    """
    if choice is None:
        return None
    quantizer, format = choice.quantizer, choice.variation
    if format.block_size is not None or choice.dynamic is not None:
        return None
    if quantizer.levels is None:
        return _pruned_bits(distribution_in(source), format.bits, choice.zero_band) if choice.zero_band else None
    if format.bits > MOST_BITS:
        return None
    if quantizer.axis is None:
        counts = code_counts(distribution_in(source), quantizer)
        return None if counts is None else code_entropy(np.maximum(counts, 0.0))
    array = model.tensors[choice.tensor].array()
    codes = quantizer.encode(np.where(np.isfinite(array), array, np.float32(0)))
    return code_entropy(np.unique(codes, return_counts=True)[1])


def _pruned_bits(distribution: Distribution, bits: int, band: float) -> float:
    zeros = within(distribution, band) / distribution.count
    return code_entropy([zeros, 1 - zeros]) + (1 - zeros) * bits
