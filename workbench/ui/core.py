"""`Core`: how a study changes: one lock, one state, observers told after the lock is released."""

import dataclasses
import logging
import threading
import time
from collections.abc import Callable
from typing import Any

import traitlets

from workbench.messages import Notice, WorkbenchError
from workbench.models.model import Model
from workbench.ui.code import present_line
from workbench.ui.history import History, changed_tensors
from workbench.ui.outbox import Outbox
from workbench.ui.state import VERB, State, running
from workbench.ui.worker import Generation, Job, Request, Worker
from workbench.workflow.recipe import Recipe

log = logging.getLogger("workbench")
BETWEEN_REPORTS = 0.1  # seconds from one report of progress to the next

SHOWN = (
    "recipe",
    "calibration",
    "selected",
    "layer",
    "comparison",
    "can_undo",
    "can_redo",
    "updating",
    "status",
    "progress",
    "notices",
)


class Core(traitlets.HasTraits):
    """State, lock and observers of a `Study`; it knows no verb of quantization.

    Everything known at one moment is `state`; the traits repeat its parts, so that they can be observed as those of any
    widget. They are read-only: `apply` changes the recipe, `update` everything else. Both may be called from any
    thread; observers run in the calling thread after the lock is released, or, when the worker calls, in a thread that
    may touch widgets (see `Outbox`).
    """

    recipe = traitlets.Any(read_only=True)
    calibration = traitlets.Any(read_only=True)
    selected = traitlets.Unicode(read_only=True)
    layer = traitlets.Unicode(read_only=True)
    comparison = traitlets.Any(read_only=True)
    can_undo = traitlets.Bool(read_only=True)
    can_redo = traitlets.Bool(read_only=True)
    updating = traitlets.Bool(read_only=True)
    status = traitlets.Unicode(read_only=True)
    progress = traitlets.Any(read_only=True)
    notices = traitlets.Any((), read_only=True)
    moment = traitlets.Any(read_only=True)

    def __init__(self, model: Model, recipe: Recipe) -> None:
        super().__init__()
        self.model = model
        self.outbox = Outbox()
        self.outbox.join()
        self._lock = threading.RLock()
        self._delivering = threading.RLock()
        self._inside: threading.Thread | None = None
        self._last_report = 0.0
        self._state = State(recipe)
        self._delivered: State | None = None
        self.worker = Worker(self.publish, self._failed, self._work_moved)
        self._deliver()

    @property
    def state(self) -> State:
        """This moment; the trait `moment` holds the same and can be observed."""
        return self._state

    def update(self, change: Callable[[State], State]) -> None:
        """Replace the state by change(state), made under the lock; then tell observers."""
        with self._lock:
            self._replace(change(self._state))
        self._tell()

    def apply(self, recipe: Recipe, *, expected: Recipe | None = None) -> bool:
        """Make `recipe` the present one, as one step that can be undone.

        expected: the recipe it was made from. False, and nothing changes, where another change came first.
        Raises WorkbenchError for a recipe of another model.
        """
        if recipe.model_sha256 != self.model.sha256:
            raise WorkbenchError(f"this recipe is for {recipe.model_name}, the study is about {self.model.name}")
        with self._lock:
            old = self._state
            if expected is not None and old.recipe is not expected:
                return False
            changed = changed_tensors(old.recipe, recipe)
            if not changed and old.recipe.same_words(recipe):
                return True
            history, decided = old.history.after_change(old.recipe, present_line()), old.decided.union(changed)
            before = old.before_change() if changed else old.before
            self._replace(
                dataclasses.replace(old, recipe=recipe, history=history, decided=decided, before=before),
            )
        self._tell()
        return True

    def undo(self) -> None:
        """Back to the recipe before the last change. Raises WorkbenchError where there is none."""
        self._travel(History.back)

    def redo(self) -> None:
        """Forward again to what was undone last. Raises WorkbenchError where there is none."""
        self._travel(History.forth)

    def _travel(self, way: Callable[[History, Recipe], tuple[Recipe, History]]) -> None:
        with self._lock:
            old = self._state
            recipe, history = way(old.history, old.recipe)
            before = old.before if recipe.choices is old.recipe.choices else old.before_change()
            self._replace(dataclasses.replace(old, recipe=recipe, history=history, before=before))
        self._tell()

    def publish(self, generation: Generation, value: Any) -> bool:
        """Take a value of the worker; False, and it is dropped, where a newer request of its topic was made."""
        with self._lock:
            if not self.worker.is_current(generation):
                return False
            trouble = {topic: words for topic, words in self._state.trouble.items() if topic != generation.topic}
            self._replace(dataclasses.replace(self.taken(self._state, generation.topic, value), trouble=trouble))
        self._tell()
        return True

    def say(self, notice: Notice) -> None:
        """Add a notice."""
        self.update(lambda s: dataclasses.replace(s, notices=tuple(dict.fromkeys((*s.notices, notice)))))

    def report_trouble(self, topic: str, words: str) -> None:
        """Show what went wrong; it stays until the same topic succeeds or the next change."""
        self.update(lambda s: dataclasses.replace(s, trouble={**s.trouble, topic: words}))

    def wait(self, timeout: float | None = None) -> bool:
        """Block until all background work is done and shown; False after `timeout` seconds.

        Raises WorkbenchError when an observer calls it: observers are what it would wait for.
        """
        if self._inside is threading.current_thread():
            raise WorkbenchError("study.wait() was called by an observer, which it would wait for; call it in a cell")
        done = self.worker.wait(timeout)
        self.outbox.drain()
        self._deliver()
        return done

    def stop(self, topic: str) -> None:
        """Stop one piece of background work, a topic of `state.work`, until `resume`; what it has found stays.

        Raises WorkbenchError where nothing of the topic runs or waits.
        """
        if not self.worker.stop(topic):
            raise WorkbenchError(f"no background work on {topic!r} runs or waits; state.work lists what does")
        self.update(self._with_work)

    def resume(self, topic: str) -> None:
        """Begin again what was stopped. Raises WorkbenchError where nothing was."""
        if not self.worker.resume(topic):
            raise WorkbenchError(f"no background work on {topic!r} was stopped; state.work lists what was")
        self.update(self._with_work)

    def close(self) -> None:
        """Stop background work."""
        self.worker.close()

    def taken(self, state: State, topic: str, value: Any) -> State:
        """The state with a value of the worker put in. For subclasses."""
        raise NotImplementedError

    def consistent(self, old: State, new: State) -> State:
        """`new` with everything dropped that no longer holds. Called under the lock, for subclasses."""
        return new

    def wanted(self, old: State, new: State) -> list[Request]:
        """Background work that a change calls for. Called under the lock, for subclasses."""
        return []

    def _replace(self, new: State) -> None:
        old = self._state
        if new is old:
            return
        if new.recipe is not old.recipe and new.trouble is old.trouble:
            kept = {topic: words for topic, words in new.trouble.items() if not topic.startswith(VERB)}
            new = dataclasses.replace(new, trouble=kept)
        self._state = self.consistent(old, new)
        for request in self.wanted(old, self._state):
            self.worker.submit(request)

    def _tell(self) -> None:
        if self.worker.inside:
            self.outbox.post(self._deliver)
        else:
            self._deliver()

    def _deliver(self) -> None:
        """Bring the traits up to the state; one thread at a time, and an observer's own changes after it returns."""
        with self._delivering:
            if self._inside is not None:
                return
            self._inside = threading.current_thread()
            try:
                while (state := self._state) is not self._delivered:
                    self._delivered = state
                    for name in SHOWN:
                        self._show(name, getattr(state, name))
                    self._show("moment", state)
            finally:
                self._inside = None

    def _show(self, name: str, value: Any) -> None:
        try:
            self.set_trait(name, value)
        except Exception:  # an observer's mistake must not keep the others from hearing
            log.exception("an observer of %r failed", name)

    def _failed(self, job: Job, error: Exception) -> None:
        words = str(error) if isinstance(error, WorkbenchError) else f"{type(error).__name__}: {error}"
        if not isinstance(error, WorkbenchError):
            log.error("background work on %r failed", job.generation.topic, exc_info=error)
        what = job.what or "background work"
        self.report_trouble(job.generation.topic, f"{what[:1].upper()}{what[1:]} stopped. {words}")

    def _work_moved(self) -> None:
        """Tell what runs: a new piece at once, how far it is not too often."""
        work, now = self.worker.work(), time.monotonic()
        known, now_running = self._state.running, running(work)
        same_piece = (known and known.topic) == (now_running and now_running.topic)
        if known == now_running or (same_piece and now - self._last_report < BETWEEN_REPORTS):
            return
        self._last_report = now
        self.update(self._with_work)

    def _with_work(self, state: State) -> State:
        work = self.worker.work()
        return state if work == state.work else dataclasses.replace(state, work=work)
