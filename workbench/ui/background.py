"""`Background`: which work follows from which change, and where its results go."""

import dataclasses
import time
import weakref
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from workbench.messages import Notice
from workbench.models.model import Model
from workbench.numerics.clipping.catalogue import CLIPPING
from workbench.numerics.formats.catalogue import FORMATS
from workbench.ui.ahead import Ahead, warming, whole_job
from workbench.ui.alternatives import Looking, Reach, details_job, formats_job, is_whole
from workbench.ui.autosave import Autosave, Saved
from workbench.ui.beginning import begin_with
from workbench.ui.books import ChoiceBook, ErrorBook, Source, source_of
from workbench.ui.core import Core
from workbench.ui.defaults import default_choices, with_defaults
from workbench.ui.history import changed_tensors
from workbench.ui.jobs import (
    Counted,
    Figures,
    calibration_job,
    errors_job,
    layer_tensors,
)
from workbench.ui.limits import Limits
from workbench.ui.prepared import PreparedBook
from workbench.ui.sampled import SampleBook
from workbench.ui.state import FormatTable, Measured, State, TensorDetails
from workbench.ui.subjects import is_heavy
from workbench.ui.topics.catalogue import topics_of
from workbench.ui.topics.effect import Network
from workbench.ui.topics.topic import Means, still_said, topic_requests
from workbench.ui.worker import Request
from workbench.workflow.check_inputs import NOT_CHECKED
from workbench.workflow.choose import weight_names
from workbench.workflow.comparison import Metric
from workbench.workflow.data import as_batches
from workbench.workflow.recipe import Recipe

AT_ONCE = 0.5  # seconds given to default choices of weights before the first picture
DETAILS, FORMS, INPUT, WEIGHTS, DEFAULTS, ERRORS, NEARBY, NETWORK, CALIBRATION = range(1, 10)  # urgency
CURVES = 20  # after all topics
FORMAT_QUESTIONS = frozenset({"formats", "comparison"})
QUESTIONS = FORMAT_QUESTIONS | {"methods"}


