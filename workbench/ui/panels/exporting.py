"""`ExportPanel`: a file for a target with its self-check, and ranges and names that come from another tool's files."""

import ast
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.messages import Notice, WorkbenchError
from workbench.ui.destination import destination, occupied, question, working_folder
from workbench.ui.exchanging import COMPARISON
from workbench.ui.export_words import done_of, fit_label, in_dialog, option_label, sound_words
from workbench.ui.limits import DEFAULT_TARGET
from workbench.ui.panel import Panel, script, styles
from workbench.ui.state import Received, State
from workbench.ui.study import Study
from workbench.workflow.export.catalogue import TARGETS
from workbench.workflow.export.target import Target
from workbench.workflow.profiles.catalogue import PROFILES
from workbench.workflow.ranges.catalogue import READERS

SHOWN = 4  # refusals that are spelled out
LISTED = 300  # tensors in the table of names
GROUPS = {"network": "Networks that run", "ranges": "Files of ranges", "report": "Reports"}


class ExportPanel(Panel):
    """A dialog that begins with the study's target; nothing is worked out while it is closed.

    Messages that choose or export have a number `n`; `view["heard"]` is that of the last one, so that the page knows
    which of them a view answers.
    """

    _esm = script("dialog.js", "exporting.js")
    _css = styles("panels/exporting.css")
    parts = ("recipe", "exported", "received", "history", "target", "answers", "measured")

    def __init__(self, study: Study) -> None:
        self._open = False
        self._heard = 0
        self._target = _begin_with(study.state.target)
        self._following = study.state.target
        self._asking: _Wish | None = None
        self._objection = ""
        self._over: tuple[Received, ...] = ()
        self._painting = threading.RLock()
        super().__init__(study)

    def look(self, state: State) -> dict[str, Any]:
        if state.target != self._following:
            self._target, self._following = _begin_with(state.target), state.target
        view: dict[str, Any] = {
            "heard": self._heard,
            "targets": _targets(self.study.model.name),
            "target": self._target,
            "folder": working_folder(),
            "objection": self._objection,
            "question": None if self._asking is None else question(self._asking.taken),
            "done": None if state.exported is None else done_of(state.exported, state),
            "readers": ", ".join(reader.title for reader in READERS.values()),
            "received": {kind: _received(each) for kind, each in state.received.items() if self._is_news(each)},
            "names": [],
            "n_names": len(state.recipe.names),
            "n_more_names": 0,
        }
        return view | (self._findings(state) if self._open else _NOTHING_FOUND)

    def _findings(self, state: State) -> dict[str, Any]:
        """What the dialog says of the present recipe under its target."""
        target, runs_on = TARGETS[self._target], self._profile()
        profile = PROFILES[runs_on] if runs_on in PROFILES else None
        title = "" if profile is None else profile.title
        refusals = self._refusals()
        unfit = () if profile is None else profile.refusals(self.study.model, state.recipe)
        answer = self.study.topics["health"].present(state)
        health = None if answer is None else answer.value.findings
        tied = any(one.kind == "tie" for one in health or ())
        rows = _names(state)
        return {
            "refusals": [in_dialog(words, title, words in unfit) for words in refusals[:SHOWN]],
            "more": max(0, len(refusals) - SHOWN),
            "all_fp16": bool(refusals) and target.name == "onnx_fp16",
            "fit": fit_label(title) if unfit and (refusals or tied) else None,
            "switch": self._other_target(state) if refusals else None,
            "blocked": self._blocked(refusals, unfit),
            "health": None if health is None else [[in_dialog(one.sentence, title), one.fatal] for one in health],
            "sound": sound_words(state, expressed=not refusals),
            "names": rows[:LISTED],
            "n_more_names": max(0, len(rows) - LISTED),
        }

    def _refusals(self) -> tuple[str, ...]:
        try:
            return self.study.refusals(self._target)
        except WorkbenchError as error:
            return (str(error),)

    def _blocked(self, refusals: tuple[str, ...], unfit: tuple[str, ...]) -> str:
        """What stands beside the button that cannot be pressed."""
        if not refusals:
            return ""
        device = self.study.device
        if device is not None and unfit:
            n = len(unfit)
            return f"{PROFILES[device].title} (chosen in the header) cannot express {n} tensor{'s' * (n != 1)}"
        return "This file cannot express the present choices"

    def _other_target(self, state: State) -> dict[str, str] | None:
        """A network that holds the recipe where this target does not; None where the target is not what forbids it."""
        model, recipe = self.study.model, state.recipe
        if not TARGETS[self._target].refusals(model, recipe, recipe.names):
            return None
        networks = sorted((t for t in TARGETS.values() if t.kind == "network"), key=lambda t: t.name != "onnx_float")
        found = next((t for t in networks if not t.refusals(model, recipe, recipe.names)), None)
        return None if found is None else {"target": found.name, "title": found.title}

    def _is_news(self, received: Received) -> bool:
        """Whether to say what became of a file: not once the dialog was closed, nor where its step was undone."""
        past = self.study.state.history.past
        undone = received.before is not None and not any(recipe is received.before for recipe in past)
        return not undone and not any(received is old for old in self._over)

    def moved(self, state: State) -> None:
        self.refresh()
        self._ask()

    def refresh(self) -> None:
        """Show the present moment; where two threads do, the later one has the newest of everything."""
        with self._painting:
            super().refresh()

    def _profile(self) -> str:
        """Name of what the file is to run on: the study's device, else what the target is written for."""
        return self.study.device or TARGETS[self._target].profile

    def _ask(self) -> None:
        """Have the recipe looked at as long as the dialog is open."""
        self.study.ask("health", (self._target, self._profile()) if self._open else False)

    def _settled(self) -> None:
        """Nothing is asked any more, and nothing objected to."""
        self._asking, self._objection = None, ""

    def on_open(self, content: Any) -> None:
        self._open = bool(content["open"])
        if not self._open:
            self._settled()
            self._over = tuple(each for each in self.study.state.received.values() if not each.running)
        self._ask()
        self.refresh()

    def on_target(self, content: Any) -> None:
        self._heard = int(content.get("n", self._heard))
        self._settled()
        self._target = TARGETS[str(content["target"])].name
        self._ask()
        self.refresh()

    def on_all_fp16(self, _content: Any) -> None:
        study, name = self.study, self.study.state.selected
        study.in_background("choosing FP16", lambda: study.set_format(name, "fp16", "network"))

    def on_fit(self, _content: Any) -> None:
        study, profile = self.study, self._profile()

        def fit() -> None:
            if not study.fit_to(profile):
                study.say(Notice("fitted", f"Nothing was to be fitted: {PROFILES[profile].title} can express it all."))

        study.in_background("fitting the recipe", fit)

    def on_receive(self, content: Any) -> None:
        """A file of ranges or of names is to be read."""
        path = str(content["path"]).strip()
        if path:
            self.study.receive_in_background(str(content["what"]), path)

    def on_name(self, content: Any) -> None:
        self.study.set_names({str(content["tensor"]): str(content["name"]).strip()})

    def on_export(self, content: Any) -> None:
        """Target, path and options as the page had them at the click; ignored while another export runs."""
        self._heard = int(content.get("n", self._heard))
        exported, wish = self.study.state.exported, None
        try:
            if exported is None or not exported.running:
                self._settled()
                self._target = TARGETS[str(content.get("target", self._target))].name
                self._ask()
                wish = self._wish(content)
        finally:
            self.refresh()
        self._begin(wish)

    def _wish(self, content: Any) -> "_Wish | None":
        """What is to be written; None where that has to be asked, or objected to, first."""
        given = content.get("options", {})
        options = {name: _value(str(text)) for name, text in given.items() if str(text).strip()}
        try:
            path = destination(str(content["path"]), TARGETS[self._target])
        except WorkbenchError as refusal:
            self._objection = str(refusal)
            return None
        taken = occupied(path, self.study.state.written)
        wish = _Wish(str(path), self._target, options, taken)
        self._asking = wish if taken else None
        return None if taken else wish

    def _begin(self, wish: "_Wish | None") -> None:
        """Called last: what the worker tells must not be overwritten by an older view."""
        if wish is not None:
            self.study.export_in_background(wish.path, wish.target, options=wish.options)

    def on_replace(self, _content: Any) -> None:
        """What was asked is answered by yes."""
        wish = self._asking
        self._settled()
        self.refresh()
        self._begin(wish)

    def on_keep(self, _content: Any) -> None:
        """By no, or another name is typed."""
        self._settled()
        self.refresh()


