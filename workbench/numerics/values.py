"""Arrays from outside, taken as float32."""

from typing import Any

import numpy as np

from workbench.messages import WorkbenchError


def as_float32(array: Any) -> np.ndarray:
    """Any real numbers as float32, same shape; magnitudes beyond float32 become infinite.

    Raises WorkbenchError for what is no array of real numbers: text, dates, objects, complex numbers, ragged lists.
    """
    try:
        values = np.asarray(array)
        if values.dtype.kind in "OUSMmc":
            raise TypeError(f"dtype {values.dtype}")
        with np.errstate(over="ignore", invalid="ignore"):
            return values.astype(np.float32, copy=False)
    except (TypeError, ValueError) as error:
        raise WorkbenchError(f"these values are no real numbers ({error}); expected a float array") from None
