"""`CausesPanel`: what costs most, why, and what would repair it, one click away; what was done, and what it gave."""

from typing import Any

import traitlets

from workbench.messages import WorkbenchError
from workbench.ui.applied import Applied
from workbench.ui.panel import Panel, script, styles
from workbench.ui.repairing import in_force
from workbench.ui.state import State
from workbench.ui.study import Study
from workbench.ui.topics.causes import Causes
from workbench.ui.topics.topic import same
from workbench.ui.words import plain
from workbench.workflow.diagnosis.finding import Diagnosis, Finding
from workbench.workflow.diagnosis.words import listed

MOST_SAMPLES = 3  # that one finding offers to set aside
NOTHING = "Nothing stands out: no tensor loses more than its format must."


class CausesPanel(Panel):
    """A ranked list of findings. `view` is small, `rows` change with the diagnosis, `doing` with its progress."""

    _esm = script("popup.js", "causes.js")
    _css = styles("panels/causes.css")
    parts = (
        *("answers", "recipe", "measured", "before", "applied", "set_aside", "calibrated", "whole", "trouble"),
        *("running", "asked"),
    )
    rows: traitlets.List[Any] = traitlets.List().tag(sync=True)
    doing = traitlets.Unicode().tag(sync=True)

    def __init__(self, study: Study) -> None:
        self._made_of: tuple | None = None
        super().__init__(study)
        self._show(study.state)

    def moved(self, state: State) -> None:
        self._show(state)
        super().moved(state)

    def _show(self, state: State) -> None:
        now = state.running
        self.doing = now.words if now is not None and now.topic == Causes.name else ""
        made_of = (state.answers.get(Causes.name), state.recipe, state.set_aside)
        if not same(made_of, self._made_of):
            self._made_of = made_of
            self.rows = [self._row(state, *group) for group in _groups(state)]

    def look(self, state: State) -> dict[str, Any]:
        topic = self.study.topics[Causes.name]
        answer, present = state.answers.get(Causes.name), topic.present(state)
        found: Diagnosis | None = None if answer is None else answer.value
        done = [_done(one) for one in in_force(state)]
        gains = [one.gained_db for one in in_force(state) if one.gained_db is not None]
        return {
            "missing": self._missing(state),
            "trouble": state.trouble.get(Causes.name, ""),
            "stale": answer is not None and present is None,
            "complete": present is not None and present.done,
            "hidden": any(finding.loss_db is not None for finding in found or ()),
            "sqnr_db": None if found is None else plain(found.sqnr_db),
            "n_samples": 0 if found is None else found.n_samples,
            "done": done,
            "gained_db": plain(sum(gains)) if gains else None,
            "aside": sorted(state.set_aside),
            "loud": self._loud(state),
            "nothing": NOTHING,
        }

    def _missing(self, state: State) -> str:
        """Why there is nothing to see yet; "" where there is, or soon will be."""
        if self.study.evaluation is not None and not state.calibrated:
            return "Comes after calibration."
        if not state.whole:
            return "Comes when all tensors have their ranges."
        if self.study.evaluation is not None and (state.measured is None or not state.measured.complete):
            return state.trouble.get("network", "Comes after the network's figures.")
        return ""

    def _row(self, state: State, rank: int, findings: list[Finding]) -> dict[str, Any]:
        """One tensor: the finding that explains most, and what else is said about it."""
        finding = findings[0]
        samples = list(dict.fromkeys(number for one in findings for number in self._samples(state, one)))
        return {
            "id": _key(finding),
            "rank": rank,
            "kind": finding.kind,
            "words": finding.sentence,
            "advice": finding.advice,
            "layer": finding.layer,
            "tensor": finding.tensor,
            "what": self._what(finding),
            "predicted_db": plain(finding.predicted_gain_db),
            "measured_db": plain(finding.measured_gain_db),
            "loss_db": plain(finding.loss_db),
            "remedies": _remedies(finding),
            "others": [{"words": one.sentence, "remedies": _remedies(one)} for one in findings[1:]],
            "samples": samples,
            "samples_words": listed(samples, "sample") if samples else "",
        }

    def _samples(self, state: State, finding: Finding) -> list[int]:
        """Numbers of the calibration samples that a finding names and that could be set aside."""
        known = self.study.data is not None and self.study.model.tensors[finding.tensor].values is None
        named = [number for number in finding.evidence.get("samples", ()) if number not in state.set_aside]
        return named if known and len(named) <= MOST_SAMPLES else []

    def _loud(self, state: State) -> list[dict[str, int]]:
        """Samples that have nothing in common with the others: how many tensors they made outliers in."""
        counts: dict[int, int] = {}
        for _, findings in _groups(state):
            for number in {n for one in findings if one.evidence.get("broken") for n in self._samples(state, one)}:
                counts[number] = counts.get(number, 0) + 1
        worst = sorted(counts.items(), key=lambda one: -one[1])[:MOST_SAMPLES]
        return [{"sample": number, "n": count} for number, count in worst]

    def _what(self, finding: Finding) -> str:
        """Which of the tensors of its layer it is, "" where the layer is not known."""
        layer = self.study.layer_named(finding.layer)
        if layer is None:
            return ""
        if finding.tensor == layer.weight:
            return "weight"
        return "input" if len(layer.inputs) < 2 else f"input {layer.inputs.index(finding.tensor) + 1}"

    def on_select(self, content: Any) -> None:
        self.study.select(str(content["name"]))

    def on_apply(self, content: Any) -> None:
        finding = self._finding(str(content["id"]))
        words = str(content["words"])
        remedy = next((one for one in finding.remedies if one.words == words), None)
        if remedy is None:
            raise WorkbenchError(f"tensor {finding.tensor!r} has no remedy {words!r} any more; choose again")
        self.study.apply_remedy(finding, remedy)

    def on_aside(self, content: Any) -> None:
        self.study.set_aside([int(number) for number in content["samples"]])

    def on_take_back(self, content: Any) -> None:
        self.study.take_back([int(number) for number in content["samples"]])

    def _finding(self, name: str) -> Finding:
        answer = self.study.state.answers.get(Causes.name)
        found = next((one for one in answer.value if _id(one) == name), None) if answer is not None else None
        if found is None:
            raise WorkbenchError("this finding is gone: the diagnosis has changed meanwhile; choose again")
        finding: Finding = found
        return finding


