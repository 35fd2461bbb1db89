"""`State`: everything a `Study` knows at one moment, as one value, and the values it is made of."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from workbench.messages import Notice
from workbench.numerics.errors.error import QuantizationError
from workbench.ui.history import History
from workbench.ui.limits import DEFAULT_TARGET
from workbench.workflow.calibration import Calibration
from workbench.workflow.choice import TensorChoice
from workbench.workflow.comparison import Comparison
from workbench.workflow.export.exporting import ExportReport
from workbench.workflow.export.names import NameMatch
from workbench.workflow.recipe import Recipe

if TYPE_CHECKING:
    from workbench.ui.applied import Applied
    from workbench.ui.worker import Work
    from workbench.workflow.check_inputs import InputReport

NOTHING: Mapping = MappingProxyType({})
VERB = "verb"  # how the topics of what a person asked for begin; what others work out for themselves has other names


@dataclass(frozen=True, eq=False)
class TensorDetails:
    """What the alternatives for one tensor would give, worked out for its choice `choice`.

    marks: clipping method -> (low, high) it would choose; for grouped tensors in units of each group's own maximum.
    refused: clipping method -> why it chooses nothing. sqnr_db: format -> dB that choosing it would give, None where it
    cannot be chosen. reference: error of min-max. coded_bits: entropy-coded bits a value at present. n_samples: how
    many the present error was measured on; 0 where it is read off all values.
    """

    tensor: str
    choice: TensorChoice | None
    source: object
    marks: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)
    sqnr_db: Mapping[str, float | None] = field(default_factory=dict)
    reference: QuantizationError | None = None
    coded_bits: float | None = None
    n_samples: int = 0


@dataclass(frozen=True)
class FormatRow:
    """One tensor in one format. error: None where it is not known or cannot be, `why` says.

    coded_bits: entropy-coded bits a value. low, high: end levels. whole: `kl` and coded_bits were worked out too.
    n_samples: how many it was measured on, 0 where it is read off all values.
    """

    error: QuantizationError | None
    coded_bits: float | None = None
    low: float = 0.0
    high: float = 0.0
    whole: bool = False
    why: str = ""
    n_samples: int = 0


@dataclass(frozen=True, eq=False)
class FormatTable:
    """All formats on one tensor, as far as they are known. formats: name -> the member that its row was made with."""

    tensor: str
    choice: TensorChoice | None
    source: object
    rows: Mapping[str, FormatRow]
    formats: Mapping[str, object]
    done: bool = False


@dataclass(frozen=True, eq=False)
class Measured:
    """The network under one recipe. by_size: number of samples -> Comparison. n_samples: all there are."""

    recipe: Recipe
    by_size: Mapping[int, Comparison]
    n_samples: int

    @property
    def comparison(self) -> Comparison:
        """On the most samples so far."""
        return self.by_size[max(self.by_size)]

    @property
    def complete(self) -> bool:
        return max(self.by_size) >= self.n_samples


@dataclass(frozen=True, eq=False)
class Exported:
    """The last export. running: what is being done, "" where it is finished.

    refused: why nothing was written, "" where it was. n_samples: how many the file was checked on. recipe: what was
    written; None where nothing was.
    """

    path: str
    target: str
    running: str = ""
    refused: str = ""
    report: ExportReport | None = None
    recipe_path: str = ""
    n_samples: int = 0
    recipe: Recipe | None = None


@dataclass(frozen=True, eq=False)
class Received:
    """The last file of another tool that was read. kind: "ranges" or "names". running: not finished yet.

    refused: why nothing was taken over, "" where it was. words: what was, and what was not. match: of names.
    before: the recipe that it changed; None where it changed none.
    """

    kind: str
    path: str
    running: bool = False
    refused: str = ""
    words: tuple[str, ...] = ()
    match: NameMatch | None = None
    before: Recipe | None = None


@dataclass(frozen=True, eq=False)
class Answer:
    """What a topic has found. about: what it was worked out for (see `Topic.about`). done: nothing more will come."""

    about: tuple
    value: Any
    done: bool = False


@dataclass(frozen=True, eq=False)
class State:
    """One moment of a study; never changed, only replaced.

    selected: tensor name, layer: name of the layer it is looked at in. calibration: so far; `calibrated` when whole.
    picked: names of layers that one choice can be applied to, in model order. snapshots: kept recipes by name.
    applied: advice that was taken, undone or not. set_aside: numbers of the samples that calibration leaves out.
    decided: tensors that the person has chosen for, which defaults leave alone; whole: all defaults are in.
    errors: tensor -> error at its present choice. measured: under the present recipe or, while `updating`, the one
    before; before: what the last change is compared with. trouble: topic -> words of background work that failed.
    coded_bits: tensor -> entropy-coded bits a value, of those that it is worth for. asked: what is worked out only
    while somebody looks: a question ("formats", "comparison", "methods" or a topic's) -> what it is asked with, True
    where there is nothing to say. formats: the selected tensor in all formats, once asked. answers: topic -> what it
    found last, about this moment or an earlier one.
    task: what the person said that the outputs are, a name of `TASKS`; "" where it is guessed.
    target: what the network is to be exported to, a name of `TARGETS` or `PROFILES`; "": any will do.
    written: absolute paths of all files that exports have written. received: "ranges", "names" -> the last file of that
    kind that was read.
    catalogues: how often a format or method was registered or taken out since the study began.
    work: all background work that has a name: what runs, the innermost first, what waits, what was stopped.
    """

    recipe: Recipe
    history: History = History()
    snapshots: Mapping[str, Recipe] = field(default_factory=lambda: NOTHING)
    selected: str = ""
    layer: str = ""
    picked: tuple[str, ...] = ()
    applied: "tuple[Applied, ...]" = ()
    set_aside: frozenset[int] = frozenset()
    calibration: Calibration | None = None
    calibrated: bool = False
    decided: frozenset[str] = frozenset()
    whole: bool = False
    errors: Mapping[str, QuantizationError] = field(default_factory=lambda: NOTHING)
    coded_bits: Mapping[str, float] = field(default_factory=lambda: NOTHING)
    details: TensorDetails | None = None
    asked: Mapping[str, Any] = field(default_factory=lambda: NOTHING)
    formats: FormatTable | None = None
    answers: Mapping[str, Answer] = field(default_factory=lambda: NOTHING)
    catalogues: int = 0
    task: str = ""
    target: str = DEFAULT_TARGET
    measured: Measured | None = None
    before: Measured | None = None
    input_report: "InputReport | None" = None
    exported: Exported | None = None
    written: frozenset[Path] = frozenset()
    received: Mapping[str, Received] = field(default_factory=lambda: NOTHING)
    notices: tuple[Notice, ...] = ()
    work: "tuple[Work, ...]" = ()
    trouble: Mapping[str, str] = field(default_factory=lambda: NOTHING)

    @property
    def comparison(self) -> Comparison | None:
        return None if self.measured is None else self.measured.comparison

    @property
    def updating(self) -> bool:
        """Whether the network figures belong to an older recipe or are not on all samples yet."""
        return self.measured is not None and not (self.measured.recipe is self.recipe and self.measured.complete)

    @property
    def can_undo(self) -> bool:
        return bool(self.history.past)

    @property
    def can_redo(self) -> bool:
        return bool(self.history.future)

    def before_change(self) -> Measured | None:
        """What a change that is made now is to be compared with."""
        return self.measured if self.measured and self.measured.recipe is self.recipe else self.before

    @property
    def running(self) -> "Work | None":
        """The piece of background work that runs."""
        return running(self.work)

    @property
    def progress(self) -> float | None:
        """Share of what runs that is done; None where that is not known."""
        return None if self.running is None else self.running.share

    @property
    def status(self) -> str:
        """One line: what went wrong in the background, else what runs and how far it is, else ""."""
        now = self.running
        return self.latest_trouble or ("" if now is None else now.words or now.what)

    @property
    def latest_trouble(self) -> str:
        """What went wrong last, in words."""
        return list(self.trouble.values())[-1] if self.trouble else ""

    @property
    def change_db(self) -> float | None:
        """SQNR of the first output now minus before the last change, dB, on the same samples."""
        return self.change_of()

    def change_of(self, output: str = "") -> float | None:
        """The same of any output; "": the first."""
        if self.measured is None or self.before is None:
            return None
        common = self.measured.by_size.keys() & self.before.by_size.keys()
        if not common:
            return None
        size = max(common)
        first, second = (m.by_size[size].outputs for m in (self.measured, self.before))
        name = output or next(iter(first))
        now, then = first[name].sqnr_db, second[name].sqnr_db
        return now - then if abs(now) < float("inf") and abs(then) < float("inf") else None


def running(work: "tuple[Work, ...]") -> "Work | None":
    """The innermost piece of work that runs."""
    return next((each for each in work if each.condition == "runs"), None)
