"""The figures that the browser computes while a handle moves, against numerics/: the scripts alone, without Jupyter."""

import base64
import math

import numpy as np
import pytest

from tests.ui.threshold.tensors import channels, tensors
from workbench.numerics.codebooks.fit_codebook import fit_codebook
from workbench.numerics.errors.expected import expected_error
from workbench.numerics.errors.measured import measured_error
from workbench.numerics.formats.catalogue import FORMATS
from workbench.numerics.formats.codebook import CodebookFormat, format_from_levels
from workbench.numerics.formats.rounding import ROUNDINGS
from workbench.numerics.quantizer import Quantizer
from workbench.numerics.statistics.histogram import Histogram
from workbench.numerics.statistics.sorted_sums import SortedSums
from workbench.ui.sources import joined
from workbench.ui.threshold.following import is_fine
from workbench.ui.threshold.payload import payload_of
from workbench.ui.threshold.subject import Subject
from workbench.ui.threshold.widget import FIGURES, HERE

SHARES = np.linspace(0.05, 1.0, 39)
SCRIPT = joined(HERE, *FIGURES)
OWN = {
    "no_zero": format_from_levels("no_zero", [-2, -0.5, 0.25, 1, 1.5]),
    "positive": format_from_levels("positive", [1, 2, 4, 8]),
    "lopsided": format_from_levels("lopsided", [-4, -1, 0, 0.5]),
    "many": format_from_levels("many", np.random.default_rng(0).standard_normal(3000)),
}
FEW_SHARES = np.array([0.0501, 0.13, 0.37, 0.7, 0.99999, 1.0])
MANY = """([meta, text, ranges]) => {
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const live = liveJs.makeLive(meta, liveJs.readArrays(meta.arrays, new DataView(bytes.buffer)));
  return ranges.map(([low, high]) => {
    const { q, metrics } = liveJs.liveMetrics(live, low, high);
    return { scale: q.scale, zero: q.zero, low: q.low, high: q.high, ...metrics };
  });
}"""


@pytest.fixture(scope="module")
def page(browser):
    """A blank page with the scripts in it."""
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


def ranges_of(distribution, format, symmetric, shares):
    low, high = min(distribution.low, 0.0), max(distribution.high, 0.0)
    if symmetric:
        high = distribution.absmax
        low = 0.0 if not format.signed and distribution.low >= 0 else -high
    return [(s * low, s * high) for s in shares]


def compared(page, distribution, values, format, symmetric, shares=SHARES, zero_band=0.0):
    """Worst differences over thresholds: of the MSE and the largest error relative, of the others absolute.

    MSE and KL are held against `distribution`, whose figures replace them; the others against `values`, the same
    tensor as a `SortedSums`, which knows them exactly.
    """
    format = FORMATS[format] if isinstance(format, str) else format
    ranges = ranges_of(distribution, format, symmetric, shares)
    low, high = ranges[-1]
    first = Quantizer.covering(format, low, high, symmetric=symmetric, zero_band=zero_band)
    subject = Subject("t", "", distribution, None, first, symmetric, low=low, high=high)
    live = live_figures(page, subject, ranges)
    worst = dict(mse=0.0, kl=0.0, saturated=0.0, cosine=0.0, max_abs=0.0, zeroed=0.0, levels=0.0, rounding=0.0)
    for (a, b), js in zip(ranges, live, strict=True):
        quantizer = Quantizer.covering(format, a, b, symmetric=symmetric, zero_band=zero_band)
        assert js["scale"] == float(quantizer.scale) and js["zero"] == int(quantizer.zero_point)
        assert (js["low"], js["high"]) == (quantizer.low, quantizer.high)
        released, exact = expected_error(distribution, quantizer), expected_error(values, quantizer)
        # of thousands of levels a histogram knows less than its bins do: what is right is what the values say
        truth = exact if is_fine(format) else released
        worst["mse"] = max(worst["mse"], abs(js["mse"] / truth.mse - 1))
        worst["rounding"] = max(worst["rounding"], abs(js["rounding_mse"] - truth.rounding_mse) / truth.mse)
        worst["kl"] = max(worst["kl"], abs(js["kl"] - released.kl))
        worst["cosine"] = max(worst["cosine"], abs(js["cosine"] - exact.cosine))
        worst["saturated"] = max(worst["saturated"], abs(js["saturated_fraction"] - exact.saturated_fraction))
        worst["zeroed"] = max(worst["zeroed"], abs(js["zeroed_fraction"] - exact.zeroed_fraction))
        worst["max_abs"] = max(worst["max_abs"], abs(js["max_abs"] / exact.max_abs - 1))
        worst["levels"] = max(worst["levels"], abs(js["levels_used"] - exact.levels_used))
        assert math.isclose(js["sqnr_db"], truth.sqnr_db, abs_tol=0.05 if is_fine(format) else 0.01)
    return worst


