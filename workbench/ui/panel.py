"""`Panel`: what every panel of the app is: a widget around one study that shows a moment and sends verbs."""

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from workbench.messages import WorkbenchError
from workbench.ui.sources import joined
from workbench.ui.state import VERB, State
from workbench.ui.study import Study

log = logging.getLogger("workbench")
PANELS = Path(__file__).parent / "panels"


def script(*names: str) -> str:
    """The JavaScript of a panel, the file of its own last, with what all panels share before it."""
    return joined(PANELS, "../put.js", "dom.js", *names)


def styles(*names: str) -> str:
    """Style sheets of this folder, one after the other."""
    return joined(PANELS.parent, *names)


class Panel(anywidget.AnyWidget):
    """A part of the app. It reads `study.state` and calls verbs of `study`, nothing else.

    Subclasses give `look(state)`, the JSON that their script shows, and methods `on_<kind>(content)` for the messages
    that it sends. `parts` names the fields of `State` that matter; only a change of those is looked at.
    turn_to: shows a page about the network by its name; what a panel leads to without knowing other panels.
    """

    view = traitlets.Dict().tag(sync=True)
    parts: tuple[str, ...] = ()
    turn_to: Callable[[str], None] = staticmethod(lambda name: None)

    def __init__(self, study: Study, **traits: Any) -> None:
        self.study = study
        self._seen = study.state
        self._watching = False
        self._looking = threading.RLock()  # a message of the page (another thread) may refresh while a moment is shown
        super().__init__(view=self.look(study.state), **traits)
        study.observe(self._moved, "moment")
        self._watching = True
        self.on_msg(self._hear)

    def look(self, state: State) -> dict[str, Any]:
        """What the script shows of a moment, as JSON values."""
        raise NotImplementedError

    def picture(self) -> dict[str, Any] | None:
        """What the panel draws at present, as a plotly figure for a file; None: nothing that could be drawn."""
        return None

    def refresh(self) -> None:
        """Show the present moment again."""
        with self._looking:
            self._seen = self.study.state
            self.view = self.look(self._seen)

    def close(self) -> None:
        """Take the panel off the page; it hears nothing any more."""
        if self._watching:
            self._watching = False
            self.study.unobserve(self._moved, "moment")
        super().close()

    def _moved(self, change: Any) -> None:
        new: State = change["new"]
        with self._looking:
            old, self._seen = self._seen, new
            if any(getattr(new, part) is not getattr(old, part) for part in self.parts):
                self.guarded(lambda: self.moved(new))

    def moved(self, state: State) -> None:
        """Something in `parts` changed."""
        self.view = self.look(state)

    def guarded(self, call: Callable[[], Any]) -> None:
        """Make a call; what goes wrong is shown in the status line instead of vanishing in a thread."""
        try:
            call()
        except WorkbenchError as error:
            self.study.report_trouble(VERB, str(error))
        except Exception as error:  # a callback's traceback would go to a log that nobody reads
            log.exception("%s failed", type(self).__name__)
            self.study.report_trouble(VERB, f"{type(self).__name__} stopped. {type(error).__name__}: {error}")

    def _hear(self, _widget: Any, content: Any, _buffers: Any) -> None:
        self.study.outbox.join()  # results may come by this thread's loop while a cell keeps the kernel's own busy
        kind = content.get("kind") if isinstance(content, dict) else None
        if kind == "hello":  # an answer moves this comm to the subshell: callbacks no longer wait for a running cell
            self.send({"kind": "hello"})
            return
        handler = getattr(self, f"on_{kind}", None) if isinstance(kind, str) else None
        if handler is not None:
            self.guarded(lambda: handler(content))
