"""`TourPanel`: four bubbles that point at what matters; shown once, and again by the button "?"."""

from typing import Any

from workbench.ui.panel import Panel, script
from workbench.ui.state import State


class TourPanel(Panel):
    """All of it happens in the browser, which also remembers that it was seen."""

    _esm = script("tour.js")

    def look(self, state: State) -> dict[str, Any]:
        return {}
