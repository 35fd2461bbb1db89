"""`RailPanel`: the present choice as a slim rail where the choice is a drawer; fits the app to the room it has."""

from typing import Any

from workbench.numerics.formats.catalogue import FORMATS
from workbench.ui.panel import Panel, script, styles
from workbench.ui.state import State
from workbench.ui.words import short_title


class RailPanel(Panel):
    """Format and live numbers of the selected tensor; a click opens the choice. Seen only where the app is small.

    Its script also says how large the app may be, folds its bottom row into tabs and shows it on the full screen.
    """

    _esm = script("figures.js", "fitting.js", "rail.js")
    _css = styles("panels/rail.css")
    parts = ("recipe", "selected")

    def look(self, state: State) -> dict[str, Any]:
        choice = state.recipe.choices.get(state.selected)
        format = FORMATS["fp32"] if choice is None else choice.variation
        return {"tensor": state.selected, "format": short_title(format.title), "bits": format.bits}
