"""`one_sample`: a single sample of the data, for networks of any batch size."""

from workbench.models.model import Model
from workbench.workflow.batches import Batches
from workbench.workflow.data import batch_size


def one_sample(model: Model, batches: Batches, sample: int) -> Batches:
    """The sample of this number alone, as often as a fixed batch takes. Raises WorkbenchError where it is not there."""
    return batches.only(sample, batch_size(model) or 1)
