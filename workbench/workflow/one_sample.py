"""`one_sample`: a single sample of the data, for networks of any batch size."""

from workbench.messages import WorkbenchError
from workbench.models.model import Model
from workbench.workflow.data import Batches, Feeds, batch_size, samples_in


def one_sample(model: Model, batches: Batches, sample: int) -> Batches:
    """The sample of this number alone, as often as a fixed batch takes. Raises WorkbenchError where it is not there."""
    size = batch_size(model) or 1
    if batches.cut is not None and sample in batches.sample_numbers:
        return batches.cut(size, [sample] * size)
    for feeds, numbers in batches.numbered():
        if sample in numbers:
            return _row_of(feeds, list(numbers).index(sample), size)
    raise WorkbenchError(f"there is no sample {sample}; the data hold {batches.n_samples} samples, numbered from 0")


def _row_of(feeds: Feeds, row: int, size: int) -> Batches:
    """One row of a feed, `size` times; arrays without the samples' axis stay."""
    n = samples_in(feeds)
    one = {name: array[[row] * size] if array.ndim and len(array) == n else array for name, array in feeds.items()}
    return Batches(lambda: iter([one]), size, 1, size)
