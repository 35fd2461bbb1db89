"""`MixesPanel`: mixed precision; formats of weights within a size or for an output SQNR, from a front of mixes."""

import hashlib
from collections import Counter
from typing import Any

from workbench.messages import WorkbenchError
from workbench.numerics.formats.catalogue import FORMATS
from workbench.ui.history import changed_tensors
from workbench.ui.panel import Panel, script, styles
from workbench.ui.state import State
from workbench.ui.study import Study
from workbench.ui.topics.mixes import (
    Mixes,
    MixesFound,
    MixQuestion,
    mixes_of,
    rough_bytes,
    with_mix,
    without_weights,
)
from workbench.ui.topics.sensitivity_estimates import options_of
from workbench.ui.words import FAMILIES, OWN, first_of_several, plain
from workbench.workflow.allocation import MeasuredMix
from workbench.workflow.choose import weight_names
from workbench.workflow.sizes import size_bytes

USUAL = ("int4", "int8", "fp16")
MOST_FORMATS = 6
MOST_KB, MOST_DB = 1e9, 300.0


class MixesPanel(Panel):
    """Opens over the page of sensitivity. What is chosen in the picture is the page's own until it is used."""

    _esm = script("popup.js", "chips.js", "copying.js", "ticks.js", "mixes_chart.js", "mixes_table.js", "mixes.js")
    _css = styles("panels/mixes.css")
    parts = ("answers", "recipe", "calibrated", "whole", "catalogues", "work", "measured", "target")

    def __init__(self, study: Study) -> None:
        self.formats: tuple[str, ...] = USUAL
        self.by = "size"
        self.kb: float | None = None  # None: the middle between small formats and INT8
        self.db: float | None = None  # None: what the network has at present
        self._open = False
        super().__init__(study)

    def look(self, state: State) -> dict[str, Any]:
        if not self._open:
            return {"open": False}
        found = mixes_of(state)
        work = next((each for each in state.work if each.topic == Mixes.name and each.condition != "stopped"), None)
        return {
            "open": True,
            "missing": self._missing(state),
            "formats": self._formats(state),
            "chosen": list(self.formats),
            "most": MOST_FORMATS,
            "by": self.by,
            "kb": self._kb(state),
            "db": self._db(state),
            "present_kb": round(size_bytes(self.study.model, state.recipe)[1] / 1000, 1),
            "running": work is not None,
            "share": None if work is None else work.share,
            "words": "" if work is None else work.words or work.what,
            **self._found(state, found),
        }

    def _missing(self, state: State) -> str:
        """Why nothing can be asked."""
        if self.study.evaluation is None:
            return "No data yet: wb.App(model, data) runs the network, which a search for mixes has to do."
        return "" if state.calibrated and state.whole else "Comes after calibration."

    def _formats(self, state: State) -> list[list[str]]:
        """[name, title, family, why the target cannot express it] of what weights can have."""
        limits, weight = self.study.limits, next(iter(weight_names(self.study.model)), "")
        return [
            [name, each.title, FAMILIES.get(each.family, OWN), limits.of_format(state.target, weight, name)]
            for name, each in FORMATS.items()
            if each.family != "pruning"
        ]

    def _kb(self, state: State) -> float:
        """Of all constants, in 1000 bytes."""
        if self.kb is not None:
            return self.kb
        sizes = [rough_bytes(self.study.model, state.recipe, name) for name in self.formats if name in FORMATS]
        middle = rough_bytes(self.study.model, state.recipe, "int8")
        least = min(sizes, default=middle)
        return round((least + (middle if middle > least else max(sizes, default=least))) / 2000, 1)

    def _db(self, state: State) -> float:
        """Of the output, dB."""
        if self.db is not None:
            return self.db
        now = _present(state)
        return float(max(1, int(now))) if isinstance(now, float) else 20.0

    def _found(self, state: State, found: MixesFound | None) -> dict[str, Any]:
        view: dict[str, Any] = {
            "mixes": [],
            "best": "",
            "asked": None,
            "refused": "",
            "stale": "",
            "about": "",
            "now": None,
        }
        if found is None:
            return view
        question = found.question
        front = {id(mix) for mix in found.pareto}
        rows = [_row(mix, id(mix) in front, self._is_present(state, mix)) for mix in found.pareto.measured]
        return view | {
            "mixes": rows,
            "best": "" if found.best is None else _key(found.best),
            "asked": {"kb": _kilobytes(question.budget_bytes), "db": question.least_sqnr_db},
            "refused": _refusal(found),
            "stale": self._stale(state, question),
            "about": "\n".join([self._about(found), *map(str, found.notices)]),
            "now": self._now(state) if rows else None,
        }

    def _about(self, found: MixesFound) -> str:
        """What the figures are of."""
        formats = Counter(choice.format for choice in found.question.base.values()).most_common()
        activations = ", ".join(f"{n} {format}" for format, n in formats) or "float"
        output = first_of_several(self.study.model)
        of = f", output {output}" if output else ""
        return f"({found.n_samples:,} samples{of}; activations: {activations})"

    def _now(self, state: State) -> dict[str, Any] | None:
        """The present recipe, on as many samples as its figures came to; None where they are of another one."""
        db, measured = _present(state), state.measured
        if db is None or measured is None:
            return None
        kb = round(size_bytes(self.study.model, state.recipe)[1] / 1000, 1)
        return {"kb": kb, "db": db, "n": measured.comparison.n_samples}

    def _is_present(self, state: State, mix: MeasuredMix) -> bool:
        present = {name: state.recipe[name].format if name in state.recipe else "fp32" for name in mix.formats}
        return present == mix.formats and not changed_tensors(state.recipe, with_mix(state.recipe, mix))

    def _stale(self, state: State, question: MixQuestion) -> str:
        changed = changed_tensors(question.base, without_weights(self.study.model, state.recipe))
        if not changed:
            return ""
        n = len(changed)
        return f"Measured before {n} activation{'s were' if n > 1 else ' was'} changed: find mixes again."

    def on_open(self, content: Any) -> None:
        """Shown, or folded again; a search goes on either way."""
        self._open = bool(content["open"])
        self.refresh()

    def on_set(self, content: Any) -> None:
        """One control was changed: {name: value}."""
        if "formats" in content:
            known = {name for name, *_ in self._formats(self.study.state)}
            self.formats = tuple(str(name) for name in content["formats"] if name in known)[:MOST_FORMATS]
        if content.get("by") in ("size", "sqnr"):
            self.by = content["by"]
        if "kb" in content:
            self.kb = _within(content["kb"], 0.0, MOST_KB, self.kb)
        if "db" in content:
            self.db = _within(content["db"], -MOST_DB, MOST_DB, self.db)
        self.refresh()

    def on_find(self, _content: Any) -> None:
        state = self.study.state
        if not self.formats:
            raise WorkbenchError("choose at least one format that weights may have")
        size = self.by == "size"
        budget, least = (round(1000 * self._kb(state)), None) if size else (None, self._db(state))
        self.kb, self.db = (self._kb(state), self.db) if size else (self.kb, self._db(state))  # they stay as asked
        base = without_weights(self.study.model, state.recipe)
        n_samples = options_of(state).n_samples
        question = MixQuestion(base, self.formats, budget, least, n_samples, catalogues=state.catalogues)
        self.study.ask(Mixes.name, False)  # the same question again, where it was stopped
        self.study.ask(Mixes.name, question)

    def on_cancel(self, _content: Any) -> None:
        """What was run so far stays."""
        asked = self.study.state.asked.get(Mixes.name)
        if isinstance(asked, MixQuestion):
            self.study.ask(Mixes.name, asked._replace(search=False))

    def on_use(self, content: Any) -> None:
        """Put the weights of a mix into the recipe, as one step."""
        found = mixes_of(self.study.state)
        mix = next((m for m in (found.pareto.measured if found else ()) if _key(m) == content["mix"]), None)
        if mix is None:
            raise WorkbenchError("this mix is no longer known; find mixes again")
        while True:
            old = self.study.state.recipe
            if self.study.apply(with_mix(old, mix), expected=old):
                return


