"""`Autosave`: what a person chose is on disk within a second, and the same cell finds it again."""

import atexit
import contextlib
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from workbench.messages import Notice, WorkbenchError
from workbench.models.model import Model
from workbench.numerics.clipping.catalogue import CLIPPING
from workbench.numerics.formats.catalogue import FORMATS
from workbench.ui.filelock import FileLock
from workbench.ui.history import History, step_between, stepped
from workbench.ui.limits import ANY, DEFAULT_TARGET
from workbench.workflow.export.catalogue import TARGETS
from workbench.workflow.files import read_json, write_text
from workbench.workflow.profiles.catalogue import PROFILES
from workbench.workflow.recipe import Recipe

VERSION = 1
DELAY = 0.25  # seconds from a change to its file
MOST_APPS = 50  # on one file at a time
BESIDE = "-unregistered"


@dataclass(frozen=True, eq=False)
class Saved:
    """What a file holds.

    decided: tensors chosen by hand before defaults came; whole: defaults had come. snapshots: kept recipes by name.
    target: name of what it is to be exported to, see `State`.
    """

    recipe: Recipe
    history: History
    selected: str = ""
    layer: str = ""
    decided: frozenset[str] = frozenset()
    whole: bool = True
    snapshots: Mapping[str, Recipe] = field(default_factory=dict)
    target: str = DEFAULT_TARGET

    def to_json(self) -> dict[str, Any]:
        return {
            "workbench_autosave": VERSION,
            "recipe": self.recipe.to_json(),
            "history": self.history.to_json(self.recipe),
            "selected": self.selected,
            "layer": self.layer,
            "decided": sorted(self.decided),
            "whole": self.whole,
            "snapshots": {name: step_between(self.recipe, kept) for name, kept in self.snapshots.items()},
            "target": self.target,
        }

    @classmethod
    def from_json(cls, document: Any) -> "Saved":
        """The inverse of `to_json`. Raises WorkbenchError naming the field that is wrong."""
        if not isinstance(document, dict) or document.get("workbench_autosave") != VERSION:
            raise WorkbenchError(f"the field 'workbench_autosave' is missing or not {VERSION}")
        recipe = Recipe.from_json(document.get("recipe"))
        names = {field: document.get(field, "") for field in ("selected", "layer")}
        if not all(isinstance(name, str) for name in names.values()):
            raise WorkbenchError("fields 'selected' and 'layer' must be names")
        decided = document.get("decided", [])
        if not isinstance(decided, list) or not all(isinstance(name, str) for name in decided):
            raise WorkbenchError("field 'decided' must be a list of tensor names")
        history = History.from_json(document.get("history"), recipe)
        steps = document.get("snapshots", {})
        if not isinstance(steps, dict):
            raise WorkbenchError("field 'snapshots' must map names to entries that differ from the recipe's")
        snapshots = {name: stepped(recipe, step) for name, step in steps.items()}
        whole = bool(document.get("whole", True))
        target = document.get("target", DEFAULT_TARGET)
        if target not in (ANY, *TARGETS, *PROFILES):
            raise WorkbenchError(f"field 'target' must be empty or one of {', '.join((*TARGETS, *PROFILES))}")
        return cls(
            recipe, history, **names, decided=frozenset(decided), whole=whole, snapshots=snapshots, target=target
        )


def unregistered(document: Any) -> list[str]:
    """Formats and methods that a saved file names and that are not known here, in words that say how to register."""
    found: dict[str, None] = {}
    for entry in _entries(document):
        format, method = entry.get("format"), entry.get("method", "hand")
        if isinstance(format, str) and format not in FORMATS:
            found[f"format {format!r} (wb.FORMATS.register(...))"] = None
        if isinstance(method, str) and method not in CLIPPING and method not in ("hand", "own"):
            found[f"threshold method {method!r} (wb.CLIPPING.register({method!r}, function))"] = None
    return list(found)


def _entries(document: Any) -> Iterator[dict[str, Any]]:
    """The entries of all tensors, of the recipe and of the steps of the history."""

    def part(of: Any, name: str) -> Any:
        return of.get(name) if isinstance(of, dict) else None

    history, kept = part(document, "history"), part(document, "snapshots")
    steps = [step for way in ("undo", "redo") for step in _listed(part(history, way)) if isinstance(step, dict)]
    steps += [step for step in (kept.values() if isinstance(kept, dict) else ()) if isinstance(step, dict)]
    for tensors in (part(part(document, "recipe"), "tensors"), *steps):
        yield from (e for e in (tensors.values() if isinstance(tensors, dict) else ()) if isinstance(e, dict))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


