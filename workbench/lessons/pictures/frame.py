"""What the layouts of all pictures begin with."""

from typing import Any

from workbench.ui.charts.distribution import FONT
from workbench.ui.charts.palette import LIGHT


def frame(left: int = 72, right: int = 24) -> dict[str, Any]:
    """Margins in px, type, no legend; a new dict each time, as it is filled in place."""
    return {
        "margin": {"l": left, "r": right, "t": 20, "b": 50},
        "font": {"family": FONT, "size": 11, "color": LIGHT.muted},
        "showlegend": False,
        "annotations": [],
    }
