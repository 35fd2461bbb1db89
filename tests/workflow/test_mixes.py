"""Mixes of formats against all mixes there are."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.workflow.mixes import Mix, Option, neighbours, path, settled, smallest, within

SIZES, NOISES = st.integers(1, 50), st.floats(0, 10) | st.just(math.inf)
OPTIONS = st.dictionaries(
    st.sampled_from("abcde"),
    st.lists(
        st.builds(Option, st.sampled_from(["x", "y", "z"]), SIZES, NOISES),
        min_size=1,
        max_size=3,
        unique_by=lambda option: option.format,
    ),
    min_size=1,
)


def all_mixes(options):
    return [Mix(dict(zip(options, chosen, strict=True))) for chosen in itertools.product(*options.values())]


@given(OPTIONS)
def test_each_mix_of_the_path_is_the_best_of_its_size(options):
    mixes = path(options)
    sizes, noises = [mix.size for mix in mixes], [mix.noise for mix in mixes]
    assert sizes == sorted(set(sizes)) and noises == sorted(noises, reverse=True)
    assert sizes[0] == min(mix.size for mix in all_mixes(options)) == smallest(options).size
    assert noises[-1] <= min(mix.noise for mix in all_mixes(options)) * (1 + 1e-9) + 1e-9
    for mix in mixes:
        rivals = [other.noise for other in all_mixes(options) if other.size <= mix.size]
        assert mix.noise <= min(rivals) * (1 + 1e-9) + 1e-9


@given(OPTIONS, st.integers(0, 200))
def test_within_a_size_nothing_that_still_fits_would_help(options, size):
    found = within(options, size)
    if found.size > size:
        assert found.size == smallest(options).size
        return
    for tensor, known in options.items():
        for option in known:
            other = found.with_option(tensor, option)
            assert other.size > size or option.noise >= found.options[tensor].noise
    for mix in path(options):
        assert mix.size > size or found.noise <= mix.noise * (1 + 1e-9)


@given(OPTIONS, st.integers(0, 200), st.integers(1, 30), st.data())
def test_neighbours_have_the_least_noise_of_all_that_differ_in_one_or_two(options, size, n, data):
    sensible = settled(options)
    mix = Mix({tensor: data.draw(st.sampled_from(known)) for tensor, known in sensible.items()})
    beside = []
    for other in all_mixes(sensible):
        changed = [t for t in options if other.options[t].format != mix.options[t].format]
        sizes = sorted(other.options[t].size - mix.options[t].size for t in changed)
        if other.size <= size and (len(changed) == 1 or (len(changed) == 2 and sizes[0] <= 0 < sizes[1])):
            beside.append(other.noise)
    found = neighbours(options, mix, size, n)
    assert len(found) == min(n, len(beside)) and all(one.size <= size for one in found)
    assert [one.noise for one in found] == pytest.approx(sorted(beside)[:n], abs=1e-9)
    assert len({tuple(one.formats.values()) for one in found}) == len(found)
