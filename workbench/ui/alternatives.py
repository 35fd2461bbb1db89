"""What else a tensor could be: the marks of all methods, the error in every format. Computed by the worker."""

import dataclasses
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from workbench.messages import WorkbenchError
from workbench.models.model import Model
from workbench.models.segments import Cancelled
from workbench.numerics.clipping.catalogue import CLIPPING
from workbench.numerics.errors.error import QuantizationError
from workbench.numerics.formats.catalogue import FORMATS
from workbench.ui.books import ChoiceBook, Distributions, ErrorBook, Source, error_of, source_of
from workbench.ui.coded import coded_bits, worth_coding
from workbench.ui.sampled import SampleBook, needs_samples
from workbench.ui.state import FormatRow, FormatTable, TensorDetails
from workbench.ui.threshold.groups import Groups
from workbench.ui.worker import Turn
from workbench.workflow.choice import TensorChoice
from workbench.workflow.recipe import Recipe

ALWAYS_SHOWN = ("fp32", "fp16", "bf16", "int8")
ALWAYS_MARKED = ("least_error", "entropy", "min_max", "percentile")
LONG = ("least_absolute", "least_power", "alternating", "power_of_two_mse")  # seconds for a large tensor
Reach = Literal["marked", "quick", "every"]  # the methods on the plot; those of ours but the long ones; all there are
MOST_SEARCHED_GROUPS = 8  # searches by divergence look at every threshold of every group
PAUSE = 0.4  # seconds between partial results


@dataclass(frozen=True, eq=False)
class Looking:
    """A tensor at one moment, and what is needed to try something else for it."""

    model: Model
    book: ChoiceBook
    errors: ErrorBook
    samples: SampleBook
    recipe: Recipe
    calibration: Distributions | None
    name: str

    @property
    def choice(self) -> TensorChoice | None:
        return self.recipe.choices.get(self.name)

    @property
    def source(self) -> Source | None:
        return source_of(self.model, self.calibration, self.name)

    @property
    def is_activation(self) -> bool:
        return self.model.tensors[self.name].values is None

    def in_format(self, format: str, *, whole: bool) -> FormatRow:
        """What choosing a format would give. Nothing that goes wrong with one format keeps the others away."""
        source = self.source
        assert source is not None
        try:
            chosen = self.book.reformatted(self.calibration, self.name, format, self.choice)
            samples = self.samples.known(self.name) if self.is_activation else None
            error = error_of(self.model, self.name, chosen, source, samples, whole=whole)
            if error is None:
                why = "measured on samples, which need data" if not self.samples.has_data else ""
                return FormatRow(None, whole=whole, why=why)
            ends = (0.0, 0.0) if chosen is None else (chosen.quantizer.low, chosen.quantizer.high)
            sampled = samples is not None and needs_samples(chosen)
            bits = coded_bits(self.model, chosen, source) if whole else None
            return FormatRow(error, bits, *ends, whole=whole, n_samples=len(samples) if sampled else 0)  # type: ignore[arg-type]
        except WorkbenchError as refusal:
            return FormatRow(None, whole=whole, why=str(refusal))
        except Exception as mistake:  # in a format of the person's own
            return FormatRow(None, whole=whole, why=f"{format} failed: {type(mistake).__name__}: {mistake}")


def details_job(look: Looking, known: TensorDetails | None, turn: Turn, *, reach: Reach = "marked") -> TensorDetails:
    """The formats that are always in sight, the reference and the marks; what is cheap is published first.

    known: what was worked out before; the marks that still hold are kept, so that none vanishes for a moment.
    reach: which methods are marked, see `methods_by_cost`.
    """
    choice, source = look.choice, look.source
    if source is None:
        return TensorDetails(look.name, choice, source)
    if look.is_activation and needs_samples(choice):
        look.samples.read([look.name], turn.cancelled)
        look.errors.error(look.name, choice, source)
    marks: Mapping[str, tuple[float, float]] = {}
    if known is not None and known.tensor == look.name and known.choice is choice and known.source is source:
        marks = {method: span for method, span in known.marks.items() if method in CLIPPING.built_in}
    coded = coded_bits(look.model, choice, source) if worth_coding(choice) else None
    sqnr: dict[str, float | None] = {}
    for format in ALWAYS_SHOWN:
        if turn.cancelled():
            raise Cancelled
        row = look.in_format(format, whole=False)
        sqnr[format] = None if row.error is None else row.error.sqnr_db
    details = TensorDetails(look.name, choice, source, marks, {}, sqnr, _reference(look), coded, _n_samples(look))
    turn.publish(details)
    return with_marks(look, details, turn, reach)


