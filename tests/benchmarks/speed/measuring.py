"""Measuring beside a peer: contenders take turns in one run, so that a busy machine slows all of them."""

import gc
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Sample:
    """One measurement. seconds: by the clock; cpu_seconds: of all threads of the process.

    peak_bytes: the highest resident memory above that before, where a child process measured it. facts: what it found.
    """

    seconds: float
    cpu_seconds: float
    peak_bytes: int | None = None
    facts: dict[str, Any] = field(default_factory=dict)


Contender = Callable[[], Sample]


def timed(function: Callable[[], Any], calls: int = 1) -> Contender:
    """A contender of this process; many calls of what is short, of which the mean counts."""

    def once() -> Sample:
        gc.collect()
        cpu, start = time.process_time(), time.perf_counter()
        for _ in range(calls):
            function()
        return Sample((time.perf_counter() - start) / calls, (time.process_time() - cpu) / calls)

    return once


def interleaved(contenders: Mapping[str, Contender], rounds: int | Mapping[str, int]) -> dict[str, list[Sample]]:
    """All contenders in turn, every other round in the opposite order; nothing warms them up.

    rounds: of each contender; one with fewer takes part in the first rounds.
    """
    wanted = dict.fromkeys(contenders, rounds) if isinstance(rounds, int) else rounds
    samples: dict[str, list[Sample]] = {name: [] for name in contenders}
    for number in range(max(wanted.values())):
        for name in list(contenders)[:: -1 if number % 2 else 1]:
            if number < wanted[name]:
                samples[name].append(contenders[name]())
    return samples


@dataclass(frozen=True)
class Quantity:
    """Repeated measurements of one thing, in their order. unit: "s" or "B"; cpu: seconds of all threads, if timed."""

    values: tuple[float, ...]
    unit: str
    cpu: tuple[float, ...] = ()

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    def record(self) -> dict[str, Any]:
        quarters = statistics.quantiles(self.values, method="inclusive") if len(self.values) > 1 else self.values * 3
        return {
            "unit": self.unit,
            "n": len(self.values),
            "median": self.median,
            "minimum": min(self.values),
            "quartiles": [quarters[0], quarters[2]],
            **({"cpu_median": statistics.median(self.cpu)} if self.cpu else {}),
        }


def seconds(samples: Sequence[Sample], parts: int = 1) -> Quantity:
    """parts: how many equal parts a sample consisted of; one counts."""
    clock, cpu = ([getattr(s, name) / parts for s in samples] for name in ("seconds", "cpu_seconds"))
    return Quantity(tuple(clock), "s", tuple(cpu))


def peaks(samples: Sequence[Sample]) -> Quantity:
    return Quantity(tuple(float(sample.peak_bytes or 0) for sample in samples), "B")


def ratio(above: Quantity, below: Quantity) -> tuple[float, float, float]:
    """The ratio of the medians, and the least and the largest ratio of a round.

    Where one side had fewer rounds, its last one stands beside the later ones of the other.
    """
    n = max(len(above.values), len(below.values))
    one, other = ((*q.values, *[q.values[-1]] * (n - len(q.values))) for q in (above, below))
    each = [a / b for a, b in zip(one, other, strict=True)]
    return above.median / below.median, min(each), max(each)
