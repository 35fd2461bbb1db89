"""The figures that the browser computes while a handle moves, against numerics/: live.js alone, without Jupyter."""

import base64
import math

import numpy as np
import pytest

from tests.ui.threshold.tensors import channels, tensors
from workbench.numerics.errors.expected import expected_error
from workbench.numerics.errors.measured import measured_error
from workbench.numerics.quantizer import Quantizer
from workbench.numerics.statistics.histogram import Histogram
from workbench.numerics.statistics.sorted_sums import SortedSums
from workbench.ui.threshold.payload import payload_of
from workbench.ui.threshold.subject import Subject
from workbench.ui.threshold.widget import HERE

SHARES = np.linspace(0.05, 1.0, 39)
SCRIPT = (HERE / "live.js").read_text(encoding="utf-8")
MANY = """([meta, text, ranges]) => {
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const live = liveJs.makeLive(meta, liveJs.readArrays(meta.arrays, new DataView(bytes.buffer)));
  return ranges.map(([low, high]) => {
    const { q, metrics } = liveJs.liveMetrics(live, low, high);
    return { scale: q.scale, zero: q.zero, ...metrics };
  });
}"""


@pytest.fixture(scope="module")
def page(browser):
    """A blank page with live.js in it."""
    page = browser.new_page()
    page.add_script_tag(
        content=f"window.liveJs = (() => {{ {SCRIPT}; return {{ makeLive, readArrays, liveMetrics }}; }})();"
    )
    yield page
    page.close()


def live_figures(page, subject, ranges):
    payload = payload_of(subject)
    return page.evaluate(
        MANY, [payload.meta, base64.b64encode(payload.data).decode(), [list(map(float, r)) for r in ranges]]
    )


def compared(page, distribution, values, format, symmetric):
    """Worst differences over thresholds: of the MSE and the largest error relative, of the others absolute.

    MSE and KL are held against `distribution`, whose figures replace them; the others against `values`, the same
    tensor as a `SortedSums`, which knows them exactly.
    """
    low, high = min(distribution.low, 0.0), max(distribution.high, 0.0)
    if symmetric:
        low, high = -distribution.absmax, distribution.absmax
    ranges = [(s * low, s * high) for s in SHARES]
    first = Quantizer.covering(format, low, high, symmetric=symmetric)
    subject = Subject("t", "", distribution, None, first, symmetric, low=low, high=high)
    live = live_figures(page, subject, ranges)
    worst = dict(mse=0.0, kl=0.0, saturated=0.0, cosine=0.0, max_abs=0.0, zeroed=0.0, levels=0.0, rounding=0.0)
    for (a, b), js in zip(ranges, live, strict=True):
        quantizer = Quantizer.covering(format, a, b, symmetric=symmetric)
        assert js["scale"] == float(quantizer.scale) and js["zero"] == int(quantizer.zero_point)
        released, exact = expected_error(distribution, quantizer), expected_error(values, quantizer)
        worst["mse"] = max(worst["mse"], abs(js["mse"] / released.mse - 1))
        worst["rounding"] = max(worst["rounding"], abs(js["rounding_mse"] - released.rounding_mse) / released.mse)
        worst["kl"] = max(worst["kl"], abs(js["kl"] - released.kl))
        worst["cosine"] = max(worst["cosine"], abs(js["cosine"] - exact.cosine))
        worst["saturated"] = max(worst["saturated"], abs(js["saturated_fraction"] - exact.saturated_fraction))
        worst["zeroed"] = max(worst["zeroed"], abs(js["zeroed_fraction"] - exact.zeroed_fraction))
        worst["max_abs"] = max(worst["max_abs"], abs(js["max_abs"] / exact.max_abs - 1))
        worst["levels"] = max(worst["levels"], abs(js["levels_used"] - exact.levels_used))
        assert math.isclose(js["sqnr_db"], released.sqnr_db, abs_tol=0.01)
    return worst


