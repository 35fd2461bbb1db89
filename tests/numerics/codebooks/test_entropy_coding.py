"""Entropy-coded size: Shannon's bound, and Huffman codes that keep it."""

import numpy as np
import pytest

from tests.numerics.samples import SHAPES_OF_DATA, data, unit_scale
from workbench.messages import WorkbenchError
from workbench.numerics.codebooks.entropy_coding import code_counts, code_entropy, entropy_bits, huffman_bits
from workbench.numerics.formats.catalogue import FORMATS
from workbench.numerics.quantizer import Quantizer
from workbench.numerics.statistics.histogram import Histogram
from workbench.numerics.statistics.sorted_sums import SortedSums


def test_known_entropies():
    assert code_entropy([1, 1, 1, 1]) == 2 and code_entropy([5]) == 0 and code_entropy([]) == 0
    assert code_entropy([0, 8, 0, 4, 2, 2]) == 1.75 == huffman_bits([8, 4, 2, 2, 0])
    assert code_entropy([9, 1]) == pytest.approx(0.9 * np.log2(10 / 9) + 0.1 * np.log2(10))
    assert huffman_bits([9, 1]) == 1 == huffman_bits([5]) and huffman_bits([]) == huffman_bits([0, 0]) == 0


def test_huffman_lies_less_than_a_bit_above_the_entropy():
    rng = np.random.default_rng(0)
    for _ in range(200):
        counts = rng.integers(0, 10 ** rng.integers(1, 7), rng.integers(2, 40))
        if (counts > 0).sum() > 1:
            assert code_entropy(counts) - 1e-9 <= huffman_bits(counts) < code_entropy(counts) + 1


@pytest.mark.parametrize("counts", [[1, -1], [np.nan], [np.inf, 1]])
def test_counts_that_are_none_are_refused(counts):
    for measure in (code_entropy, huffman_bits):
        with pytest.raises(WorkbenchError, match="counts of codes"):
            measure(counts)


@pytest.mark.parametrize("name", ["int8", "uint4", "fp8_e4m3", "nf4", "ternary"])
@pytest.mark.parametrize("kind", SHAPES_OF_DATA)
def test_bits_are_those_of_the_codes(name, kind):
    x = data(kind, 3000)
    quantizer = unit_scale(name, 0.07)
    _, counts = np.unique(quantizer.fake_quantize(x), return_counts=True)
    found = entropy_bits(SortedSums.of(x), quantizer)
    assert found == pytest.approx(code_entropy(counts), abs=1e-12) and found <= FORMATS[name].bits
    assert entropy_bits(Histogram.of(x), quantizer) == pytest.approx(found, abs=0.02)


def test_rounding_by_chance_has_expected_counts():
    x, d = data("gaussian", 2000), SortedSums.of(data("gaussian", 2000))
    format = FORMATS["int4"].with_choices(rounding="stochastic")
    quantizer = Quantizer.covering(format, -1.5, 1.5)
    counts = code_counts(d, quantizer)
    assert counts is not None and quantizer.levels is not None and counts.sum() == pytest.approx(2000)
    inside = np.clip(x.astype(np.float64), quantizer.levels[0], quantizer.levels[-1])
    assert counts @ quantizer.levels == pytest.approx(inside.sum(), abs=1e-3)  # by chance, but right in the mean
    draws = [
        np.unique(
            Quantizer.covering(format.with_choices(seed=seed), -1.5, 1.5).fake_quantize(np.append(x, quantizer.levels)),
            return_counts=True,
        )[1]
        - 1
        for seed in range(60)
    ]
    assert np.mean(draws, axis=0) == pytest.approx(counts, abs=8)


def test_formats_without_a_list_of_levels_have_no_size_of_codes():
    d = SortedSums.of([1.0, 2.0])
    assert entropy_bits(d, Quantizer(FORMATS["fp32"], np.float32(1))) is None
    with pytest.raises(WorkbenchError, match="this quantizer has 2"):
        entropy_bits(d, Quantizer(FORMATS["int8"], np.float32([1, 2]), axis=0))
