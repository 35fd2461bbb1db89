"""`Progress`: how far long work is, how fast it goes and how long it will take yet."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """After `done` of `total` steps and `seconds`. group: which pass through the data it is, of n_groups."""

    done: int
    total: int
    seconds: float
    samples_per_second: float
    group: int = 1
    n_groups: int = 1

    @property
    def seconds_left(self) -> float:
        """At the rate so far."""
        return self.seconds / max(self.done, 1) * (self.total - self.done)

    def __str__(self) -> str:
        words = f"{self.done} of {self.total} batches, {rate(self.samples_per_second)}"
        if self.done < self.total:
            words += f", {duration(self.seconds_left)} left"
        return words if self.n_groups == 1 else f"pass {self.group} of {self.n_groups}, {words}"


def rate(samples_per_second: float) -> str:
    """ "340 samples/s", two digits below ten."""
    return f"{samples_per_second:,.0f} samples/s" if samples_per_second >= 10 else f"{samples_per_second:.1f} samples/s"


def duration(seconds: float) -> str:
    """ "8 s", "3 min 20 s", "2 h 5 min"."""
    whole = max(1, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def with_bar(steps: Iterable[int], total: int, shown: bool) -> Iterable[int]:
    """The steps, with a progress bar where it is wanted."""
    if not shown:
        return steps
    from tqdm.auto import tqdm

    return tqdm(steps, total=total, desc="calibrating", unit="batch")
