"""`MixSearch`: finds mixes of formats by the noise of each weight alone, and measures them."""

import itertools
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from workbench.workflow.allocation import MeasuredMix, Pareto
from workbench.workflow.menu import Menu
from workbench.workflow.mixes import Mix, Option, neighbours, path, within
from workbench.workflow.progress import duration
from workbench.workflow.ranking import Ranking
from workbench.workflow.recipe import Recipe
from workbench.workflow.runs import Cancel
from workbench.workflow.sensitivity_cases import cases
from workbench.workflow.sensitivity_sweep import Sweep
from workbench.workflow.simulate import Simulator
from workbench.workflow.trials_at_once import Workers

MEASURED = 16  # mixes along the path that are run
FEW = 64  # mixes that are all run, where there are no more
BESIDE = 12  # mixes that are tried beside the best one, again and again
WORTH_DB = 0.1  # what makes another round worth while


@dataclass(frozen=True)
class AllocationProgress:
    """`done` of `total` runs of what is being done: "weights alone", then "mixes". seconds_left: None at the end."""

    what: str
    done: int
    total: int
    seconds_left: float | None = None

    def __str__(self) -> str:
        words = f"{self.what}: {self.done} of {self.total} runs"
        return words if self.seconds_left is None else f"{words}, {duration(self.seconds_left)} left"


def weights_alone(
    simulator: Simulator, menu: Menu, output: str, cancelled: Cancel | None, workers: Workers | None = None
) -> Sweep:
    """The runs of every weight of a menu alone in each of its formats, the rest of the network float."""
    nothing = Recipe(simulator.model.name, simulator.model.sha256)
    formats, choices = list(menu.by_format), menu.by_format.__getitem__
    found = cases(simulator.model, nothing, uniform=choices, formats=formats, by="tensor", direction="alone", half=())
    return Sweep(simulator, nothing, found, output, "alone", workers=workers, cancelled=cancelled)


