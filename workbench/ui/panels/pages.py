"""`PagesPanel`: the tabs of the network room; what a page shows is worked out only while it is open."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from workbench.messages import WorkbenchError
from workbench.ui.panel import Panel, script, styles
from workbench.ui.state import State
from workbench.ui.study import Study


@dataclass(frozen=True)
class Page:
    """One tab. hint: its tooltip. questions: topics that are asked while it is open. picture: whether it saves one."""

    name: str
    title: str
    hint: str
    questions: tuple[str, ...] = ()
    picture: bool = False


class PagesPanel(Panel):
    """Tabs over panels that stand beside it in one box, each with the class `wb-page-<name>`.

    The first page is open at the beginning. `turn_to(name)` does what a click does. Nothing is asked for a page that is
    folded in every view of the app.
    """

    _esm = script("pages.js")

    def __init__(self, study: Study, pages: Sequence[Page]) -> None:
        self.pages = {page.name: page for page in pages}
        self._open = pages[0].name
        self._folded: dict[str, bool] = {}  # by view, once it has said so
        shown = (f'.wb-pages[data-page="{name}"] > .wb-page-{name} {{ display: block; }}' for name in self.pages)
        self._css = "\n".join((styles("panels/pages.css"), *shown))
        super().__init__(study)
        self._ask(True)

    def look(self, state: State) -> dict[str, Any]:
        pages = self.pages.values()
        tabs = [{"name": p.name, "title": p.title, "hint": p.hint, "picture": p.picture} for p in pages]
        return {"tabs": tabs, "open": self._open}

    def turn_to(self, name: str) -> None:
        """Show a page, unfolded where pages fold. Raises WorkbenchError for one that is not there."""
        self._open_page(name)
        self._fold({})  # what it asks does not wait for the page to say that it is unfolded
        self.send({"kind": "unfold"})

    def on_open(self, content: Any) -> None:
        self._open_page(str(content["page"]))

    def on_fold(self, content: Any) -> None:
        """A view folded its pages, or unfolded them, or it is gone."""
        others = {view: folded for view, folded in self._folded.items() if view != content["view"]}
        self._fold(others if content["gone"] else others | {str(content["view"]): bool(content["folded"])})

    def _open_page(self, name: str) -> None:
        if name not in self.pages:
            raise WorkbenchError(f"unknown page {name!r}; expected one of {', '.join(self.pages)}")
        if name != self._open:
            self._ask(False)
            self._open = name
            self._ask(not self._unseen)
            self.refresh()

    def _fold(self, views: dict[str, bool]) -> None:
        before, self._folded = self._unseen, views
        if self._unseen != before:
            self._ask(not self._unseen)

    @property
    def _unseen(self) -> bool:
        return bool(self._folded) and all(self._folded.values())

    def _ask(self, wanted: bool) -> None:
        for question in self.pages[self._open].questions:
            self.study.ask(question, wanted)
