"""`WorkPanel`: everything that runs in the background, how far it is, and a button that stops it."""

from typing import Any

from workbench.ui.panel import Panel, script, styles
from workbench.ui.state import State


class WorkPanel(Panel):
    """A list that opens under the status line; what went wrong stands in it, too."""

    _esm = script("popup.js", "work.js")
    _css = styles("panels/work.css")
    parts = ("work", "trouble")

    def look(self, state: State) -> dict[str, Any]:
        rows = [
            {
                "topic": each.topic,
                "what": each.what[:1].upper() + each.what[1:],
                "condition": each.condition,
                "share": each.share,
                "words": each.words,
            }
            for each in state.work
        ]
        return {"rows": rows, "trouble": list(state.trouble.values())}

    def on_stop(self, content: Any) -> None:
        self.study.stop(str(content["topic"]))

    def on_resume(self, content: Any) -> None:
        self.study.resume(str(content["topic"]))