def _row(mix: MeasuredMix, on_front: bool, present: bool) -> dict[str, Any]:
    used = set(mix.formats.values())
    only = next(iter(used)) if len(used) == 1 else None
    return {
        "key": _key(mix),
        "kb": _kilobytes(mix.size_bytes),
        "db": plain(mix.sqnr_db),
        "agreement": plain(mix.error.agreement),
        "words": mix.words,
        "front": on_front,
        "everywhere": "" if only is None else FORMATS[only].title if only in FORMATS else only,
        "present": present,
    }


def _key(mix: MeasuredMix) -> str:
    """The same for the same formats, found again or not."""
    return hashlib.sha256(repr(sorted(mix.formats.items())).encode()).hexdigest()[:16]


def _kilobytes(n_bytes: int | None) -> float | None:
    return None if n_bytes is None else round(n_bytes / 1000, 1)


def _within(value: Any, low: float, high: float, otherwise: float | None) -> float | None:
    return float(value) if isinstance(value, int | float) and low <= value <= high else otherwise


def _present(state: State) -> float | str | None:
    """SQNR of the first output under the present recipe, dB; None where it is not known yet."""
    if state.measured is None or state.measured.recipe.choices is not state.recipe.choices:
        return None
    return plain(next(iter(state.measured.comparison.outputs.values())).sqnr_db)


def _refusal(found: MixesFound) -> str:
    """Why there is nothing of what was asked, as a sentence."""
    words, budget = found.refused, found.question.budget_bytes
    if budget is not None:
        words = words.removeprefix(f"budget_bytes={budget:,}: ")
    return words and words[0].upper() + words[1:] + "."