def with_marks(look: Looking, details: TensorDetails, turn: Turn, reach: Reach) -> TensorDetails:
    """Details with the marks of more methods; those of every method are published as they come."""
    choice = details.choice
    if choice is None or not choice.variation.has_scale:
        return details
    marks, refused, last = dict(details.marks), dict(details.refused), time.monotonic()

    def so_far() -> TensorDetails:
        return dataclasses.replace(details, marks=dict(marks), refused=dict(refused))

    for method in methods_by_cost(choice, reach):
        if method in marks or method in refused:
            continue
        if turn.cancelled():
            raise Cancelled
        try:
            marks[method] = _mark(look, choice, method)
        except WorkbenchError as refusal:
            refused[method] = str(refusal)
        if reach == "every" and time.monotonic() - last > PAUSE:
            turn.publish(so_far())
            last = time.monotonic()
    return so_far()


def _n_samples(look: Looking) -> int:
    samples = look.samples.known(look.name)
    return len(samples) if samples is not None and look.is_activation and needs_samples(look.choice) else 0


def methods_by_cost(choice: TensorChoice, reach: Reach) -> list[str]:
    """Methods to try, the quick ones first; those of the person's own before the searches of other tools.

    "marked": `ALWAYS_MARKED` and the present one. "quick": of the built-in ones all but `LONG` as well. "every": all.
    """
    marked = (*ALWAYS_MARKED, choice.method)
    quick = [m for m in CLIPPING if m in CLIPPING.built_in and m not in LONG]
    wanted = [m for m in CLIPPING if m in marked or (reach == "quick" and m in quick) or reach == "every"]
    return sorted(wanted, key=lambda m: (m not in ALWAYS_MARKED, m.startswith("entropy_"), m in LONG))


def is_whole(details: TensorDetails | None, reach: Reach) -> bool:
    """Whether all is known that `details_job` works out."""
    if details is None or not details.sqnr_db:
        return False
    choice = details.choice
    if choice is None or not choice.variation.has_scale:
        return True
    return all(method in details.marks or method in details.refused for method in methods_by_cost(choice, reach))


def _mark(look: Looking, choice: TensorChoice, method: str) -> tuple[float, float]:
    """The range that a method would choose; for grouped tensors in units of each group's own maximum."""
    n_groups = choice.quantizer.n_groups
    if method.startswith("entropy") and n_groups > MOST_SEARCHED_GROUPS and method != choice.method:
        raise WorkbenchError(f"not tried: it searches each of {n_groups} groups; choose it to see")
    chosen = choice if method == choice.method and choice.dynamic is None else None
    if chosen is None:
        chosen = look.book.again(look.calibration, choice, method=method)
    if choice.quantizer.axis is None:
        return float(chosen.low), float(chosen.high)
    ratio = median_ratio(look.model.tensors[choice.tensor].array(), chosen)
    return -ratio, ratio


def _reference(look: Looking) -> QuantizationError | None:
    """What min-max would give in the same format and grouping; None where nothing is clipped or estimated."""
    choice, source = look.choice, look.source
    if choice is None or source is None or not choice.variation.has_scale or choice.dynamic is not None:
        return None
    try:
        other = look.book.again(look.calibration, choice, method="min_max")
        return error_of(look.model, choice.tensor, other, source)
    except WorkbenchError:
        return None


def median_ratio(array: np.ndarray, choice: TensorChoice) -> float:
    """Of a grouped choice: how much of its own largest magnitude the middle group keeps."""
    groups = Groups.of(array, choice.quantizer)
    ends = np.maximum(np.abs(np.asarray(choice.low, np.float64)), np.abs(np.asarray(choice.high, np.float64)))
    kept = groups.largest > 0
    return float(np.median(np.ravel(ends)[kept] / groups.largest[kept])) if kept.any() else 1.0


def formats_job(look: Looking, known: FormatTable | None, turn: Turn, *, whole: bool) -> FormatTable:
    """The error of a tensor in every format, published as it grows; rows of `known` that still hold are kept."""
    choice, source = look.choice, look.source
    rows: dict[str, FormatRow] = {}
    if known is not None and known.tensor == look.name and known.choice is choice and known.source is source:
        rows = {n: row for n, row in known.rows.items() if known.formats.get(n) is FORMATS.get(n)}

    def table(done: bool) -> FormatTable:
        return FormatTable(look.name, choice, source, dict(rows), {n: FORMATS.get(n) for n in rows}, done)

    if source is None:
        return table(True)
    turn.publish(table(False))
    last = time.monotonic()
    for format in _missing(FORMATS, rows, whole):
        if turn.cancelled():
            raise Cancelled
        if look.is_activation and look.samples.known(look.name) is None and _needs_samples(format):
            look.samples.read([look.name], turn.cancelled)
        rows[format] = look.in_format(format, whole=whole)
        if time.monotonic() - last > PAUSE:
            turn.publish(table(False))
            last = time.monotonic()
    return table(True)


def _needs_samples(format: str) -> bool:
    return getattr(FORMATS.get(format), "block_size", None) is not None


def _missing(formats: Iterable[str], rows: Mapping[str, FormatRow], whole: bool) -> list[str]:
    wanted = [f for f in formats if f not in rows or (whole and not rows[f].whole)]
    return [f for f in wanted if f in ALWAYS_SHOWN] + [f for f in wanted if f not in ALWAYS_SHOWN]
