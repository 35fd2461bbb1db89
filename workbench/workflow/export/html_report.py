"""Target `html_report`: one static page for people, self-contained, that opens without a network."""

from html.parser import HTMLParser
from pathlib import Path

from workbench.messages import Notice, WorkbenchError
from workbench.workflow.choice import TensorChoice
from workbench.workflow.export.compared import COMPARISON, compared
from workbench.workflow.export.html_report_facts import Facts, listed, recipe_text
from workbench.workflow.export.html_report_page import RECIPE_ID, page
from workbench.workflow.export.target import Order, SelfCheck, Target


def refusal(choice: TensorChoice | None, *, is_weight: bool) -> str | None:
    """A report can tell of everything."""
    return None


def write(order: Order, path: Path) -> tuple[Notice, ...]:
    """The page; the same bytes for the same order. Raises WorkbenchError for options that are none."""
    worst = order.options.get("worst", 6)
    if isinstance(worst, bool) or not isinstance(worst, int) or worst < 0:
        raise WorkbenchError(f"option worst={worst!r}; expected how many tensors are drawn, 0 or more")
    path.write_text(page(Facts.of(order), worst, str(order.options.get("date", ""))), encoding="utf-8")
    return ()


class _Read(HTMLParser):
    """The text of the recipe, the tensors of the table, and tags that would fetch or run something."""

    ACTIVE = frozenset({"script", "link", "iframe", "img", "object", "embed", "base", "form"})

    def __init__(self) -> None:
        super().__init__()
        self.recipe, self.n_rows, self.active = "", 0, ""
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag in self.ACTIVE or any(name.startswith("on") or name in ("src", "href") for name in given):
            self.active = self.active or tag
        self.n_rows += given.get("data-tensor") is not None
        if given.get("id") == RECIPE_ID:
            self._inside = True

    def handle_endtag(self, tag: str) -> None:
        self._inside = self._inside and tag != "pre"

    def handle_data(self, data: str) -> None:
        self.recipe += data if self._inside else ""


def check(order: Order, path: Path) -> SelfCheck:
    """Read back: the recipe in the page is the one given, every tensor has its row, nothing is fetched or run."""
    read = _Read()
    read.feed(path.read_text(encoding="utf-8"))
    if read.recipe.strip() != recipe_text(order).strip():
        raise WorkbenchError("the recipe in the written page is not the one given; nothing was kept")
    if read.active:
        raise WorkbenchError(f"the written page holds a <{read.active}> that is not its own; nothing was kept")
    tensors, comparison = listed(order), compared(order)
    if read.n_rows != len(tensors):
        raise WorkbenchError(f"the written page has {read.n_rows} of {len(tensors)} tensors; nothing was kept")
    simulated = None if comparison is None else next(iter(comparison.outputs.values()))
    words = "A report is read, not run: the recipe in it was read back and is the one given."
    return SelfCheck(simulated=simulated, notices=(Notice("check", words),))


HTML_REPORT = Target(
    name="html_report",
    title="HTML report: one page that opens offline",
    runs_on="report",
    suffix=".html",
    refusal=refusal,
    write=write,
    check=check,
    kind="report",
    options={
        "date": "a text, such as the day, that is printed on the page; without it the same inputs give the same bytes",
        "worst": "how many of the worst tensors are drawn (6)",
        "max_loss": "share of the accuracy, or of the answers, that may be lost (1%, or 0.01); None: it is not judged",
        "min_sqnr_db": "least output SQNR that is accepted, dB (none)",
        "comparison": COMPARISON,
    },
)
