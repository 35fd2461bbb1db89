"""How far the levels of a format reach at scale 1, as `Quantizer.covering` counts it."""

from workbench.numerics.formats.format import Format
from workbench.numerics.formats.integer import IntegerFormat


def unit_threshold(format: Format) -> float:
    """The mirrored threshold T that gets scale 1: qmax for signed integers, the largest level for other formats.

    Unsigned integers are mirrored around their middle code, for example 128 of 0 to 255: their T is 127.
    """
    if isinstance(format, IntegerFormat) and not format.signed:
        return float(format.qmax - (format.qmax + 1) // 2)
    return format.largest
