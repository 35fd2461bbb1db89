import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.numerics.samples import seeded
from workbench.numerics.arithmetic.accumulation import accumulate, accumulation_terms, bias_codes, difference
from workbench.numerics.arithmetic.integers import fits
from workbench.numerics.arithmetic.requantization import fixed_multiplier, requantization_scale, requantize

BYTE = st.integers(0, 255)


@seeded
@given(st.integers(0, 2**32 - 1), BYTE, BYTE)
def test_sums_of_products_by_hand_and_by_parts(seed, zero_x, zero_w):
    rng = np.random.default_rng(seed)
    rows, inner, columns = rng.integers(1, 6, 3)
    x, w = rng.integers(0, 256, (rows, inner)), rng.integers(0, 256, (inner, columns))
    bias = rng.integers(-(2**20), 2**20, columns)
    found = accumulate(x.astype(np.uint8), w.astype(np.uint8), zero_x, zero_w, bias)
    for i in range(rows):
        for j in range(columns):
            terms = [(int(x[i, k]) - zero_x) * (int(w[k, j]) - zero_w) for k in range(inner)]
            assert found[i, j] == sum(terms) + bias[j]
    parts = accumulation_terms(x.astype(np.uint8), w.astype(np.uint8), zero_x, zero_w)
    assert [p.shape for p in parts] == [(rows, columns), (rows, 1), (1, columns), ()]
    assert (sum(parts) + bias == found).all()


def test_differences_of_bytes_leave_the_byte():
    found = difference(np.array([20, 200], np.uint8), 50)
    assert found.tolist() == [-30, 150]
    assert not fits(found, 8, signed=False) and not fits(found, 8) and fits(found, 9)


def test_a_long_sum_leaves_int32_and_says_so():
    x, w = np.full((1, 40_000), 255), np.full((40_000, 1), 255)
    assert not fits(accumulate(x, w, 0, 0), 32) and fits(accumulate(x[:, :30_000], w[:30_000], 0, 0), 32)


def test_the_whole_way_is_near_the_real_product():
    rng = np.random.default_rng(5)
    x, w, bias = rng.normal(size=(8, 32)), rng.normal(size=(32, 6)), rng.normal(size=6)
    scale_x, scale_w, scale_z = np.ptp(x) / 255, np.ptp(w) / 255, 60 / 255
    zero_x, zero_w, zero_z = round(-x.min() / scale_x), round(-w.min() / scale_w), 128
    q_x = np.clip(np.rint(x / scale_x) + zero_x, 0, 255)
    q_w = np.clip(np.rint(w / scale_w) + zero_w, 0, 255)
    b = bias_codes(bias, scale_x, scale_w)
    sums = accumulate(q_x.astype(int), q_w.astype(int), zero_x, zero_w, b)
    q_z = requantize(sums, fixed_multiplier(requantization_scale(scale_x, scale_w, scale_z)), zero_z)
    on_grid = (q_x - zero_x) @ (q_w - zero_w) * scale_x * scale_w + bias
    assert np.abs((q_z - zero_z) * scale_z - on_grid).max() <= scale_z  # rounded once or twice, nothing clipped
    assert np.abs(b * scale_x * scale_w - bias).max() <= scale_x * scale_w / 2


def test_bias_codes_stay_in_int32():
    assert bias_codes([1e30, -1e30, 2.5], 1.0, 1.0).tolist() == [2**31 - 1, -(2**31), 2]
