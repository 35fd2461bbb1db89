"""Mixes of formats: which tensor gets which, so that the noise is least for the bytes; by numbers alone."""

import heapq
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

BEYOND = 1e3  # times the largest finite noise: what has lost everything


@dataclass(frozen=True)
class Option:
    """One format for one tensor. size: bytes. noise: its share of the output's noise-to-signal ratio."""

    format: str
    size: int
    noise: float


@dataclass(frozen=True)
class Mix:
    """tensor -> Option. Sizes and noises add up."""

    options: Mapping[str, Option]

    @property
    def size(self) -> int:
        """Bytes."""
        return sum(option.size for option in self.options.values())

    @property
    def noise(self) -> float:
        """Noise-to-signal ratio at the output, as far as errors of different tensors are independent."""
        return math.fsum(option.noise for option in self.options.values())

    @property
    def formats(self) -> dict[str, str]:
        """tensor -> format."""
        return {tensor: option.format for tensor, option in self.options.items()}

    def with_option(self, tensor: str, option: Option) -> "Mix":
        """The mix with another format for one tensor."""
        return self.with_options({tensor: option})

    def with_options(self, options: Mapping[str, Option]) -> "Mix":
        """The mix with other formats for some tensors."""
        return Mix({**self.options, **options})


Options = Mapping[str, Sequence[Option]]  # tensor -> what it may have


def settled(options: Options) -> dict[str, tuple[Option, ...]]:
    """By size, and without what makes no sense: more bytes than another option without less noise.

    Noise that is no number is put beyond all others.
    """
    finite = [option.noise for known in options.values() for option in known if math.isfinite(option.noise)]
    beyond = BEYOND * max([1.0, *finite])
    kept: dict[str, tuple[Option, ...]] = {}
    for tensor, given in options.items():
        known = [o if math.isfinite(o.noise) else Option(o.format, o.size, beyond) for o in given]
        better: list[Option] = []
        for option in sorted(known, key=lambda o: (o.size, o.noise)):
            if not better or option.noise < better[-1].noise:
                better.append(option)
        kept[tensor] = tuple(better)
    return kept


def smallest(options: Options) -> Mix:
    """Every tensor in its smallest format."""
    return Mix({tensor: known[0] for tensor, known in settled(options).items()})


def path(options: Options) -> list[Mix]:
    """Mixes from the smallest to the one with the least noise; each gives one tensor a better format.

    The step that takes most noise away for each byte comes first, so that each mix is the best of its size (the
    lower convex hull of all mixes). Source: Shoham and Gersho 1988, Efficient Bit Allocation for an Arbitrary Set of
    Quantizers, IEEE Trans. ASSP 36(9).
    """
    steps: list[tuple[float, int, str, Option]] = []
    for tensor, known in settled(options).items():
        steps += [(-gain, place, tensor, option) for place, (gain, option) in enumerate(_hull(known))]
    mixes = [smallest(options)]
    for _, _, tensor, option in sorted(steps, key=lambda step: step[:2]):
        mixes.append(mixes[-1].with_option(tensor, option))
    return mixes


def within(options: Options, size: int) -> Mix:
    """A mix of at most `size` bytes with little noise: the path as far as it goes, and single steps that still fit.

    `smallest` where not even that fits.
    """
    found = smallest(options)
    for mix in path(options):
        if mix.size <= size:
            found = mix
    sensible = settled(options)
    while True:
        left = size - found.size
        fitting = [
            (found.options[tensor].noise - option.noise, tensor, option)
            for tensor, known in sensible.items()
            for option in known
            if option.noise < found.options[tensor].noise and option.size - found.options[tensor].size <= left
        ]
        if not fitting:
            return found
        _, tensor, option = max(fitting, key=lambda step: step[0])
        found = found.with_option(tensor, option)


def neighbours(options: Options, mix: Mix, size: float, n: int) -> list[Mix]:
    """The n mixes of at most `size` bytes with the least noise in which one or two tensors have another format.

    Of two, one has a smaller format and one a larger.
    """
    left, changes = size - mix.size, []
    for tensor, known in settled(options).items():
        here = mix.options[tensor]
        changes += [(o.noise - here.noise, o.size - here.size, tensor, o) for o in known if o.format != here.format]
    smaller = [change for change in changes if change[1] <= 0]
    larger = [change for change in changes if change[1] > 0]
    one = ((a[0], (a,)) for a in changes if a[1] <= left)
    two = ((a[0] + b[0], (a, b)) for a in smaller for b in larger if a[2] != b[2] and a[1] + b[1] <= left)
    found = []
    for _, changed in heapq.nsmallest(n, itertools.chain(one, two), key=lambda each: each[0]):
        found.append(mix.with_options({tensor: option for _, _, tensor, option in changed}))
    return found


def _hull(options: Sequence[Option]) -> list[tuple[float, Option]]:
    """(noise taken away for each byte, option) of the steps along the lower convex hull, the steepest first."""
    hull: list[tuple[float, Option]] = []
    here = options[0]
    while True:
        rest = [o for o in options if o.size > here.size]
        if not rest:
            return hull
        gains = [((here.noise - o.noise) / (o.size - here.size), o.size, o) for o in rest]
        gain, _, here = max(gains, key=lambda one: one[:2])
        hull.append((gain, here))