@dataclass(frozen=True)
class _Wish:
    """An export that waits for an answer. taken: files that it would replace."""

    path: str
    target: str
    options: dict[str, Any]
    taken: tuple[Path, ...]


_NOTHING_FOUND: dict[str, Any] = {
    "refusals": [],
    "more": 0,
    "all_fp16": False,
    "fit": None,
    "switch": None,
    "blocked": "",
    "health": None,
    "sound": "",
}


def _begin_with(chosen: str) -> str:
    """The target that the dialog opens with: the study's, else the first that is written for its device."""
    if chosen in TARGETS:
        return chosen
    return next((t.name for t in TARGETS.values() if chosen and t.profile == chosen), DEFAULT_TARGET)


def _typed(target: Target) -> dict[str, str]:
    """The options of a target that can be said in a line of text."""
    return {name: meaning for name, meaning in target.options.items() if name != COMPARISON}


def _targets(model: str) -> list[dict[str, Any]]:
    """All targets, one kind after the other, each with the name of a file and the options that can be typed."""
    kinds = list(GROUPS)
    members: list[Target] = sorted(TARGETS.values(), key=lambda target: kinds.index(target.kind))
    return [
        {
            "value": t.name,
            "title": t.title,
            "why": t.runs_on,
            "group": GROUPS[t.kind],
            "suffix": t.suffix,
            "path": f"{model}.{t.name}{t.suffix}",
            "options": [
                {"name": name, "label": option_label(name), "meaning": in_dialog(meaning)}
                for name, meaning in _typed(t).items()
            ],
        }
        for t in members
    ]


