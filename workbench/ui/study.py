"""`Study`: the one thing that changes; what is clicked in the app and what a script says both go through it."""

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any

from workbench.messages import WorkbenchError
from workbench.numerics.errors.error import QuantizationError
from workbench.ui.background import QUESTIONS
from workbench.ui.books import source_of
from workbench.ui.exchanging import URGENT, Exchanging
from workbench.ui.keeping import Keeping
from workbench.ui.limits import target_or_profile
from workbench.ui.repairing import Repairing
from workbench.ui.scopes import PICKED, Scope, layers_named
from workbench.ui.state import VERB, State
from workbench.ui.subjects import is_heavy
from workbench.ui.topics.output_curve import OutputCurves
from workbench.ui.worker import Request
from workbench.workflow.tasks.catalogue import TASKS


class Study(Keeping, Repairing, Exchanging):
    """A model, what is known of it, and what was chosen for it.

    model: Model. data: for calibration, anything `as_batches` takes; None without. evaluation: data for the network's
    figures (default: `data`). labels: of the evaluation data, what its task takes, as class indices (samples,). metric:
    function of (outputs, labels) -> float, worked out for every output. state: input name -> output name, for a
    recurrent network, whose data are sequences of feeds, see `as_batches`. recipe: what to begin with; None: default
    choices. autosave: folder, or None.
    Raises WorkbenchError for data that do not fit the model.

    `study.start()` begins the background work (default choices, calibration, network figures); `study.wait()` blocks
    until it is done. Each verb below is one action of the app. All can be undone; all may be called from any thread.
    """

    def select(self, name: str) -> None:
        """Look at a tensor, or at a layer by its name (its weight first, else what it reads)."""
        layer = next((each for each in self.model.layers if each.name == name), None)
        if layer is not None:
            tensor = next((n for n in (layer.weight, *layer.inputs) if n is not None), "")
        else:
            tensor, present = self.model.tensors[name].name, self.layer_named(self.state.layer)
            readers = (each for each in self.model.layers if name in (each.weight, *each.inputs))
            layer = present if present and name in (present.weight, *present.inputs) else next(readers, None)
        place = "" if layer is None else layer.name
        if not is_heavy(self.model, tensor):
            self.error(tensor)  # known before observers ask for it
        self.update(lambda s: dataclasses.replace(s, selected=tensor, layer=place))

    def pick(self, layers: Iterable[str]) -> None:
        """Mark layers by name, for choices that are applied to all of them; none: nothing is marked.

        Raises WorkbenchError for a name that no layer has.
        """
        picked = tuple(layer.name for layer in layers_named(self.model, layers))
        self.update(lambda s: s if s.picked == picked else dataclasses.replace(s, picked=picked))

    def scope(self, word: str) -> Scope:
        """What a panel's word reaches: "picked" the layers that are picked now, any other what it says."""
        return self.state.picked if word == PICKED else word  # type: ignore[return-value]  # refused where it is used

    def in_background(self, what: str, verb: Callable[[], Any], *, of: str = "") -> None:
        """Run a verb that may take long without keeping the caller; its errors become `status`.

        Verbs run in the order in which they were asked for. Of those that wait, a newer one with the same `what` takes
        the place of the older; of: the tensor that it is about, one of several.
        """

        def compute(_turn: Any) -> None:
            verb()  # what it returns is for scripts; all that it found is in the state

        self.worker.submit(Request(f"{VERB}: {what}, {of}", compute, what, URGENT))

    @property
    def output_curves(self) -> OutputCurves:
        """The topic that measures the network's output at other ranges of a tensor."""
        topic = self.topics[OutputCurves.name]
        assert isinstance(topic, OutputCurves)
        return topic

    def set_best_at_output(self, name: str) -> None:
        """Take the range of a tensor at which the network's output is best, as its output curve says.

        Raises WorkbenchError where that is not measured for the present choices; the selected tensor's is, a moment
        after `ask("output_curve")`.
        """
        self._change(lambda recipe: recipe.with_choice(self.output_curves.best_choice(self.state, name)))

    def set_target(self, name: str) -> None:
        """Say what it is to be exported to, or to run on: a name of `TARGETS` or `PROFILES`; "": any format will do.

        What the target cannot express is greyed in the app and marked where it is chosen already; nothing is changed.
        Raises WorkbenchError for another name.
        """
        if name:
            target_or_profile(name)  # an unknown name is refused
        self.update(lambda s: s if s.target == name else dataclasses.replace(s, target=name))

    def set_task(self, name: str = "") -> None:
        """Say what the outputs are: a name of `TASKS`; "" goes back to the guess. Raises WorkbenchError for another."""
        if name:
            TASKS[name]  # an unknown name is refused
        self.update(lambda s: s if s.task == name else dataclasses.replace(s, task=name))

    def error(self, name: str) -> QuantizationError | None:
        """The exact figures of a tensor at its present choice; None for an activation without data."""
        state = self.state
        source = source_of(self.model, state.calibration, name)
        return self.errors.error(name, state.recipe.choices.get(name), source)

    def ask(self, question: str, wanted: Any = True) -> None:
        """Have something worked out as long as somebody looks at it; `state` gets the answers.

        question: of the selected tensor: "formats" (the error in every format, `state.formats`), "comparison" (the same
        with divergence and entropy-coded size), "methods" (the range of every method, `state.details`); or a topic,
        whose answer is `state.answers[question]`. wanted: False ends it; anything else but True is what to ask it with.
        Raises WorkbenchError for another question.
        """
        known = QUESTIONS | self.topics.keys()
        if question not in known:
            raise WorkbenchError(f"unknown question {question!r}; expected one of {', '.join(sorted(known))}")

        def asked(state: State) -> State:
            rest = {name: options for name, options in state.asked.items() if name != question}
            questions = rest if wanted is False else {**rest, question: wanted}
            return state if questions == state.asked else dataclasses.replace(state, asked=questions)

        self.update(asked)
