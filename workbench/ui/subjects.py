"""From a moment of a study to what the plot draws."""

from workbench.models.model import Model
from workbench.numerics.formats.catalogue import FORMATS
from workbench.ui.books import distribution_in, source_of
from workbench.ui.state import State
from workbench.ui.threshold.subject import Subject
from workbench.ui.words import caption, method_title


def subject_of(model: Model, state: State) -> Subject | None:
    """The selected tensor at its present choice; None where nothing is known of its values."""
    name = state.selected
    source = source_of(model, state.calibration, name) if name else None
    if source is None:
        return None
    tensor, choice, details = model.tensors[name], state.recipe.choices.get(name), state.details
    grouped = choice is not None and choice.quantizer.axis is not None
    scaled = choice is not None and FORMATS[choice.format].has_scale
    marks = {} if details is None or details.choice is not choice else details.marks
    return Subject(
        title=state.layer,
        caption=caption(model, state.calibration, state.calibrated, name),
        distribution=distribution_in(source),
        array=tensor.array() if grouped else None,
        quantizer=None if choice is None else choice.quantizer,
        symmetric=choice is None or choice.symmetric is not False or not FORMATS[choice.format].affine,
        error=state.errors.get(name),
        marks={method_title(method): span for method, span in marks.items()},
        reference=None if details is None or details.choice is not choice else details.reference,
        low=float(choice.low) if choice is not None and scaled and not grouped else None,
        high=float(choice.high) if choice is not None and scaled and not grouped else None,
        quantity="activation" if tensor.values is None else "weight",
    )