class MixSearch:
    """Mixes for one network; each is run once.

    base: what is chosen beside the weights. ranking: every weight of the menu alone in each of its formats.
    """

    def __init__(
        self,
        simulator: Simulator,
        base: Recipe,
        menu: Menu,
        ranking: Ranking,
        on_progress: Callable[[AllocationProgress], object] | None = None,
        cancelled: Cancel | None = None,
    ) -> None:
        self._simulator, self._base, self._menu, self._output = simulator, base, menu, ranking.output
        self._on_progress, self._cancelled = on_progress, cancelled
        noise = {(row.name, row.what): _noise(row.sqnr_db) for row in ranking}
        self._options = {
            weight: [Option(format, menu.size(weight, format), noise.get((weight, format), 0.0)) for format in known]
            for weight, known in menu.choices.items()
        }
        self._path = path(self._options)
        self._other_bytes = menu.other_bytes(base)
        self._known: dict[tuple[str, ...], MeasuredMix] = {}
        comparison = simulator.compare(base, tensors=False, cancelled=cancelled)
        self._other_noise = _noise(comparison.outputs[self._output].sqnr_db)

    @property
    def pareto(self) -> Pareto:
        """Of all mixes that were run."""
        return Pareto(tuple(self._known.values()))

    def within(self, budget_bytes: int) -> MeasuredMix:
        """The best measured mix of at most so many bytes. Raises WorkbenchError where none fits; `Cancelled`."""
        size = budget_bytes - self._other_bytes
        self._run([*self._along(), *self._everywhere(), within(self._options, size)])
        return self._improved(size, lambda: self.pareto.within(budget_bytes))

    def reaching(self, sqnr_db: float) -> MeasuredMix:
        """The smallest measured mix with at least this output SQNR, dB.

        Raises WorkbenchError where none has it; `Cancelled`.
        """
        self._run([*self._along(), *self._everywhere()])
        high = next((place for place in range(len(self._path)) if self._is_enough(place, sqnr_db)), 0)
        low = max((place for place in range(high) if self._measured(self._path[place]) is not None), default=high)
        while high - low > 1:
            middle = (low + high) // 2
            self._run([self._path[middle]])
            low, high = (low, middle) if self._is_enough(middle, sqnr_db) else (middle, high)
        if self.pareto and self.pareto[-1].sqnr_db < sqnr_db:
            self._improved(math.inf, lambda: self.pareto[-1])
        best = self.pareto.reaching(sqnr_db)
        while self._run_beside(best, best.size_bytes - self._other_bytes - 1):
            former, best = best, self.pareto.reaching(sqnr_db)
            if best is former:
                break
        return best

    def _improved(self, size: float, best_of: Callable[[], MeasuredMix]) -> MeasuredMix:
        """What stands beside the best mix is run as long as it brings more. best_of(): of those measured so far."""
        best = best_of()
        while self._run_beside(best, size):
            former, best = best, best_of()
            if not best.sqnr_db >= former.sqnr_db + WORTH_DB:
                break
        return best

    def _run_beside(self, best: MeasuredMix, size: float) -> bool:
        """Measure the most promising mixes beside one, of at most `size` bytes: noises that meet do not just add up.

        Whether there was one.
        """
        here = Mix({tensor: self._option(tensor, format) for tensor, format in best.formats.items()})
        near = neighbours(self._options, here, size, BESIDE + len(self._known))
        beside = [mix for mix in near if self._measured(mix) is None][:BESIDE]
        self._run(beside)
        return bool(beside)

    def _option(self, tensor: str, format: str) -> Option:
        return next(option for option in self._options[tensor] if option.format == format)

    def _is_enough(self, place: int, sqnr_db: float) -> bool:
        known = self._measured(self._path[place])
        return known is not None and known.sqnr_db >= sqnr_db

    def _measured(self, mix: Mix) -> MeasuredMix | None:
        return self._known.get(tuple(mix.formats.values()))

    def _along(self) -> list[Mix]:
        """Mixes of the path, their sizes in equal ratios; all mixes there are where they are few."""
        if math.prod(len(known) for known in self._options.values()) <= FEW:
            return [
                Mix(dict(zip(self._options, one, strict=True))) for one in itertools.product(*self._options.values())
            ]
        first, last = self._path[0].size, self._path[-1].size
        wanted = [first * (last / first) ** (i / (MEASURED - 1)) for i in range(MEASURED)]
        return [min(self._path, key=lambda mix: abs(mix.size - size)) for size in wanted]

    def _everywhere(self) -> list[Mix]:
        """Each format everywhere; weights that cannot have it get their best."""
        formats = dict.fromkeys(option.format for known in self._options.values() for option in known)
        best = self._path[-1].options
        return [
            Mix({t: next((o for o in known if o.format == format), best[t]) for t, known in self._options.items()})
            for format in formats
        ]

    def _recipe(self, mix: Mix) -> Recipe:
        chosen = (self._menu.choices[weight][format] for weight, format in mix.formats.items())
        return self._base.with_choices(*(choice for choice in chosen if choice is not None))

    def _run(self, wanted: list[Mix]) -> None:
        """Measure what was not measured yet."""
        by_formats = {tuple(mix.formats.values()): mix for mix in wanted}
        missing = [key for key in by_formats if key not in self._known]
        started = time.monotonic()
        for n_done, key in enumerate(missing, start=1):
            mix = by_formats[key]
            recipe = self._recipe(mix)
            comparison = self._simulator.compare(recipe, tensors=False, cancelled=self._cancelled)
            size, predicted = mix.size + self._other_bytes, _sqnr_db(mix.noise + self._other_noise)
            self._known[key] = MeasuredMix(recipe, mix.formats, size, predicted, comparison.outputs[self._output])
            if self._on_progress is not None:
                left = (time.monotonic() - started) / n_done * (len(missing) - n_done) or None
                self._on_progress(AllocationProgress("mixes", n_done, len(missing), left))


def _noise(sqnr_db: float) -> float:
    """Noise-to-signal ratio; infinite where the output is not finite."""
    return math.inf if math.isnan(sqnr_db) else 10 ** (-sqnr_db / 10)


def _sqnr_db(noise: float) -> float:
    return -10 * math.log10(noise) if noise else math.inf
