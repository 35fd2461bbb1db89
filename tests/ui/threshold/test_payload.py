"""From a subject to what is sent: small, complete, and not made twice."""

import dataclasses
import json

import numpy as np
import pytest

from tests.ui.threshold.tensors import channels, tensors
from workbench.messages import WorkbenchError
from workbench.numerics.codebooks.fit_codebook import fit_codebook
from workbench.numerics.errors.divergence import kl_divergence
from workbench.numerics.errors.expected import expected_error
from workbench.numerics.errors.measured import measured_error
from workbench.numerics.formats.catalogue import FORMATS
from workbench.numerics.formats.codebook import CodebookFormat, format_from_levels
from workbench.numerics.quantizer import Quantizer
from workbench.numerics.statistics.histogram import Histogram
from workbench.numerics.statistics.linear_histogram import LinearHistogram
from workbench.numerics.statistics.sorted_sums import SortedSums
from workbench.ui.charts.magnitude import Magnitudes
from workbench.ui.threshold.curves import curves_of
from workbench.ui.threshold.groups import Groups
from workbench.ui.threshold.material import material_of
from workbench.ui.threshold.payload import key_of, payload_of
from workbench.ui.threshold.subject import Subject

VALUES = tensors(50_000)


def subject(values, format, symmetric=True, share=1.0, zero_band=0.0, **more):
    distribution = values if hasattr(values, "cells") else SortedSums.of(values)
    low, high = share * min(distribution.low, 0), share * max(distribution.high, 0)
    if symmetric:
        low, high = -share * distribution.absmax, share * distribution.absmax
    format = FORMATS[format] if isinstance(format, str) else format
    if format.needs_values:
        format = fit_codebook(format, distribution, zero_band=zero_band)
    quantizer = Quantizer.covering(format, low, high, symmetric=symmetric, zero_band=zero_band)
    error = None if format.block_size else expected_error(distribution, quantizer)
    return Subject("name", "caption", distribution, None, quantizer, symmetric, error, low=low, high=high, **more)


def kind_of(format):
    if format.family in ("identity", "pruning") or format.block_size:
        return "float"
    if format.has_scale:
        return "handles"
    return "own_range" if format.family == "floating" else "levels"


@pytest.mark.parametrize("format", list(FORMATS))
@pytest.mark.parametrize("symmetric", [True, False], ids=["symmetric", "affine"])
@pytest.mark.parametrize("kind", [SortedSums, Histogram])
def test_every_format_has_a_payload_below_the_limit(format, symmetric, kind):
    payload = payload_of(subject(kind.of(VALUES["laplace"]), format, symmetric))
    text = json.dumps(payload.meta, allow_nan=False)
    assert len(payload.data) + len(text) < 150_000
    assert payload.meta["kind"] == kind_of(FORMATS[format])
    assert (payload.meta["words"] == "") == (payload.meta["kind"] == "handles")
    for offset, length, dtype in payload.meta["arrays"].values():
        assert offset % 8 == 0 and offset + length * np.dtype(dtype).itemsize <= len(payload.data)


def test_handles_stand_where_the_range_is():
    meta = payload_of(subject(VALUES["laplace"], "int8", share=0.5)).meta
    absmax = float(np.abs(VALUES["laplace"]).max())
    assert meta["symmetric"] and meta["range"]["high"] == pytest.approx(absmax / 2) == -meta["range"]["low"]
    assert meta["limits"]["high"] == pytest.approx(absmax) == meta["whole"]["high"]
    without = subject(VALUES["laplace"], "int8", share=0.5)
    meta = payload_of(Subject("a", "b", without.distribution, None, without.quantizer, True)).meta
    assert meta["range"]["high"] == pytest.approx(absmax / 2, rel=1e-6)
    meta = payload_of(subject(VALUES["relu"], "uint8", symmetric=False)).meta
    assert not meta["symmetric"] and meta["range"]["low"] == meta["limits"]["low"] == 0


def test_an_unsigned_mirrored_range_starts_at_zero():
    distribution = SortedSums.of(VALUES["relu"])
    quantizer = Quantizer.covering("uint8", 0, 2, symmetric=True)
    meta = payload_of(Subject("a", "b", distribution, None, quantizer, True)).meta
    assert meta["one_sided"] and meta["range"] == {"low": 0.0, "high": pytest.approx(2)}


def test_what_is_known_is_not_made_again():
    first = payload_of(subject(VALUES["laplace"], "int8"))
    moved = payload_of(subject(first.subject.distribution, "int8", share=0.4), first.material)
    assert moved.material is first.material
    assert moved.meta["range"] != first.meta["range"] and moved.meta["error"] != first.meta["error"]
    same_again = payload_of(subject(VALUES["laplace"].copy(), "int8", share=0.4), first.material)
    assert same_again.data is first.data and same_again.curves is first.curves
    other = payload_of(subject(VALUES["gaussian"], "int8"), first.material)
    assert other.data != first.data
    affine = payload_of(subject(first.subject.distribution, "int8", symmetric=False))
    moved = payload_of(subject(first.subject.distribution, "int8", symmetric=False, share=0.4), affine.material)
    assert moved.data is affine.data and moved.curves is not affine.curves  # they depend on the other handle