class Autosave:
    """One JSON file for one live App: `<folder>/<file name>-<first 8 of its SHA-256>.json`, then `-2` and so on.

    folder: None writes nothing. A folder that cannot be written to is a notice, said once.
    Saving happens in a timer's thread, from values that do not change. `said` is called with each later notice.
    """

    def __init__(self, folder: str | Path | None, model: Model) -> None:
        self.path: Path | None = None
        self.notices: list[Notice] = []
        self.said: Callable[[Notice], None] | None = None
        self._lock = threading.Lock()
        self._next: Saved | None = None
        self._timer: threading.Timer | None = None
        self._file_lock: FileLock | None = None
        if folder is not None:
            self._claim(Path(folder), f"{model.path.name}-{model.sha256[:8]}")
        if self.path is not None:
            atexit.register(self.close)

    def _claim(self, folder: Path, stem: str) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for number in range(1, MOST_APPS + 1):
                path = folder / (f"{stem}.json" if number == 1 else f"{stem}-{number}.json")
                lock = FileLock(path)
                if lock.acquire():
                    self.path, self._file_lock = path, lock
                    if number > 1:
                        self._say(f"Another app is open on this model; this one saves to {path}.")
                    return
        except OSError as error:
            self._say(f"Choices are not saved: {folder} cannot be written ({error.strerror or error}).")

    def _say(self, sentence: str) -> None:
        self.notices.append(Notice("autosave", sentence))
        if self.said is not None:
            self.said(self.notices[-1])

    def read(self, model: Model) -> Saved | None:
        """What was saved for this model, None where there is nothing. A file that cannot be read is set aside.

        A file that names a format or a method which is not registered stays where it is for the next time; until then
        choices go to a file beside it.
        """
        if self.path is None or not self.path.exists():
            return None
        try:
            document = read_json(self.path)
            missing = unregistered(document)
            if missing and not self.path.stem.endswith(BESIDE):
                beside = self.path.with_name(f"{self.path.stem}{BESIDE}.json")
                self._say(
                    f"Saved choices use {', '.join(missing)}, which is not known here. Register it and run this cell "
                    f"again to have them back from {self.path}; until then choices are saved to {beside}."
                )
                self.path = beside
                return self.read(model)
            saved = Saved.from_json(document)
            if saved.recipe.model_sha256 != model.sha256:
                raise WorkbenchError("it belongs to another model")
            unknown = [name for name in saved.recipe if name not in model.tensors]
            if unknown:
                raise WorkbenchError(f"the model has no tensor {unknown[0]!r}")
        except WorkbenchError as error:
            aside = self.path.with_suffix(".unreadable.json")
            try:
                self.path.replace(aside)
                self._say(f"Saved choices could not be read ({error}); the file is kept as {aside}.")
            except OSError:
                self._say(f"Saved choices could not be read ({error}).")
            return None
        when = datetime.fromtimestamp(self.path.stat().st_mtime).strftime("%Y-%m-%d %H:%M")
        steps = len(saved.history.past)
        undoable = f"; {steps} change{'s' if steps != 1 else ''} can be undone" if steps else ""
        self._say(f"Your choices of {when} were read again from {self.path}{undoable}.")
        return saved

    def later(self, saved: Saved) -> None:
        """Write soon; of several calls the last one counts."""
        if self.path is None:
            return
        with self._lock:
            self._next = saved
            if self._timer is None:
                self._timer = threading.Timer(DELAY, self.flush)
                self._timer.daemon = True
                self._timer.start()

    def flush(self) -> None:
        """Write now what waits. Where that fails it is said, and nothing more is written."""
        with self._lock:
            saved, self._next, self._timer = self._next, None, None
            path = self.path
            if saved is None or path is None:
                return
            try:
                write_text(path, json.dumps(saved.to_json(), ensure_ascii=False))
                return
            except WorkbenchError as error:
                trouble = str(error)
                self.path = None
        self._say(f"Choices are no longer saved: {trouble}")

    def close(self) -> None:
        """Write what waits and let another App have the file."""
        if self._timer is not None:
            self._timer.cancel()
        self.flush()
        if self._file_lock is not None:
            self._file_lock.release()
            self._file_lock = None
            atexit.unregister(self.close)
            if self.path is not None:
                with contextlib.suppress(OSError):
                    self.path.parent.rmdir()  # only where nothing was ever saved there
        self.path = None
