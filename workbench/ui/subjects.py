"""From a moment of a study to what the plot draws."""

from workbench.models.model import Model
from workbench.numerics.statistics.histogram import Histogram
from workbench.ui.alternatives import ALWAYS_MARKED
from workbench.ui.books import distribution_in, source_of
from workbench.ui.channel_ranges import is_mirrored
from workbench.ui.state import State
from workbench.ui.threshold.extremes import Ends
from workbench.ui.threshold.subject import Subject
from workbench.ui.words import caption, method_title
from workbench.workflow.diagnosis.look import channel_axis

HEAVY = 1 << 17  # values of a weight, whose curves take more than a moment
ON_THE_WAY = "the curves are on their way"


def subject_of(model: Model, state: State) -> Subject | None:
    """The selected tensor at its present choice; None where nothing is known of its values."""
    name = state.selected
    source = source_of(model, state.calibration, name) if name else None
    if source is None:
        return None
    tensor, choice, details = model.tensors[name], state.recipe.choices.get(name), state.details
    if details is not None and details.choice is not choice:
        details = None
    grouped = choice is not None and choice.quantizer.axis is not None and tensor.values is not None
    scaled = choice is not None and choice.variation.has_scale
    low, high = (choice.low, choice.high) if choice is not None and scaled else (None, None)
    marks = {} if details is None else details.marks
    shown = (*ALWAYS_MARKED, "" if choice is None else choice.method)
    return Subject(
        title=state.layer,
        caption=caption(model, state.calibration, state.calibrated, name, measured_on=measured_on(state)),
        distribution=None if grouped and scaled else distribution_in(source),
        array=tensor.array() if grouped else None,
        quantizer=None if choice is None else choice.quantizer,
        symmetric=choice is None or is_mirrored(choice),
        error=state.errors.get(name),
        marks={method_title(method): span for method, span in marks.items() if method in shown},
        reference=None if details is None else details.reference,
        low=low,
        high=high,
        quantity="activation" if tensor.values is None else "weight",
        n_samples=measured_on(state),
    )


def is_heavy(model: Model, name: str) -> bool:
    """Whether what the plot shows of a tensor is worked out in the background, unless it was prepared."""
    values = model.tensors[name].values
    return values is not None and values.size > HEAVY


def first_look(model: Model, state: State) -> Subject:
    """The values of the selected heavy weight, counted in a moment, until its curves are there."""
    known = model.tensors[state.selected]
    return Subject(
        title=state.layer,
        caption=caption(model, state.calibration, state.calibrated, known.name),
        distribution=Histogram.of(known.array()),
        quantity="weight",
        words=ON_THE_WAY,
    )


def measured_on(state: State) -> int:
    """How many samples the error of the selected tensor was measured on; 0 where it is read off all values."""
    details, choice = state.details, state.recipe.choices.get(state.selected)
    return details.n_samples if details is not None and details.choice is choice else 0


def channels_in(model: Model, name: str, ends: Ends) -> tuple[int | None, bool]:
    """(the axis of `Placed.shape` that counts channels, whether the values are known to come from single samples)."""
    n_axes, tensor = len(ends[0].shape or ends[1].shape), model.tensors[name]
    if tensor.values is not None:
        axes = (each.weight_axis for each in model.layers if each.weight == name)
        return next(axes, None), False
    whole = tensor.shape is not None and len(tensor.shape) == n_axes > 0  # axis 0 was not the samples
    axis = channel_axis(model, name)
    return axis if axis < 0 or whole else axis - 1, not whole
