"""Small pictures of samples as the model sees them."""

from collections.abc import Callable, Iterable

import numpy as np

from workbench.models.segments import Cancelled
from workbench.workflow.batches import Batches

SIDE = 64  # pixels of a thumbnail, at most


def as_picture(sample: np.ndarray) -> np.ndarray | None:
    """One sample (C, H, W) or (H, W, C) as uint8 (height, width, 3), at most 64 pixels a side; None for other shapes.

    The sample's own lowest value becomes black, its highest white: what is shown is what the model is fed.
    """
    array = np.asarray(sample)
    while array.ndim > 3 and array.shape[0] == 1:
        array = array[0]
    if array.ndim == 2:
        array = array[None]
    if array.ndim != 3 or array.dtype.kind not in "fiu":
        return None
    if array.shape[0] not in (1, 3, 4) and array.shape[-1] in (1, 3, 4):
        array = np.moveaxis(array, -1, 0)
    if array.shape[0] not in (1, 3, 4) or min(array.shape[1:]) < 4:
        return None
    step = max(1, -(-max(array.shape[1:]) // SIDE))
    small = array[:3, ::step, ::step].astype(np.float64)
    small = np.where(np.isfinite(small), small, 0.0)
    low, high = float(small.min()), float(small.max())
    scaled = (small - low) * (255 / (high - low)) if high > low else np.full_like(small, 127.0)
    colours = np.broadcast_to(scaled, (3, *scaled.shape[1:])) if scaled.shape[0] == 1 else scaled
    if colours.shape[0] != 3:
        return None
    return np.ascontiguousarray(np.moveaxis(colours, 0, -1).round().astype(np.uint8))


def pictures_of(
    batches: Batches, numbers: Iterable[int], cancelled: Callable[[], bool] | None = None
) -> dict[int, np.ndarray | None]:
    """Samples by their numbers in the data, each of the first input that is a picture; None where none is.

    Of sequences none is. Numbers that are not there are left out. Raises `Cancelled` when cancelled() is true.
    """
    wanted, found = set(numbers), dict[int, np.ndarray | None]()
    if batches.has_state:
        return dict.fromkeys(wanted.intersection(batches.sample_numbers))
    for feeds, present in batches.numbered():
        if cancelled is not None and cancelled():
            raise Cancelled
        if len(found) == len(wanted):
            break
        for row, number in enumerate(present):
            if number in wanted:
                pictures = (as_picture(array[row]) for array in feeds.values() if array.ndim and row < len(array))
                found[number] = next((picture for picture in pictures if picture is not None), None)
    return found