def _value(text: str) -> Any:
    """What a person typed for an option: a number, a truth value, a list or, where it is none, the text."""
    try:
        value = ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text.strip()
    return value if value is None or isinstance(value, int | float | bool | list | tuple | str) else text.strip()


def _names(state: State) -> list[dict[str, Any]]:
    """Rows of the table of names: [tensor, name, how it was found, names that it could have]; unmatched ones first."""
    names, received = state.recipe.names, state.received.get("names")
    match = None if received is None else received.match
    found = {} if match is None else {row["tensor"]: row for row in match.table()}
    tensors = sorted(dict.fromkeys((*found, *names)), key=lambda t: t in names or bool(found.get(t, {}).get("name")))
    return [
        {
            "tensor": tensor,
            "name": names.get(tensor, ""),
            "how": _how(found.get(tensor), names.get(tensor, tensor)),
            "candidates": list(found.get(tensor, {}).get("candidates", ())),
        }
        for tensor in tensors
    ]


def _how(row: dict[str, Any] | None, name: str) -> str:
    """Where a name comes from; "" where the file has none for the tensor."""
    if row is None or (row["name"] != name and (row["name"] or name != row["tensor"])):
        return "by hand"
    return str(row["how"])


def _received(received: Received) -> dict[str, Any]:
    return {
        "path": received.path,
        "running": received.running,
        "refused": in_dialog(received.refused),
        "words": [in_dialog(words) for words in received.words],
    }
