"""`error_along_depth`: how far the quantized network has gone from the float one, tensor by tensor."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.models.model import Model
from workbench.workflow.comparison import Comparison, TensorError
from workbench.workflow.data import as_batches
from workbench.workflow.one_sample import one_sample
from workbench.workflow.recipe import Recipe
from workbench.workflow.simulate import Simulator


@dataclass(frozen=True)
class ErrorAlongDepth:
    """tensors: observed tensor -> its error against the float network, in graph order. samples: their numbers.

    before: the same with an earlier recipe (a tensor may be missing: it was not observed then), None without one.
    """

    tensors: Mapping[str, TensorError]
    samples: tuple[int, ...]
    before: Mapping[str, TensorError] | None = None

    @property
    def low_cosine(self) -> tuple[str, ...]:
        """Tensors with a cosine below 0.98."""
        return tuple(name for name, error in self.tensors.items() if error.low_cosine)

    @property
    def drop(self) -> tuple[str, float] | None:
        """The tensor that spoils most, and how far its SQNR lies below the least before it, dB; None without a fall.

        Powers of noise add up, so that a network in which none of n tensors is worse than another falls to its least
        SQNR plus 10 log10(n) at the first of them. What lies above this even share is no loss yet (the step from an
        input that is merely rounded to the first layer, the largest of all in decibels): a fall counts from there on,
        and the largest such part of a fall names the tensor. n: tensors with an error. The first of those has none
        before it to fall from; where it is beyond its share by more than all later falls, there is no drop to name.
        An SQNR of minus infinity or that is no number (values that are not finite) is an endless fall: the first of
        these after a tensor with another one is the drop.
        """
        sqnrs = {name: _ordered(error.sqnr_db) for name, error in self.tensors.items()}
        spoilt = _first_spoilt(sqnrs)
        if spoilt is not None:
            return spoilt, math.inf
        finite = [sqnr_db for sqnr_db in sqnrs.values() if math.isfinite(sqnr_db)]
        if not finite:
            return None
        share = min(finite) + 10 * math.log10(sum(sqnr_db < math.inf for sqnr_db in sqnrs.values()))
        found, most, least = None, 0.0, math.inf
        for name, sqnr_db in sqnrs.items():
            lost = min(least, share) - sqnr_db
            if lost > most:
                found, most = (name, least - sqnr_db) if least < math.inf else None, lost
            least = min(least, sqnr_db)
        return found

    def table(self) -> list[dict[str, Any]]:
        """One record a tensor: its figures, and with an earlier recipe those of then as before_..., None if unknown."""
        if self.before is None:
            return [{"tensor": name, **vars(error)} for name, error in self.tensors.items()]
        return [
            {"tensor": name, **vars(error), **_columns_before(error, self.before.get(name))}
            for name, error in self.tensors.items()
        ]


def _ordered(sqnr_db: float) -> float:
    """What is no number is as bad as can be."""
    return -math.inf if math.isnan(sqnr_db) else sqnr_db


def _first_spoilt(sqnrs: Mapping[str, float]) -> str | None:
    """The first tensor at minus infinity after one that is not."""
    sound = False
    for name, sqnr_db in sqnrs.items():
        if sound and sqnr_db == -math.inf:
            return name
        sound = sound or sqnr_db > -math.inf
    return None


def _columns_before(now: TensorError, before: TensorError | None) -> dict[str, Any]:
    return {f"before_{key}": getattr(before, key, None) for key in vars(now)}


def error_along_depth(
    model: Model,
    recipe: Recipe,
    data: Any,
    sample: int | None = None,
    *,
    before: Recipe | None = None,
    preprocess: Callable[[np.ndarray], np.ndarray] | None = None,
    state: Mapping[str, str] | None = None,
) -> ErrorAlongDepth:
    """SQNR and cosine of every observed tensor, quantized network against float.

    data, state: anything `as_batches` takes; a sequence is a sample. sample: the number of a single one; None: all of
    them. before: a recipe to compare with. A network of a fixed batch is given a single sample as often as that takes;
    dynamic ranges are those of this sample alone then. Raises WorkbenchError where the sample is not there, a recipe or
    the data do not fit.
    """
    batches = as_batches(model, data, preprocess=preprocess, state=state)
    samples = tuple(batches.sample_numbers) if sample is None else (sample,)
    simulator = Simulator(model, batches if sample is None else one_sample(model, batches, sample))
    earlier = None if before is None else simulator.compare(before)
    return along_depth(simulator.compare(recipe), earlier, samples)


def along_depth(
    comparison: Comparison, before: Comparison | None = None, samples: Sequence[int] = ()
) -> ErrorAlongDepth:
    """The same for what comparisons have measured already. samples: their numbers; without them from 0 on."""
    numbers = tuple(samples) or tuple(range(comparison.n_samples))
    return ErrorAlongDepth(comparison.tensors, numbers, None if before is None else before.tensors)