@pytest.mark.parametrize("moving", ["low", "high"])
def test_of_two_curves_the_one_of_the_moved_handle_stays(moving):
    def with_range(low, high):
        given = subject(VALUES["laplace"], "int8", symmetric=False)
        quantizer = Quantizer.covering("int8", low, high, symmetric=False)
        return dataclasses.replace(given, quantizer=quantizer, low=low, high=high)

    first = material_of(with_range(-2.0, 3.0))
    moved = with_range(-1.5, 3.0) if moving == "low" else with_range(-2.0, 2.0)
    again, fresh = material_of(moved, first), material_of(moved)
    kept = set(map(id, first.parts.values())) & set(map(id, again.parts.values()))
    assert len(kept) == 1
    for name in ("at", "mse", "rounding", "clipping", "kl"):
        assert np.array_equal(getattr(again.curves, name), getattr(fresh.curves, name), equal_nan=True)
    assert again.data == fresh.data


@pytest.mark.parametrize("format", ["int8", "uint8", "fp8_e4m3", "q8", "nf4", "int16", "kmeans3", "fp16", "mxint8"])
def test_material_ends_where_it_is_told_to_and_knows_its_size(format):
    class Enough(Exception):
        pass

    asked = []

    def pause():
        asked.append(1)
        if len(asked) > 3:
            raise Enough

    array = channels(6, 300)
    largest = np.abs(array).max(axis=1)
    grouped = FORMATS[format].has_scale
    for given in [subject(VALUES["laplace"], format)] + (
        [Subject("w", "", None, array, Quantizer.covering(format, -largest, largest, symmetric=True, axis=0), True)]
        if grouped
        else []
    ):
        asked.clear()
        whole = material_of(given)
        assert whole.n_bytes >= len(whole.data) + (0 if whole.curves is None else whole.curves.n_bytes)
        if whole.kind == "handles":
            with pytest.raises(Enough):
                material_of(given, pause=pause)


@pytest.mark.parametrize("symmetric", [True, False], ids=["symmetric", "affine"])
def test_curves_are_the_figures_at_their_places(symmetric):
    given = subject(VALUES["laplace"], "int8", symmetric, share=0.6)
    curves = material_of(given).curves
    low, high = given.span
    for i in range(3, curves.at.size, 17):
        at = curves.at[i]
        if np.isnan(at):
            continue
        ends = (-at, at) if symmetric else (at, high) if at < 0 else (low, at)
        quantizer = Quantizer.covering("int8", *ends, symmetric=symmetric)
        exact = expected_error(given.distribution, quantizer)
        assert curves.mse[i] == pytest.approx(exact.mse, rel=1e-9)
        assert curves.clipping[i] == pytest.approx(exact.clipping_mse, rel=1e-9, abs=1e-18)
        assert curves.kl[i] == pytest.approx(kl_divergence(given.distribution, quantizer), rel=1e-9)
    place, least = curves.least(curves.mse)
    assert place.size == (1 if symmetric else 2) and least.min() == np.nanmin(curves.mse)


@pytest.mark.parametrize("rounding", ["nearest_even", "toward_zero", "up", "stochastic"])
@pytest.mark.parametrize("format", ["int16", "int12", "q16", "gfpq16"])
@pytest.mark.parametrize("values", ["laplace", "relu6"])
def test_curves_of_thousands_of_levels_are_close(format, rounding, values):
    given = subject(VALUES[values], FORMATS[format].with_choices(rounding=rounding))
    curves = material_of(given).curves
    for i in range(20, curves.at.size, 30):
        quantizer = Quantizer.covering(given.quantizer.format, -curves.at[i], curves.at[i], symmetric=True)
        exact = expected_error(given.distribution, quantizer)
        assert curves.mse[i] == pytest.approx(exact.mse, rel=0.03)
        assert curves.kl[i] == pytest.approx(exact.kl, abs=1e-9)


@pytest.mark.parametrize("rounding", ["nearest_even", "down", "stochastic"])
@pytest.mark.parametrize("zero_band", [0.0, 0.07])
@pytest.mark.parametrize("format", ["int8", "q8", "flex16_5", "gfpq8", "log2_4", "nf4", "fp8_e5m2"])
def test_curves_follow_rounding_bands_and_steps(format, zero_band, rounding):
    given = subject(VALUES["laplace"], FORMATS[format].with_choices(rounding=rounding), zero_band=zero_band)
    curves = material_of(given).curves
    assert (np.diff(curves.at) > 0).all()
    for i in range(20, curves.at.size, 29):
        at = curves.at[i]
        quantizer = Quantizer.covering(given.quantizer.format, -at, at, symmetric=True, zero_band=zero_band)
        exact = expected_error(given.distribution, quantizer)
        assert curves.mse[i] == pytest.approx(exact.mse, rel=0.02 if format == "flex16_5" else 1e-9)
        assert curves.kl[i] == pytest.approx(exact.kl, rel=1e-9)


