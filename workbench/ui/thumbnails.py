"""Small pictures of samples as the model sees them."""

import numpy as np

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
