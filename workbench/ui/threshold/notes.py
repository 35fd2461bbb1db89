"""What is said of a tensor in place of a handle."""

from workbench.numerics.formats.catalogue import FORMATS
from workbench.ui.threshold.subject import Subject


def words_for(subject: Subject, kind: str) -> str:
    """One line over the plot; "" where there are handles."""
    if kind == "handles" or subject.words:
        return "" if kind == "handles" else subject.words
    format = None if subject.quantizer is None else subject.quantizer.format
    if format is not None and format.block_size is not None:
        return f"each block of {format.block_size} finds its own scale"
    levels = None if format is None else format.unit_levels()
    if format is not None and levels is not None and not subject.values.count:
        return "there is no finite value"
    if format is None or levels is None:
        band = subject.zero_band
        return f"float32, magnitudes up to {band:.3g} become 0" if band else "float32: nothing is quantized"
    if kind == "own_range":
        largest = f"{format.largest:.0f}" if format.largest < 1e6 else f"{format.largest:.3g}".replace("e+", "e")
        return f"range is the format's own, ±{largest}"
    if not format.has_scale:
        fitted = format.name in FORMATS and FORMATS[format.name].needs_values
        return "levels were fitted to these values" if fitted else "levels are the format's own: there is no threshold"
    return "every value is 0: there is nothing to clip"