class Background(Core):
    """The work behind a `Study`: calibration, defaults, errors of all tensors, network figures, curves, autosave."""

    def __init__(
        self,
        model: Model,
        data: Any = None,
        *,
        evaluation: Any = None,
        labels: Any = None,
        metric: Metric | None = None,
        state: Mapping[str, str] | None = None,
        recipe: Recipe | None = None,
        autosave: str | Path | None = None,
    ) -> None:
        super().__init__(model, Recipe(model.name, model.sha256))
        judged, self.fed_back = data if evaluation is None else evaluation, state
        self.labels = getattr(judged, "labels", None) if labels is None else labels
        self.class_names: Mapping[int, str] = getattr(judged, "class_names", {})
        self.data = None if data is None else as_batches(model, data, state=state)
        same = judged is data
        self.evaluation = None if judged is None else self.data if same else as_batches(model, judged, state=state)
        self.limits = Limits(model)
        self.samples = SampleBook(model, self.data)
        self.choices, self.errors = ChoiceBook(model), ErrorBook(model, self.samples)
        self.prepared, self._preparing = PreparedBook(), False
        self._network = None if self.evaluation is None else Network(model, self.evaluation, self.labels, metric=metric)
        self._judged = judged
        means = Means(model, self.data, self.evaluation, self.labels, self._network)
        self.topics = {topic.name: topic for topic in topics_of(means)}
        self._names = layer_tensors(model)
        self._ahead = Ahead(model, self.prepared, self._names, NEARBY, CURVES)
        self._weights = set(weight_names(model))
        self.autosave = Autosave(autosave, model)
        self._open()
        self.began_with_recipe = recipe is not None and begin_with(self, recipe)
        self._deaf = [catalogue.observe(_counting(self)) for catalogue in (FORMATS, CLIPPING)]

    def _open(self) -> None:
        """Begin with what was saved, or empty; select the first layer."""
        saved = self.autosave.read(self.model)
        notices = (*self.model.notices, *self.autosave.notices)
        for batches in dict.fromkeys(id(b) for b in (self.data, self.evaluation) if b is not None):
            notices += next(b.notices for b in (self.data, self.evaluation) if id(b) == batches)  # type: ignore[union-attr]
        if self.evaluation is not None and self.evaluation.has_state:
            notices += (Notice("inputs", NOT_CHECKED),)
        self.autosave.said = self.say
        state = dataclasses.replace(self.state, notices=tuple(dict.fromkeys(notices)))
        if saved is not None:
            fields = ("recipe", "history", "decided", "whole", "snapshots", "target")
            state = dataclasses.replace(state, **{name: getattr(saved, name) for name in fields})
        first = next((n for n in self._names if n in self._weights), next(iter(self._names), ""))
        selected = saved.selected if saved is not None and saved.selected in self._names else first
        readers = [each.name for each in self.model.layers if selected in (each.weight, *each.inputs)]
        layer = saved.layer if saved is not None and saved.layer in readers else next(iter(readers), "")
        self.update(lambda _: dataclasses.replace(state, selected=selected, layer=layer))

    def start(self, *, curves: bool = False) -> None:
        """Begin the work that needs nobody: default choices, the check of the inputs, calibration.

        Weights that can be chosen in half a second are chosen before this returns, so that a first picture is whole.
        curves: once there are choices for all tensors, prepare what selecting each of them shows.
        """
        self._preparing = curves
        if not self.state.whole:
            names = [n for n in self._names if n in self._weights and n not in self.state.recipe]
            end, at_once = time.monotonic() + AT_ONCE, []
            while names and time.monotonic() < end:
                at_once += default_choices(self.choices, self.model, None, [names.pop(0)])[0]
            self.update(lambda s: with_defaults(s, at_once))
            if names:
                rest = names

                def weights(turn: Any) -> Any:
                    return default_choices(self.choices, self.model, None, rest, turn)

                self.worker.submit(Request("weights", weights, "choosing ranges of weights", WEIGHTS))
            elif self.data is None:
                self.update(lambda s: dataclasses.replace(s, whole=True))
        if self._judged is not None and self.evaluation is not None and not self.evaluation.has_state:
            judged, labels = self._judged, self._network.class_labels if self._network is not None else None

            def look(_turn: Any) -> Any:
                from workbench.workflow.check_inputs import check_inputs

                return check_inputs(self.model, judged, labels)

            self.worker.submit(Request("input", look, "looking at the data", INPUT))
        if self.data is not None:
            batches = self.data
            self.worker.submit(
                Request("calibration", lambda t: calibration_job(self.model, batches, t), "calibrating", CALIBRATION)
            )
        with self._lock:
            requests = [self._errors_request(self.state), self._details_request(self.state)]
            requests += [warming(NEARBY)] if curves else []
            for request in (*requests, *self._requests_ahead(self.state)):
                self.worker.submit(request)

    def close(self) -> None:
        """Stop background work, write what is not saved yet and let another App have the file."""
        for stop in self._deaf:
            stop()
        super().close()
        self.autosave.close()

    def taken(self, state: State, topic: str, value: Any) -> State:
        """The state with a result put in."""
        if topic == "calibration":
            counted: Counted = value
            notices = tuple(dict.fromkeys((*state.notices, *counted.calibration.notices)))
            calibration, done = counted.calibration, counted.whole
            return dataclasses.replace(state, calibration=calibration, calibrated=done, notices=notices)
        if topic in ("weights", "defaults"):
            choices, left_out = value
            state = with_defaults(state, choices)
            notices = state.notices + tuple(Notice("range", words) for words in left_out)
            return dataclasses.replace(state, notices=notices, whole=topic == "defaults" or self.data is None)
        if topic == "errors":
            figures: Figures = value
            current = {name: error for name, error in figures.errors.items() if self._known(state, name) is not None}
            coded = {**state.coded_bits, **figures.coded_bits}
            return dataclasses.replace(state, errors={**state.errors, **current}, coded_bits=coded)
        if topic in ("details", "formats"):
            about: TensorDetails | FormatTable = value
            if about.tensor != state.selected or about.choice is not state.recipe.choices.get(about.tensor):
                return state
            if isinstance(about, TensorDetails) and is_whole(about, "marked"):
                self.prepared.keep(about.tensor, about.choice, self._source(state, about.tensor), details=about)
            error = self._known(state, about.tensor)  # one that had to be measured came with the details
            errors = state.errors if error is None else {**state.errors, about.tensor: error}
            return dataclasses.replace(state, errors=errors, **{topic: value})
        if topic in self.topics:
            return dataclasses.replace(state, answers={**state.answers, topic: value})
        if topic == "network":
            same = value.recipe.choices is state.recipe.choices
            return _measured_as(state, value) if same else state
        assert topic == "input"
        return dataclasses.replace(state, input_report=value)

    def consistent(self, old: State, new: State) -> State:
        """`new` without errors of choices that are gone, and with the selected tensor's own."""
        if new.calibration is not old.calibration:
            touched = [name for name in self._names if name not in self._weights]
        else:
            touched = list(changed_tensors(old.recipe, new.recipe))
        if new.measured is not None and new.recipe.choices is old.recipe.choices:  # notes change no figure
            measured_now = old.measured is not None and old.measured.recipe is old.recipe
            new = _measured_as(new, new.measured) if measured_now else new
        if touched or new.selected != old.selected:
            errors = dict(new.errors)
            for name in (*touched, new.selected):
                if name:
                    known = self._known(new, name)
                    errors.pop(name, None)
                    if known is not None:
                        errors[name] = known
            coded = {n: bits for n, bits in new.coded_bits.items() if n not in touched}
            new = dataclasses.replace(new, errors=errors, coded_bits=coded)
        trouble = still_said(self.topics, old, new)
        if trouble is not new.trouble:
            new = dataclasses.replace(new, trouble=trouble)
        if new.catalogues != old.catalogues:
            self.prepared.clear()
        if new.details is None or not self._is_present(new, new.details):
            choice = new.recipe.choices.get(new.selected)
            prepared = self.prepared.known(new.selected, choice, self._source(new, new.selected))
            if prepared is not None and prepared.details is not None:
                new = dataclasses.replace(new, details=prepared.details)
            elif new.details is not None and new.details.tensor != new.selected:
                new = dataclasses.replace(new, details=None)
        if new.formats is not None and (new.formats.tensor != new.selected or not new.asked.keys() & FORMAT_QUESTIONS):
            new = dataclasses.replace(new, formats=None)
        moved = any(
            getattr(new, part) is not getattr(old, part) for part in ("recipe", "selected", "snapshots", "target")
        )
        words = (new.recipe.notes, old.recipe.notes, new.recipe.names, old.recipe.names)
        worth_keeping = (new.decided, new.snapshots, old.snapshots, *words)
        if moved and (any(worth_keeping) or new.target != old.target):
            first = (new.recipe, new.history, new.selected, new.layer)
            fields = (*first, new.decided, new.whole, new.snapshots, new.target)
            self.autosave.later(Saved(*fields))
        return new

    def wanted(self, old: State, new: State) -> list[Request]:
        """What a change calls for."""
        requests = []
        recipe_changed = new.recipe.choices is not old.recipe.choices
        data_changed = new.calibration is not old.calibration
        if recipe_changed or data_changed:
            requests.append(self._errors_request(new))
        another = new.selected != old.selected or (
            new.recipe.choices.get(new.selected) is not old.recipe.choices.get(new.selected)
            or (data_changed and new.selected not in self._weights)
            or new.catalogues != old.catalogues
        )
        asked = new.asked.keys() - old.asked.keys()
        other_members = new.catalogues != old.catalogues
        if new.selected and (another or "methods" in asked):
            known = new.details is not None and self._is_present(new, new.details)
            if other_members or not known or not is_whole(new.details, self._reach(new)) or self._lacks_material(new):
                requests.append(self._details_request(new))
        if new.selected and new.asked.keys() & FORMAT_QUESTIONS and (another or asked & FORMAT_QUESTIONS):
            requests.append(self._formats_request(new))
        elif old.asked.keys() & FORMAT_QUESTIONS and not new.asked.keys() & FORMAT_QUESTIONS:
            self.worker.cancel("formats")
        if new.calibrated and not old.calibrated and not new.whole:
            calibration, present = new.calibration, new.recipe
            names = [n for n in self.model.observed if n not in present and n not in new.decided]

            def defaults(turn: Any) -> Any:
                return default_choices(self.choices, self.model, calibration, names, turn)

            requests.append(Request("defaults", defaults, "choosing ranges of activations", DEFAULTS))
        ready = new.calibrated and new.whole
        other_network = recipe_changed or new.task != old.task or not (old.calibrated and old.whole)
        if self._network is not None and ready and other_network:
            network, recipe, task = self._network, new.recipe, new.task
            requests.append(Request("network", lambda t: network.compare(recipe, t, task), "updating", NETWORK))
        of_topics, over = topic_requests(self.topics, old, new)
        requests += of_topics
        for name in over:
            self.worker.cancel(name)
        parts = ("selected", "recipe", "calibrated", "whole", "catalogues")
        if any(getattr(new, part) is not getattr(old, part) for part in parts):
            requests += self._requests_ahead(new)
        return requests

    def _requests_ahead(self, state: State) -> list[Request]:
        """What to prepare once there are choices for all tensors."""
        chosen = state.whole and (self.data is None or state.calibrated)
        return self._ahead.requests(self._looking(state), state) if self._preparing and chosen else []

    def _is_present(self, state: State, details: TensorDetails) -> bool:
        """Whether details are of the selected tensor as it is now."""
        name = state.selected
        same = details.tensor == name and details.choice is state.recipe.choices.get(name)
        return same and details.source is self._source(state, name)

    def _lacks_material(self, state: State) -> bool:
        """Whether an app waits for the curves of the selected tensor, which take too long to be made while it waits."""
        name = state.selected
        if not self._preparing or not name or not is_heavy(self.model, name):
            return False
        prepared = self.prepared.known(name, state.recipe.choices.get(name), self._source(state, name))
        return prepared is None or prepared.material is None

    def _reach(self, state: State) -> Reach:
        return "every" if "methods" in state.asked else "marked"

    def _source(self, state: State, name: str) -> Source | None:
        return source_of(self.model, state.calibration, name) if name else None

    def _errors_request(self, state: State) -> Request:
        recipe, calibration, names = state.recipe, state.calibration, self._names

        def errors(turn: Any) -> Any:
            return errors_job(self.errors, self.samples, self.model, recipe, calibration, names, turn)

        return Request("errors", errors, urgency=ERRORS)

    def _looking(self, state: State) -> Looking:
        books = self.choices, self.errors, self.samples
        return Looking(self.model, *books, state.recipe, state.calibration, state.selected)

    def _details_request(self, state: State) -> Request:
        look, known, reach = self._looking(state), state.details, self._reach(state)
        if self._lacks_material(state):
            return Request("details", lambda turn: whole_job(self.prepared, look, state, turn, reach), urgency=DETAILS)
        return Request("details", lambda turn: details_job(look, known, turn, reach=reach), urgency=DETAILS)

    def _formats_request(self, state: State) -> Request:
        look, known, whole = self._looking(state), state.formats, "comparison" in state.asked
        return Request("formats", lambda turn: formats_job(look, known, turn, whole=whole), urgency=FORMS)

    def _known(self, state: State, name: str) -> Any:
        return self.errors.known(name, state.recipe.choices.get(name), self._source(state, name))


def _measured_as(state: State, measured: Measured) -> State:
    """The state with these figures as those of its recipe."""
    now = measured if measured.recipe is state.recipe else dataclasses.replace(measured, recipe=state.recipe)
    return state if state.measured is now else dataclasses.replace(state, measured=now)


def _counting(background: Background) -> Callable[[], None]:
    """For a catalogue to call: tells the study, if it is still there, that there are other members now."""
    known = weakref.ref(background)

    def heard() -> None:
        study = known()
        if study is not None:
            study.update(lambda s: dataclasses.replace(s, catalogues=s.catalogues + 1))

    return heard
