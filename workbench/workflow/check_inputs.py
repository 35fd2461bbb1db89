"""`check_inputs`: are these the inputs that the network was trained on? Asked before anything is quantized.

A wrong mean, scale or channel order looks exactly like bad quantization, but no format repairs it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.messages import WorkbenchError
from workbench.models.model import Model
from workbench.workflow.comparison import wilson_interval
from workbench.workflow.data import as_batches
from workbench.workflow.input_evidence import Evidence, colour_axis, gather

NOT_CHECKED = "The inputs of sequences are not compared with what the network was trained on: that takes single feeds."
FEW = 8  # below this many samples only gross deviations count
SPREAD, SPREAD_OF_FEW = 2.0, 5.0  # times wider or narrower than in training; right inputs measure 0.78 to 1.2
NARROW = 1.6  # a doubt from here on
SHIFT = 0.75  # standard deviations; right inputs measure up to 0.25, a forgotten mean 1.2 to 1.4
SAME_ANSWER = 0.8  # share of the samples
BARELY = 0.1  # of the way from chance to perfect
SURER = 2.5  # standard errors


@dataclass(frozen=True)
class Finding:
    """Something is wrong. words: a sentence that may follow a colon. about: what a person should look at."""

    words: str
    about: str = "preprocessing"


@dataclass(frozen=True)
class InputReport:
    """What speaks for and against the inputs; `str()` is all of it in words, the verdict first.

    samples: up to three, as the model sees them, without the batch axis. low, high, mean, std: of the values checked.
    accuracy: of the float network, share in [0, 1]; accuracy_interval: Wilson, 95 %; chance: what guessing would give;
    all None without labels. spread, shift: inputs against training behind the first BatchNorm, as a ratio of standard
    deviations and as a distance of means in standard deviations; None where the network has no BatchNorm.
    """

    ok: bool
    sentences: tuple[str, ...]
    samples: tuple[np.ndarray, ...]
    low: float
    high: float
    mean: float
    std: float
    n_samples: int
    accuracy: float | None = None
    accuracy_interval: tuple[float, float] | None = None
    chance: float | None = None
    spread: float | None = None
    shift: float | None = None

    def __str__(self) -> str:
        return "\n".join(self.sentences)


def check_inputs(
    model: Model,
    data: Any,
    labels: Any = None,
    *,
    preprocess: Callable[[np.ndarray], np.ndarray] | None = None,
    limit: int = 256,
) -> InputReport:
    """Compare inputs with what the float network tells of its training, and with its answers.

    data: anything `as_batches` takes. labels: class indices (samples,). limit: how many samples to look at (whole
    batches). Compared are the range of the values, mean and spread behind the first BatchNorm with its parameters, the
    accuracy with chance, the variety of the answers, and how sure the network is with the colours in reverse order.
    Raises WorkbenchError where data or labels do not fit the model.
    """
    if limit < 1:
        raise WorkbenchError(f"limit={limit}; expected at least 1 sample")
    if labels is None:
        labels = getattr(data, "labels", None)
    everything = as_batches(model, data, preprocess=preprocess).without_state("check_inputs")
    known = None if labels is None else _checked_labels(labels, everything.n_samples)
    batches = everything.first(limit)
    seen = gather(model, batches)
    if known is not None:
        known = known[: seen.n_samples]
    trouble, remarks = _judge(model, seen, known)
    praise = _praise(model, seen, _accuracy(seen, known))
    if not trouble and seen.answers is not None and colour_axis(seen.shown) is not None:
        trouble, doubt = _order(seen, gather(model, batches, reverse_colours=True), known)
        praise = f"{praise} But {doubt}" if doubt else praise
    verdict = f"Check the {trouble[0].about} first: {trouble[0].words}" if trouble else praise
    accuracy = _accuracy(seen, known)
    return InputReport(
        ok=not trouble,
        sentences=(verdict, *(_sentence(finding.words) for finding in trouble[1:]), *remarks),
        samples=seen.samples,
        low=seen.values.low,
        high=seen.values.high,
        mean=seen.values.mean,
        std=seen.values.std,
        n_samples=seen.n_samples,
        accuracy=accuracy,
        accuracy_interval=None if accuracy is None else wilson_interval(accuracy, seen.n_samples),
        chance=None if accuracy is None else 1 / seen.n_classes,
        spread=seen.spread,
        shift=seen.shift,
    )


def _checked_labels(labels: Any, n_samples: int) -> np.ndarray:
    found = np.asarray(labels)
    if found.ndim != 1 or found.dtype.kind not in "iu":
        raise WorkbenchError(
            f"labels of shape {found.shape} and dtype {found.dtype}; expected class indices (samples,)"
        )
    if found.size and found.min() < 0:
        raise WorkbenchError(f"labels hold {found.min()}; expected class indices from 0 on")
    if found.size < n_samples:
        raise WorkbenchError(f"{found.size} labels for {n_samples} samples; give one label a sample")
    return found.astype(np.int64)


def _accuracy(seen: Evidence, labels: np.ndarray | None) -> float | None:
    return None if labels is None or seen.answers is None else float(np.mean(seen.answers == labels))


def _judge(model: Model, seen: Evidence, labels: np.ndarray | None) -> tuple[list[Finding], list[str]]:
    """What is wrong, the weightiest first, and remarks: whole sentences."""
    v, name = seen.values, seen.shown.name
    span = f"{v.low:.4g} to {v.high:.4g}, mean {v.mean:.3g}, standard deviation {v.std:.3g}"
    remarks = [f"Input {name!r} over {seen.n_samples} samples: {span}."]
    if v.n_unusable:
        return [Finding(f"{v.n_unusable} values of input {name!r} are NaN or infinite.")], remarks
    if v.low == v.high:
        return [Finding(f"every value of input {name!r} is {v.low + 0:.4g}.")], remarks
    scale = _training(model, seen, remarks)
    trouble = [*scale, *_right_answers(seen, labels, remarks), *_variety(seen, labels, remarks)]
    if v.whole and v.low >= 0 and 1 < v.high <= 255:
        words = (
            f"The values are whole numbers from {v.low:.0f} to {v.high:.0f}, like raw pixels; bring them to the range, "
        )
        remarks.append(words + "mean and deviation of the training, unless the network does that itself.")
    elif (scale or (trouble and seen.spread is None)) and v.low >= 0 and v.high <= 1:
        remarks.append("The values lie in 0..1; mean and deviation of the training may still have to be applied.")
    return trouble, remarks


def _training(model: Model, seen: Evidence, remarks: list[str]) -> list[Finding]:
    """The first BatchNorm: what the file says of the training against what is measured."""
    spread, shift = seen.spread, seen.shift
    if spread is None or shift is None:
        return []
    limit = SPREAD if seen.n_samples >= FEW else SPREAD_OF_FEW
    fitting = f"inputs with a standard deviation of about {seen.values.std / spread:.2g} would fit" if spread else ""
    remarks.append(
        f"Behind the first BatchNorm the values spread {spread:.3g} times as wide as in training and their means are "
        f"{shift:.3g} standard deviations away{fitting and '; ' + fitting}."
    )
    if spread > limit:
        return [Finding(f"the inputs are about {_times(spread)} times too large for {model.name}.")]
    if spread < 1 / limit:
        size = f"about {_times(1 / spread)} times" if spread > 1e-6 else "far"
        return [Finding(f"the inputs are {size} too small for {model.name}.")]
    if shift > SHIFT:
        return [Finding(f"the mean of the inputs is not the one {model.name} was trained with; is it subtracted?")]
    return []


def _right_answers(seen: Evidence, labels: np.ndarray | None, remarks: list[str]) -> list[Finding]:
    """Accuracy against chance."""
    accuracy = _accuracy(seen, labels)
    if accuracy is None or labels is None:
        return []
    low, high = wilson_interval(accuracy, seen.n_samples)
    chance = 1 / seen.n_classes
    interval = f"95 % interval {100 * low:.1f} to {100 * high:.1f} %, guessing gives {100 * chance:.2g} %"
    words = f"the float network answers {100 * accuracy:.1f} % of {seen.n_samples} samples right ({interval})."
    near = low <= chance or accuracy < chance + BARELY * (1 - chance)
    if not near or high > chance + (1 - chance) / 2:
        remarks.append(_sentence(words))
        return []
    for step in (1, -1):
        moved = float(np.mean(seen.answers == labels - step))
        if moved > high and moved > 2 * chance:
            change = f"with {-step:+d} on every label {100 * moved:.0f} % are right"
            return [Finding(f"they seem to be counted from another number, {change}.", "labels"), Finding(words)]
    return [Finding(words)]


def _variety(seen: Evidence, labels: np.ndarray | None, remarks: list[str]) -> list[Finding]:
    """One answer for nearly everything: wrong where nothing better is known, otherwise a remark."""
    if seen.answers is None or seen.n_samples < 2 * FEW:
        return []
    share = np.bincount(seen.answers).max() / seen.n_samples
    usual = 0.0 if labels is None else np.bincount(labels).max() / seen.n_samples
    if share < SAME_ANSWER or usual > share / 2:
        return []
    words = f"the network gives the same answer for {100 * share:.0f} % of the samples."
    if seen.n_classes > 2 and (seen.spread is None or labels is not None):
        return [Finding(words)]
    remarks.append(_sentence(words))
    return []


def _order(seen: Evidence, other: Evidence, labels: np.ndarray | None) -> tuple[list[Finding], str]:
    """The colours in reverse order: clearly more right answers are a finding, fewer or surer answers a doubt."""
    assert seen.answers is not None and other.answers is not None
    advice = 'try order="BGR" instead of "RGB", or the other way round.'
    if labels is not None:
        now, then = seen.answers == labels, other.answers == labels
        gained, lost = int((then & ~now).sum()), int((now & ~then).sum())
        words = (
            f"with the colours in reverse order {100 * then.mean():.1f} % of the answers are right instead of "
            f"{100 * now.mean():.1f} %; {advice}"
        )
        errors = (gained - lost) / np.sqrt(max(gained + lost, 1))  # McNemar's test
        return ([Finding(words)] if errors > 3 else []), (words if errors > 2 else "")
    change = seen.entropies - other.entropies
    error = change.std() / np.sqrt(len(change))
    doubtful = len(change) >= 2 * FEW and change.mean() > SURER * error > 0
    return [], f"the network is surer of its answers with the colours in reverse order; {advice}" if doubtful else ""


def _praise(model: Model, seen: Evidence, accuracy: float | None) -> str:
    right = "" if accuracy is None else f"{model.name} answers {100 * accuracy:.1f} % right"
    if seen.spread is None:
        if right:
            return f"{right}; nothing speaks against these inputs."
        return f"Nothing speaks against these inputs; without BatchNorm and labels {model.name} tells little of them."
    if not 1 / NARROW < seen.spread < NARROW:
        found = f"The inputs spread {seen.spread:.2g} times as wide as those that {model.name} was trained on"
        return f"{found}; look at their mean and deviation{right and f' ({right})'}."
    return f"The inputs look like those that {model.name} was trained on{right and f'; {right}'}."


def _times(ratio: float) -> str:
    return f"{ratio:.0f}" if ratio >= 10 else f"{ratio:.1f}"


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:]
