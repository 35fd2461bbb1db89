"""`Showing`: brings the selected tensor of a study to the plot, by the quickest way there is."""

import dataclasses
from typing import Any

from workbench.messages import WorkbenchError
from workbench.models.tensors import Tensor
from workbench.numerics.formats.catalogue import FORMATS
from workbench.ui.books import source_of
from workbench.ui.state import VERB, State
from workbench.ui.study import Study
from workbench.ui.subjects import channels_in, first_look, is_heavy, subject_of
from workbench.ui.threshold.before import before_facts
from workbench.ui.threshold.extremes import Ends, ends_of, ends_of_array, extreme_facts
from workbench.ui.threshold.material import Material, same_memory
from workbench.ui.threshold.output import output_facts
from workbench.ui.threshold.samples import EachSample
from workbench.ui.threshold.subject import Subject
from workbench.ui.threshold.widget import ThresholdPlot
from workbench.ui.topics.output_curve import BEST_AT_OUTPUT, NAME
from workbench.ui.topics.sample_lines import SampleLines
from workbench.workflow.output_curve import has_threshold

CALIBRATING = "the calibration is not done yet"
UNKNOWN = EachSample()


class Showing:
    """Draws from what was prepared. What was not is made at once, and kept; of a heavy weight there is a first look.

    plot: shows the present moment of the study from the beginning.
    """

    def __init__(self, study: Study) -> None:
        self._study = study
        self._whole = ""  # the tensor that is shown with its curves
        self._subject: Subject | None = None
        self._subject = self._next(study.state)
        self.plot = ThresholdPlot(self._subject, self._prepared(study.state), output=self._output(study.state))
        self._keep(study.state, self.plot.material)
        self._ends: dict[str, Ends] = {}
        self.plot.extremes = self._extremes(study.state)
        self.plot.before = self._before(study.state)
        self.plot.on_set_aside(self._set_aside)
        self.plot.observe(self._ask_each, "show_samples")
        self._count_each(study.state)

    def draw(self, state: State) -> None:
        """Show a moment; nothing is sent where it looks as the one before."""
        subject, output = self._next(state), self._output(state)
        with self.plot.hold_sync():  # one message, one painting
            self.plot.each = self._each(state)
            if subject is not None and not _same(subject, self._subject):
                self._subject = subject
                self._keep(state, self.plot.show(subject, self._prepared(state), output))
            else:
                self.plot.output = output
                self.plot.count_each()
            self.plot.extremes = self._extremes(state)
            self.plot.before = self._before(state)

    def _output(self, state: State) -> dict[str, Any]:
        """What is known of the network's output at other ranges; nothing where there is no network to be measured."""
        if self._study.evaluation is None:
            return {}
        looked = self._study.output_curves.look(state)
        now, before = looked.now, looked.before
        return output_facts(
            None if now is None else now.curve,
            None if before is None else before.curve,
            shift_db=0.0 if now is None else now.shift_db,
            shift_before_db=0.0 if before is None else before.shift_db,
            done=looked.done,
            mark=BEST_AT_OUTPUT,
            words=_words(state),
        )

    def _extremes(self, state: State) -> dict[str, Any]:
        """Where the largest and smallest values of the selected tensor came from."""
        model, name, subject, material = self._study.model, state.selected, self._subject, self.plot.material
        source = source_of(model, state.calibration, name) if name and self._whole == name else None
        if source is None or subject is None or material is None:
            return {}
        if isinstance(source, Tensor):
            if name not in self._ends:
                self._ends[name] = ends_of_array(source.array())
            ends: Ends | None = self._ends[name]
        else:
            ends = ends_of(source)
        if ends is None:
            return {}
        axis, of_samples = channels_in(model, name, ends)
        rows = extreme_facts(ends, subject, material.source, axis, of_samples=of_samples)
        return {"rows": rows, "aside": sorted(state.set_aside), "why": "" if state.calibrated else CALIBRATING}

    def _before(self, state: State) -> dict[str, Any]:
        """The selected tensor's range before the last change, where that was another one."""
        name, subject, material = state.selected, self._subject, self.plot.material
        if not state.history.past or subject is None or material is None or self._whole != name:
            return {}
        recipe = state.history.past[-1]
        if recipe.choices.get(name) == state.recipe.choices.get(name):
            return {}
        before = subject_of(self._study.model, dataclasses.replace(state, recipe=recipe))
        facts = {} if before is None else before_facts(before, subject, material.source)
        return facts and facts | {"key": subject.title + subject.caption}

    def _each(self, state: State) -> EachSample:
        """The selected tensor by samples, where that is asked and known."""
        topic = self._study.topics[SampleLines.name]
        assert isinstance(topic, SampleLines)
        if why := topic.why_not(state):
            return EachSample(why=why)
        answer = topic.present(state) if SampleLines.name in state.asked else None
        each: EachSample = UNKNOWN if answer is None else answer.value
        return each

    def _ask_each(self, change: Any) -> None:
        self._study.ask(SampleLines.name, bool(change.new))
        self._count_each(self._study.state)

    def _count_each(self, state: State) -> None:
        self.plot.each = self._each(state)
        self.plot.count_each()

    def _set_aside(self, sample: int, aside: bool) -> None:
        try:
            (self._study.set_aside if aside else self._study.take_back)(sample)
        except WorkbenchError as error:
            self._study.report_trouble(VERB, str(error))

    def _next(self, state: State) -> Subject | None:
        model, name = self._study.model, state.selected
        if not name or self._whole == name or not is_heavy(model, name) or self._prepared(state) is not None:
            subject = subject_of(model, state)
            self._whole = name if subject is not None else ""
            return subject
        self._whole = ""
        seen = self._subject
        return seen if seen is not None and seen.words and seen.title == state.layer else first_look(model, state)

    def _prepared(self, state: State) -> Material | None:
        prepared = self._study.prepared.known(*self._made_for(state))
        return None if prepared is None else prepared.material

    def _keep(self, state: State, material: Material | None) -> None:
        if self._whole and material is not None and material is not self._prepared(state):
            self._study.prepared.keep(*self._made_for(state), material=material)

    def _made_for(self, state: State) -> tuple:
        name, model = state.selected, self._study.model
        return name, state.recipe.choices.get(name), source_of(model, state.calibration, name) if name else None


def _words(state: State) -> str:
    """Why there is no output curve yet."""
    choice = state.recipe.choices.get(state.selected)
    if choice is not None and not has_threshold(choice):
        return "output SQNR: no fixed threshold to vary"
    if choice is not None and choice.format not in FORMATS:
        return "output SQNR: the format was taken out of the catalogue"
    if NAME in state.trouble:
        return "output SQNR: could not be measured"
    if state.measured is None:
        return "output SQNR: comes with the network's figures"
    return "output SQNR: on its way"


def _same(new: Subject, old: Subject | None) -> bool:
    """Whether two subjects would be drawn alike: all parts are values that do not change."""
    if old is None or new is old:
        return new is old
    same_values = ("caption", "title", "symmetric", "marks", "n_samples", "words")
    same_things = ("distribution", "quantizer", "error", "reference")
    if any(getattr(new, field) != getattr(old, field) for field in same_values):
        return False
    return all(getattr(new, field) is getattr(old, field) for field in same_things) and same_memory(
        new.array, old.array
    )