@pytest.mark.parametrize("name", list(tensors(10)))
@pytest.mark.parametrize("format", ["int8", "uint8", "int4", "fp8_e4m3", "fp8_e5m2"])
@pytest.mark.parametrize("symmetric", [True, False], ids=["symmetric", "affine"])
def test_live_error_agrees_with_expected_error(page, name, format, symmetric):
    values = SortedSums.of(tensors()[name])
    for distribution in (values, Histogram.of(tensors()[name])):
        worst = compared(page, distribution, values, format, symmetric, SHARES[::3])
        print(f"{name} {format} {type(distribution).__name__}: {worst}")
        assert worst["mse"] < 1e-3
        assert worst["kl"] < 1e-9
        assert worst["cosine"] < 1e-4
        assert worst["saturated"] < 1e-3 and worst["zeroed"] < 2e-3
        assert worst["max_abs"] < 0.02


SCALED = [name for name, format in FORMATS.items() if format.has_scale]
LISTED = [name for name in SCALED if not is_fine(FORMATS[name])]
FINE = [name for name in SCALED if is_fine(FORMATS[name])]


def well(worst):
    print(worst)
    assert worst["mse"] < 1.5e-3 and worst["rounding"] < 1.5e-3 and worst["kl"] < 1e-9
    assert worst["cosine"] < 2e-4 and worst["saturated"] < 1e-3 and worst["zeroed"] < 2e-3 and worst["max_abs"] < 0.02


@pytest.mark.parametrize("format", [*LISTED, *OWN])
def test_every_format_with_a_threshold_is_followed(page, format):
    format = OWN.get(format) or FORMATS[format]
    for name in ("laplace", "relu6", "ten"):
        values = SortedSums.of(tensors()[name])
        for distribution in (values, Histogram.of(tensors()[name])):
            for symmetric in [True, False] if format.affine else [True]:
                well(compared(page, distribution, values, format, symmetric, FEW_SHARES))


@pytest.mark.parametrize("rounding", [name for name in ROUNDINGS if name != "nearest_even"])
@pytest.mark.parametrize(
    "format", ["int8", "uint8", "int4", "int10", "fp8_e4m3", "fp4_e2m1", "q8", "gfpq8", "log2_3", "nf4", "binary", *OWN]
)
def test_every_rounding_is_followed(page, format, rounding):
    format = (OWN.get(format) or FORMATS[format]).with_choices(rounding=rounding)
    for name in ("laplace", "relu6", "pixels"):
        values = SortedSums.of(tensors()[name])
        for symmetric in [True, False] if format.affine else [True]:
            well(compared(page, values, values, format, symmetric, FEW_SHARES))


@pytest.mark.parametrize("rounding", ["nearest_even", "toward_zero", "stochastic"])
@pytest.mark.parametrize("format", ["int8", "uint4", "fp8_e4m3", "q8", "gfpq8", "nf4", "ternary", "lopsided"])
def test_what_is_pruned_becomes_zero_first(page, format, rounding):
    format = (OWN.get(format) or FORMATS[format]).with_choices(rounding=rounding)
    for name in ("laplace", "ten"):
        values = SortedSums.of(tensors()[name])
        for symmetric in [True, False] if format.affine else [True]:
            well(compared(page, values, values, format, symmetric, FEW_SHARES[1:], zero_band=0.05))


