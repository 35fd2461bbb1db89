"""Finetuning under quantization: why a float copy of the weights is kept, and how momentum remembers."""

from collections.abc import Callable, Iterable

Quantize = Callable[[float], float]


def overwriting(weight: float, gradients: Iterable[float], rate: float, quantize: Quantize) -> list[float]:
    """The weight after each step where the quantized weight itself is kept: w = quantize(w - rate * g).

    Updates smaller than half a step are lost each time, so that the weight stays where it is.
    Source: HiSilicon GFPQ library guide on finetuning.
    """
    history = []
    for gradient in gradients:
        weight = quantize(weight - rate * gradient)
        history.append(weight)
    return history


def float_copy(weight: float, gradients: Iterable[float], rate: float, quantize: Quantize) -> list[float]:
    """The quantized weight after each step where a float copy is updated: w -= rate * g, then quantize(w).

    Sources: HiSilicon GFPQ library guide on finetuning; Courbariaux et al. 2015, BinaryConnect (arXiv:1511.00363).
    """
    history = []
    for gradient in gradients:
        weight -= rate * gradient
        history.append(quantize(weight))
    return history


def momentum(weight: float, gradients: Iterable[float], decay: float, rate: float) -> list[tuple[float, float]]:
    """(change, weight after it) of each step: change = decay * last change + rate * gradient.

    The change is *added*, so that `rate` is negative where `gradients` are those of a loss.
    Source: HiSilicon GFPQ library guide; Polyak 1964, Some methods of speeding up the convergence of iteration methods.
    """
    history, change = [], 0.0
    for gradient in gradients:
        change = decay * change + rate * gradient
        weight += change
        history.append((change, weight))
    return history