def _groups(state: State) -> list[tuple[int, list[Finding]]]:
    """(rank of the first, findings about one tensor) of what still holds, in the order of the ranks.

    Findings without a remedy stand alone.
    """
    answer = state.answers.get(Causes.name)
    groups: dict[str, tuple[int, list[Finding]]] = {}
    for rank, finding in enumerate(() if answer is None else answer.value, start=1):
        if answer is not None and _still(finding, answer.about[0], state):
            groups.setdefault(_key(finding), (rank, []))[1].append(finding)
    return list(groups.values())


def _key(finding: Finding) -> str:
    """What the row of a finding is called, however its tensor is explained."""
    return finding.tensor if finding.remedies else _id(finding)


def _remedies(finding: Finding) -> list[dict[str, str]]:
    return [{"id": _id(finding), "short": one.short, "words": one.words} for one in finding.remedies]


def _id(finding: Finding) -> str:
    """What a finding is called from one diagnosis to the next."""
    return f"{finding.kind} {finding.layer} {finding.tensor}"


def _still(finding: Finding, recipe: Any, state: State) -> bool:
    """Whether what a finding was about is still as it was then."""
    names = {finding.tensor, *(name for remedy in finding.remedies for name in remedy.changes)}
    return all(recipe.choices.get(name) is state.recipe.choices.get(name) for name in names)


def _done(one: Applied) -> dict[str, Any]:
    return {
        "short": one.remedy.short,
        "words": one.remedy.words,
        "tensor": one.finding.tensor,
        "layer": one.finding.layer,
        "gained_db": plain(one.gained_db),
        "expected_db": plain(one.expected_db),
        "n": one.n_samples,
    }