def test_a_band_wider_than_the_range_takes_everything(page):
    values = SortedSums.of(tensors()["laplace"])
    format, band = FORMATS["int8"], 3.0
    first = Quantizer.covering(format, -values.absmax, values.absmax, symmetric=True, zero_band=band)
    live = live_figures(page, Subject("t", "", values, None, first, True), [(-1.0, 1.0)])[0]
    quantizer = Quantizer.covering(format, -1.0, 1.0, symmetric=True, zero_band=band)
    exact = measured_error(values.values, quantizer)
    for name in ("mse", "rounding_mse", "clipping_mse", "saturated_fraction", "zeroed_fraction"):
        assert live[name] == pytest.approx(getattr(exact, name), rel=1e-3)


@pytest.mark.parametrize("format", FINE)
def test_formats_of_thousands_of_levels_are_close(page, format):
    for name in ("laplace", "relu6", "ten"):
        values = SortedSums.of(tensors()[name])
        for rounding in (
            ("nearest_even", "toward_zero", "stochastic") if format in ("int16", "gfpq16") else ("nearest_even",)
        ):
            chosen = FORMATS[format].with_choices(rounding=rounding)
            for symmetric in [True, False] if chosen.affine else [True]:
                worst = compared(page, values, values, chosen, symmetric, FEW_SHARES)
                print(name, rounding, worst)
                assert worst["mse"] < 0.01 and worst["kl"] < 1e-9 and worst["cosine"] < 1e-6
                assert worst["saturated"] < 1e-3 and worst["zeroed"] < 2e-3


@pytest.mark.parametrize("format", ["kmeans1", "kmeans4", "kmeans8", "fixed"])
def test_levels_without_a_threshold_have_live_counts(page, format):
    for name in ("laplace", "ten"):
        values = SortedSums.of(tensors()[name])
        levels = format_from_levels("fixed", [-1, 0, 0.5, 1], scaled=False)
        quantizer = Quantizer.covering(levels if format == "fixed" else fit_codebook(format, values), -1, 1)
        subject = Subject("t", "", values, None, quantizer, True)
        live = live_figures(page, subject, [(quantizer.low, quantizer.high)])[0]
        exact = expected_error(values, quantizer)
        assert live["mse"] == pytest.approx(exact.mse, rel=1e-3, abs=1e-12)
        assert live["levels_used"] == exact.levels_used and live["kl"] == pytest.approx(exact.kl, abs=1e-9)


@pytest.mark.parametrize("overflow", ["infinity", "ieee"])
@pytest.mark.parametrize("format", ["fp8_e4m3", "fp8_e5m2"])
def test_overflow_to_infinity_is_an_infinite_error(page, format, overflow):
    values = SortedSums.of(tensors()["laplace"])
    chosen = FORMATS[format].with_choices(overflow=overflow)
    ranges = ranges_of(values, chosen, True, [0.5, 0.99, 1.0])
    first = Quantizer.covering(chosen, *ranges[-1], symmetric=True)
    subject = Subject("t", "", values, None, first, True, low=ranges[-1][0], high=ranges[-1][1])
    for (low, high), js in zip(ranges, live_figures(page, subject, ranges), strict=True):
        exact = expected_error(values, Quantizer.covering(chosen, low, high, symmetric=True))
        assert js["mse"] == pytest.approx(exact.mse, rel=1e-3)
        assert js["sqnr_db"] == pytest.approx(exact.sqnr_db, abs=0.01)
        assert js["levels_used"] == pytest.approx(exact.levels_used, abs=5)
        assert js["cosine"] == pytest.approx(exact.cosine, abs=1e-4)
    assert math.isinf(expected_error(values, Quantizer.covering(chosen, *ranges[0], symmetric=True)).mse)


