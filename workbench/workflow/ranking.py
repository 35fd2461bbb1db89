"""`Ranking`: the rows of a sensitivity sweep, worst first, as a value that is printed, saved and continued."""

import dataclasses
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.messages import WorkbenchError
from workbench.workflow.comparison import OutputError
from workbench.workflow.files import read_json, write_text
from workbench.workflow.progress import duration
from workbench.workflow.sensitivity_cases import HALF

VERSION = 1


@dataclass(frozen=True)
class SensitivityRow:
    """One tensor or layer.

    name: of the tensor or layer. side: "weights" or "activations". what: the format, or what else was done.
    tensors: what was changed. digest: tells whether two rows changed it in the same way. estimated_sqnr_db: of the
    output, before any run, or from a run on a few samples, dB. error: as measured; None: not run.
    """

    name: str
    side: str
    what: str
    tensors: tuple[str, ...]
    digest: str
    estimated_sqnr_db: float
    error: OutputError | None = None

    @property
    def key(self) -> tuple[str, str, tuple[str, ...]]:
        return self.side, self.what, self.tensors

    @property
    def measured(self) -> bool:
        return self.error is not None

    @property
    def sqnr_db(self) -> float:
        """Output SQNR, dB: measured, or estimated where it was not run."""
        return self.estimated_sqnr_db if self.error is None else self.error.sqnr_db

    def with_error(self, error: OutputError) -> "SensitivityRow":
        return dataclasses.replace(self, error=error)


@dataclass(frozen=True)
class Ranking(Sequence[SensitivityRow]):
    """Rows by their loss at the output, the largest first: measured ones, then those that are estimated alone.

    direction: "alone": only this one is changed, a low output SQNR is a loss; "all_but": all but this one are, and a
    high output SQNR means that leaving it float gains most. output: graph output that the figures are about.
    base: error of the whole recipe ("all_but"), else None. question: tells what belongs together, for continuing.
    """

    rows: tuple[SensitivityRow, ...]
    output: str
    direction: str
    n_samples: int
    base: OutputError | None = None
    question: str = ""

    @classmethod
    def of(cls, rows: Iterable[SensitivityRow], output: str, direction: str, *rest: Any) -> "Ranking":
        """The rows in order."""
        sign = -1 if direction == "all_but" else 1
        ordered = sorted(rows, key=lambda row: (not row.measured, sign * _known(row.sqnr_db)))
        return cls(tuple(ordered), output, direction, *rest)

    def __getitem__(self, index: Any) -> Any:
        return self.rows[index]

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[SensitivityRow]:
        return iter(self.rows)

    @property
    def complete(self) -> bool:
        """Whether every row was run."""
        return all(row.measured for row in self.rows)

    def with_rows(self, more: Iterable[SensitivityRow]) -> "Ranking":
        """The same with other rows beside, in order."""
        rows = (*self.rows, *more)
        return Ranking.of(rows, self.output, self.direction, self.n_samples, self.base, self.question)

    def only(self, *, side: str | None = None, what: str | None = None) -> "Ranking":
        """The rows of one side, or of one format."""
        kept = [r for r in self.rows if side in (None, r.side) and what in (None, r.what)]
        return dataclasses.replace(self, rows=tuple(kept))

    def table(self) -> list[dict[str, Any]]:
        """One record a row. gain_db: what leaving this one float gives the recipe, for "all_but"; None for halves."""
        return [self._record(row) for row in self.rows]

    def _record(self, row: SensitivityRow) -> dict[str, Any]:
        error = row.error
        record: dict[str, Any] = {
            "name": row.name,
            "side": row.side,
            "what": row.what,
            "tensors": list(row.tensors),
            "sqnr_db": row.sqnr_db,
            "measured": row.measured,
            "estimated_sqnr_db": row.estimated_sqnr_db,
        }
        if self.base is not None:
            record["gain_db"] = None if row.what in HALF.values() else row.sqnr_db - self.base.sqnr_db
        for field in ("agreement", "agreement_top5", "kl", "accuracy"):
            record[field] = None if error is None else getattr(error, field)
        return record

    def save(self, path: str | Path) -> Path:
        """Write everything as JSON, whole or not at all; returns the path."""
        document = {"workbench_ranking": VERSION, **dataclasses.asdict(self)}
        return write_text(path, json.dumps(document, indent=1, ensure_ascii=False) + "\n")

    @classmethod
    def load(cls, path: str | Path) -> "Ranking":
        """Read what `save` wrote, to the last bit; WorkbenchError where it is something else."""
        try:
            document = read_json(path)
            if not isinstance(document, dict) or document.pop("workbench_ranking", None) != VERSION:
                raise WorkbenchError(f"this is no ranking of version {VERSION}")
            rows = tuple(
                SensitivityRow(**{**row, "tensors": tuple(row["tensors"]), "error": _error(row["error"])})
                for row in document.pop("rows")
            )
            return cls(rows, **{**document, "base": _error(document["base"])})
        except WorkbenchError as error:
            raise WorkbenchError(f"{path}: {error}") from None
        except (TypeError, KeyError, AttributeError) as error:
            raise WorkbenchError(f"{path}: this ranking cannot be read ({error})") from None


def _known(sqnr_db: float) -> float:
    """An output that overflows has lost everything."""
    return -math.inf if math.isnan(sqnr_db) else sqnr_db


def _error(entry: Any) -> OutputError | None:
    if entry is None:
        return None
    fields: dict[str, Any] = {n: tuple(value) if isinstance(value, list) else value for n, value in entry.items()}
    return OutputError(**fields)


@dataclass(frozen=True)
class SensitivityProgress:
    """After `done` of `total` runs and `seconds`. share: of the work; ranking: what is known so far."""

    done: int
    total: int
    seconds: float
    share: float
    ranking: Ranking

    @property
    def seconds_left(self) -> float:
        """At the rate so far; runs that begin late in the network count less."""
        return self.seconds * (1 - self.share) / max(self.share, 1e-9)

    def __str__(self) -> str:
        words = f"{self.done} of {self.total} runs"
        return words if self.done == self.total else f"{words}, {duration(self.seconds_left)} left"