@pytest.mark.parametrize("name", list(tensors(10)))
@pytest.mark.parametrize("format", ["int8", "uint8", "int4", "fp8_e4m3", "fp8_e5m2"])
@pytest.mark.parametrize("symmetric", [True, False], ids=["symmetric", "affine"])
def test_live_error_agrees_with_expected_error(page, name, format, symmetric):
    values = SortedSums.of(tensors()[name])
    for distribution in (values, Histogram.of(tensors()[name])):
        worst = compared(page, distribution, values, format, symmetric)
        print(f"{name} {format} {type(distribution).__name__}: {worst}")
        assert worst["mse"] < 1e-3
        assert worst["kl"] < 1e-9
        assert worst["cosine"] < 1e-4
        assert worst["saturated"] < 1e-3 and worst["zeroed"] < 2e-3
        assert worst["max_abs"] < 0.02


@pytest.mark.parametrize("n", [900, 100], ids=["bins", "few values"])
@pytest.mark.parametrize("format", ["int8", "int4", "uint8", "fp8_e4m3"])
def test_one_histogram_stands_for_all_channels(page, n, format):
    array = channels(n=n)
    largest = np.abs(array).max(axis=1)
    first = Quantizer.covering(format, -largest, largest, symmetric=True, axis=0)
    subject = Subject("t", "", None, array, first, True)
    live = live_figures(page, subject, [(-s, s) for s in SHARES])
    worst = dict.fromkeys(
        ("mse", "kl", "levels_used", "cosine", "max_abs", "saturated_fraction", "zeroed_fraction"), 0.0
    )
    for share, js in zip(SHARES, live, strict=True):
        high = (share * largest).astype(np.float32)
        exact = measured_error(array, Quantizer.covering(format, -high, high, symmetric=True, axis=0))
        for name in worst:
            difference = abs(js[name] - getattr(exact, name))
            worst[name] = max(worst[name], difference if "_fraction" in name else difference / getattr(exact, name))
    print(f"channels {format}: {worst}")
    assert worst["mse"] < 1e-3 and worst["cosine"] < 1e-4
    assert worst["saturated_fraction"] < 1e-3 and worst["zeroed_fraction"] < 2e-3 and worst["max_abs"] < 0.06
    assert worst["kl"] < 0.2 and worst["levels_used"] < 0.1  # between precomputed ratios until the release


def test_affine_channels_are_read_from_measured_ratios(page):
    array = channels() + np.float32(0.2)
    low, high = np.minimum(array.min(axis=1), 0), np.maximum(array.max(axis=1), 0)
    subject = Subject("t", "", None, array, Quantizer.covering("uint8", low, high, symmetric=False, axis=0), False)
    shares = SHARES[SHARES > 0.3]
    live = live_figures(page, subject, [(0, s) for s in shares])
    for share, js in zip(shares, live, strict=True):
        quantizer = Quantizer.covering("uint8", share * low, share * high, symmetric=False, axis=0)
        exact = measured_error(array, quantizer)
        assert js["mse"] == pytest.approx(exact.mse, rel=0.05)
        assert js["sqnr_db"] == pytest.approx(exact.sqnr_db, abs=0.15)


@pytest.mark.parametrize("symmetric", [True, False], ids=["symmetric", "affine"])
def test_formats_of_thousands_of_levels_follow_the_step(page, symmetric):
    values = SortedSums.of(tensors()["laplace"])
    low, high = (-values.absmax, values.absmax) if symmetric else (values.low, values.high)
    subject = Subject("t", "", values, None, Quantizer.covering("int16", low, high, symmetric=symmetric), symmetric)
    shares = SHARES[::6]
    for share, js in zip(shares, live_figures(page, subject, [(s * low, s * high) for s in shares]), strict=True):
        exact = expected_error(values, Quantizer.covering("int16", share * low, share * high, symmetric=symmetric))
        assert js["mse"] == pytest.approx(exact.mse, rel=0.01)
        assert js["kl"] == pytest.approx(exact.kl, abs=1e-9)
        assert js["levels_used"] == pytest.approx(exact.levels_used, rel=0.05)
        assert js["cosine"] == pytest.approx(exact.cosine, abs=1e-7)