def test_a_rule_of_somebodys_own_is_read_from_measured_thresholds(page):
    class Doubling(CodebookFormat):
        def scale_covering(self, magnitudes):
            return np.asarray(2 * np.asarray(magnitudes), np.float32), np.zeros(np.shape(magnitudes), np.int64)

    values = SortedSums.of(tensors(20_000)["laplace"])
    format = Doubling(name="doubling", title="Doubling", bits=3, levels=(-1.0, -0.4, 0.0, 0.2, 0.5))
    ranges = ranges_of(values, format, True, [0.1, 0.4, 0.9])
    quantizer = Quantizer.covering(format, -values.absmax, values.absmax, symmetric=True)
    subject = Subject("t", "", values, None, quantizer, True, low=-values.absmax, high=values.absmax)
    for (low, high), js in zip(ranges, live_figures(page, subject, ranges), strict=True):
        exact = expected_error(values, Quantizer.covering(format, low, high, symmetric=True))
        assert js["mse"] == pytest.approx(exact.mse, rel=0.02)
        assert js["sqnr_db"] == pytest.approx(exact.sqnr_db, abs=0.1)


@pytest.mark.parametrize("n", [900, 100], ids=["bins", "few values"])
@pytest.mark.parametrize("format", ["int8", "int4", "uint8", "fp8_e4m3", "nf4", "binary", "no_zero"])
def test_one_histogram_stands_for_all_channels(page, n, format):
    array = channels(n=n)
    array[:, ::7] = 0
    format = OWN.get(format) or FORMATS[format]
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
    print(f"channels {format.name}: {worst}")
    assert worst["mse"] < 1e-3 and worst["cosine"] < 1e-4
    assert worst["saturated_fraction"] < 1e-3 and worst["zeroed_fraction"] < 2e-3
    assert worst["max_abs"] < (0.06 if format.family != "codebook" else 0.25)  # the worst ratio, as if in the largest
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


@pytest.mark.parametrize("rounding", ["nearest_even", "stochastic"])
@pytest.mark.parametrize("format", ["q8", "int4_pow2", "gfpq8", "log2_4"])
def test_channels_in_steps_of_their_own_are_read_from_measured_ratios(page, format, rounding):
    array = channels()
    largest = np.abs(array).max(axis=1)
    chosen = FORMATS[format].with_choices(rounding=rounding)
    first = Quantizer.covering(chosen, -largest, largest, symmetric=True, axis=0)
    shares = SHARES[SHARES > 0.3]
    live = live_figures(page, Subject("t", "", None, array, first, True), [(-s, s) for s in shares])
    for share, js in zip(shares, live, strict=True):
        high = (share * largest).astype(np.float32)
        exact = measured_error(array, Quantizer.covering(chosen, -high, high, symmetric=True, axis=0))
        assert js["mse"] == pytest.approx(exact.mse, rel=0.05)
        assert js["sqnr_db"] == pytest.approx(exact.sqnr_db, abs=0.2)


def test_channels_by_chance_have_the_mean_over_the_draws(page):
    array = channels()
    largest = np.abs(array).max(axis=1)
    chosen = FORMATS["int8"].with_choices(rounding="stochastic")
    first = Quantizer.covering(chosen, -largest, largest, symmetric=True, axis=0)
    live = live_figures(page, Subject("t", "", None, array, first, True), [(-s, s) for s in SHARES[::6]])
    for share, js in zip(SHARES[::6], live, strict=True):
        high = (share * largest).astype(np.float32)
        draws = Quantizer.covering(chosen, -high, high, symmetric=True, axis=0)
        assert js["mse"] == pytest.approx(measured_error(array, draws).mse, rel=0.02)


def test_channels_of_fine_formats_follow_the_step(page):
    array = channels()
    largest = np.abs(array).max(axis=1)
    for format in ("int16", "gfpq16"):
        first = Quantizer.covering(format, -largest, largest, symmetric=True, axis=0)
        live = live_figures(page, Subject("t", "", None, array, first, True), [(-s, s) for s in SHARES[::6]])
        for share, js in zip(SHARES[::6], live, strict=True):
            high = (share * largest).astype(np.float32)
            exact = measured_error(array, Quantizer.covering(format, -high, high, symmetric=True, axis=0))
            assert js["mse"] == pytest.approx(exact.mse, rel=0.02)
            assert js["cosine"] == pytest.approx(exact.cosine, abs=1e-5)