@pytest.mark.parametrize("format", ["q8", "gfpq8", "log2_3"])
def test_a_curve_jumps_where_the_scale_does(format):
    curves = material_of(subject(VALUES["laplace"], format)).curves
    scales = [Quantizer.covering(format, -at, at, symmetric=True) for at in curves.at]
    jumps = [i for i in range(1, len(scales)) if scales[i] != scales[i - 1]]
    assert len(jumps) >= 5
    assert max(curves.at[i] / curves.at[i - 1] for i in jumps) < 1 + 1e-6


def test_a_rule_of_somebodys_own_is_measured_by_python():
    class Doubling(CodebookFormat):
        def scale_covering(self, magnitudes):
            return np.asarray(2 * np.asarray(magnitudes), np.float32), np.zeros(np.shape(magnitudes), np.int64)

    format = Doubling(name="doubling", title="Doubling", bits=2, levels=(-1.0, 0.0, 0.5))
    given = subject(VALUES["laplace"], format)
    payload = payload_of(given)
    assert payload.meta["kind"] == "handles" and payload.meta["table_only"] and "table_mse" in payload.meta["arrays"]
    exact = expected_error(given.distribution, Quantizer.covering(format, *given.span, symmetric=True))
    assert payload.curves.mse[-1] == pytest.approx(exact.mse)


def test_a_codebook_of_the_same_name_with_other_levels_is_another_subject():
    first, second = (format_from_levels("mine", levels) for levels in ([-1, 0, 2], [-1, 0, 3]))
    assert key_of(subject(VALUES["laplace"], first)) != key_of(subject(VALUES["laplace"], second))
    rounded = first.with_choices(rounding="up")
    assert key_of(subject(VALUES["laplace"], first)) != key_of(subject(VALUES["laplace"], rounded))


@pytest.mark.parametrize("format", ["q8", "gfpq8", "int8"])
def test_groups_in_steps_of_their_own_have_measured_figures(format):
    array = channels()
    array[3] = 0
    largest = np.abs(array).max(axis=1)
    band = 0.05 if format == "int8" else 0.0
    first = Quantizer.covering(format, -largest, largest, symmetric=True, axis=0, zero_band=band)
    _, table, _ = curves_of(Subject("w", "c", None, array, first, True), Groups.of(array, first))
    for i in range(0, table["ratio"].size, 11):
        high = (table["ratio"][i] * largest.astype(np.float64)).astype(np.float32)
        quantizer = Quantizer.covering(format, -high, high, symmetric=True, axis=0, zero_band=band)
        exact = measured_error(array, quantizer)
        assert table["mse"][i] == pytest.approx(exact.mse, rel=1e-5)
        assert table["kl"][i] == pytest.approx(exact.kl, rel=1e-5)
        assert table["one_minus_cosine"][i] == pytest.approx(1 - exact.cosine, rel=0.2)
        for name in ("saturated_fraction", "zeroed_fraction", "max_abs"):
            assert table[name][i] == pytest.approx(getattr(exact, name), rel=1e-5, abs=1e-12)


def test_groups_without_a_common_share_say_so():
    array = channels()
    largest = np.abs(array).max(axis=1)
    own = largest * np.linspace(0.5, 1.0, largest.size, dtype=np.float32)
    quantizer = Quantizer.covering("int8", -own, own, symmetric=True, axis=0)
    meta = payload_of(Subject("w", "c", None, array, quantizer, True)).meta
    assert meta["groups"] == {"n": 48, "name": "channel", "least": pytest.approx(0.5), "most": pytest.approx(1.0)}
    assert meta["range"]["high"] == pytest.approx(0.75, abs=0.02) and meta["n"] == array.size


def test_odd_tensors_are_shown_too():
    empty = SortedSums.of([np.nan, np.inf])
    meta = payload_of(Subject("a", "b", empty, None, Quantizer.covering("int8", -1, 1), True)).meta
    assert (meta["kind"], meta["words"]) == ("float", "there is no finite value")
    zeros = payload_of(subject(np.zeros(4), "int8")).meta
    assert (zeros["kind"], zeros["words"]) == ("float", "every value is 0: there is nothing to clip")
    assert payload_of(Subject("a", "b", empty)).meta["words"] == "float32: nothing is quantized"
    given = LinearHistogram(np.array([1.0, 5, 9, 5, 1]), np.linspace(-2, 2, 6))
    assert payload_of(subject(given, "int4")).meta["kind"] == "handles"
    infinite = payload_of(subject(np.array([1e6, 1.0]), "fp16"))
    assert infinite.meta["error"]["mse"] == "inf" and isinstance(infinite.chart, Magnitudes)
    assert payload_of(subject(np.arange(1, 11), "int4")).meta["one_by_one"]
    assert not payload_of(subject(np.arange(1, 300), "int4")).meta["one_by_one"]


def test_a_subject_needs_values():
    with pytest.raises(WorkbenchError, match="'w' has neither a distribution nor values"):
        Subject("w", "", None)
    quantizer = Quantizer.covering("int8", -np.ones(2), np.ones(2), symmetric=True, axis=0)
    with pytest.raises(WorkbenchError, match="'w' is quantized in groups, which needs its values"):
        Subject("w", "", SortedSums.of([1.0]), None, quantizer)
