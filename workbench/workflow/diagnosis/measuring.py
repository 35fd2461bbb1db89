"""`Measuring`: remedies tried one after the other on the network itself; findings in the order of what they gave."""

import dataclasses
import math
from collections.abc import Callable, Iterable, Mapping

from workbench.workflow.choice import TensorChoice
from workbench.workflow.diagnosis.finding import Diagnosis, Finding, Remedy
from workbench.workflow.diagnosis.trials import Trials, gain_db
from workbench.workflow.recipe import Recipe

OnFinding = Callable[[Diagnosis], object]
OnStep = Callable[[int, int, str], object]
SAME, AS_GOOD = 0.95, 0.9  # of what the best remedy takes: the cheapest with as much is advised; told before others
CROWDED = 0.05  # noise-to-signal ratio above which several faults can hide one another
LEFT = 0.1  # of the noise: where every single remedy leaves more, they do
LEAST_DB = 0.05  # a measured gain below this is none


def by_prediction(finding: Finding) -> float:
    """A key that puts the largest predicted gain first, and findings without one last."""
    return math.inf if finding.predicted_gain_db is None else -finding.predicted_gain_db


class Measuring:
    """Findings with what their remedies turned out to give on some samples.

    findings: of several about one tensor, those that explain more before those that explain less.
    """

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings = list(findings)
        self._before = math.inf
        self._noise: dict[int, float] = {}  # place of a finding -> noise with its remedy
        self._losses: dict[int, float] = {}  # the same with everything but its remedy

    def run(
        self, trials: Trials, places: Iterable[int], *, n_runs: int, thorough: bool, told: Callable[[int, int], object]
    ) -> None:
        """Try the remedies of the findings at `places`, until `n_runs` are used up; forgets earlier measurements.

        thorough: all remedies of each, not the advised one alone. told(done, total): called before the first finding
        and after each.
        """
        places = tuple(places)
        self._before, self._noise, self._losses = trials.noise, {}, {}
        runs = _Runs(trials, n_runs)
        told(0, len(places))
        for done, place in enumerate(places, start=1):
            finding = self.findings[place]
            remedies = finding.remedies if thorough else finding.remedies[:1]
            measured = [(one, noise) for one in remedies if (noise := runs.noise_with(one)) is not None]
            if measured:
                enough = self._share(min(noise for _, noise in measured), SAME)
                remedy, noise = next((one, noise) for one, noise in measured if noise <= enough)
                self.findings[place] = finding.preferring(remedy, gain_db(trials.noise, noise))
                self._noise[place] = noise
            told(done, len(places))
        if self._hidden():
            self._measure_losses(trials)

    def by_prediction(self) -> list[int]:
        """Places of the findings that a recipe can repair, the most promising first."""
        known = [p for p, finding in enumerate(self.findings) if finding.predicted_gain_db is not None]
        return sorted(known, key=lambda place: by_prediction(self.findings[place]))

    def ranked(self) -> list[int]:
        """Places of the findings that matter, as far as that is known, in order."""
        return [place for place in self._in_order() if self._worth(place)]

    def promising(self, n: int, n_predicted: int) -> list[int]:
        """Places of all about the `n` tensors (or groups of them) that gave most, and of the `n_predicted` that should.

        A few samples may hide what many show.
        """
        measured = [place for place in self._in_order() if place in self._noise]
        by_gain, by_estimate = (
            list(dict.fromkeys(self._tensors(place) for place in places))
            for places in (measured, [place for place in self.by_prediction() if place in self._noise])
        )
        wanted = {*by_gain[:n], *by_estimate[:n_predicted]}
        return [place for place in measured if self._tensors(place) in wanted]

    def _in_order(self) -> list[int]:
        """Findings measured last first, by what they gave; then those measured before, then those that are estimated.

        Of several about one tensor the one that explains most is first among those that do about as much.
        """
        best: dict[frozenset[str], float] = {}
        for place, noise in self._noise.items():
            best[self._tensors(place)] = min(noise, best.get(self._tensors(place), math.inf))

        def key(place: int) -> tuple[float, ...]:
            finding = self.findings[place]
            if place in self._noise:
                least, noise = best[self._tensors(place)], self._noise[place]
                return (0, -self._losses.get(place, 0.0), least, noise > self._share(least, AS_GOOD), place)
            if finding.measured_gain_db is not None:
                return (1, -finding.measured_gain_db, place)
            return (2, by_prediction(finding), place)

        return sorted(range(len(self.findings)), key=key)

    def _share(self, least: float, share: float) -> float:
        """The noise of a remedy that takes this share of what the one takes that leaves `least`."""
        if math.isinf(self._before):
            return least / (1 - share)
        return max(least, self._before - share * (self._before - least))

    def _tensors(self, place: int) -> frozenset[str]:
        return frozenset(self.findings[place].remedies[0].changes)

    def _worth(self, place: int) -> bool:
        finding = self.findings[place]
        gains = [gain for gain in (finding.measured_gain_db, finding.loss_db) if gain is not None]
        return not gains or max(gains) >= LEAST_DB

    def _hidden(self) -> bool:
        """Whether there is so much noise that no single remedy shows what it is worth."""
        several = len({self._tensors(place) for place in self._noise}) > 1
        return several and self._before > CROWDED and min(self._noise.values()) > LEFT * self._before

    def _measure_losses(self, trials: Trials) -> None:
        """Apply all remedies that were tried, then undo those of one group of tensors at a time."""
        in_order = sorted(self._noise, key=self._noise.__getitem__)
        repaired = trials.recipe
        for place in reversed(in_order):
            repaired = self.findings[place].remedies[0].apply(repaired)
        base = trials.noise_of(repaired)
        known: dict[frozenset[str], float] = {}
        for place in in_order:
            tensors = self._tensors(place)
            if tensors not in known:
                known[tensors] = trials.noise_of(_undone(repaired, trials.recipe, tensors))
            self._losses[place] = known[tensors]
            self.findings[place] = dataclasses.replace(self.findings[place], loss_db=gain_db(known[tensors], base))


class _Runs:
    """Noise with each remedy, each change run once. n: how often the network may run."""

    def __init__(self, trials: Trials, n: int) -> None:
        self._trials, self._left = trials, n
        self._known: list[tuple[Mapping[str, TensorChoice | None], float]] = []

    def noise_with(self, remedy: Remedy) -> float | None:
        """None where no run is left for it."""
        for changes, noise in self._known:
            if changes == remedy.changes:
                return noise
        if self._left <= 0:
            return None
        self._left -= 1
        noise = self._trials.noise_of(remedy.apply(self._trials.recipe))
        self._known.append((remedy.changes, noise))
        return noise


def _undone(repaired: Recipe, recipe: Recipe, tensors: frozenset[str]) -> Recipe:
    """The repaired recipe with the former entries of some tensors."""
    return repaired.without(*tensors).with_choices(*(recipe[name] for name in tensors if name in recipe))
