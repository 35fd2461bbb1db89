"""The tables of formats in README: uniform levels against codebooks, and about thirty formats on one real network.

Run with `make tables`; needs WORKBENCH_TEST_ASSETS. Nothing here depends on the machine: the network, the images and
the arithmetic are fixed, and nothing is drawn by chance.
"""

import dataclasses
from typing import Any

import numpy as np
import pytest

from tests.real_networks import inputs, model_path, needs_assets
from workbench.models.model import Model
from workbench.numerics.codebooks.entropy_coding import code_entropy
from workbench.workflow.calibrate import calibrate
from workbench.workflow.calibration import Calibration
from workbench.workflow.choose import choose
from workbench.workflow.data import as_batches
from workbench.workflow.opening import load
from workbench.workflow.recipe import Recipe
from workbench.workflow.simulate import Simulator

pytestmark = needs_assets
NAME = "cifar10_resnet20"
WIDTHS = (2, 3, 4, 8)
# title -> (format, options of `choose`); {b} is the width
WAYS: dict[str, tuple[str, dict[str, Any]]] = {
    "uniform, symmetric codes": ("int{b}_narrow", {"per_channel": False}),
    "uniform, all codes": ("int{b}", {"per_channel": False}),
    "uniform, all codes, per channel": ("int{b}", {}),
    "k-means": ("kmeans{b}", {}),
}
# format of weights -> format of activations; None leaves them float, where the format says nothing about them
PAIRS: dict[str, str | None] = {
    **{name: name for name in ("tf32", "fp16", "bf16", "fp8_e4m3", "fp8_e5m2", "fp6_e2m3", "fp6_e3m2", "fp4_e2m1")},
    **{name: name for name in ("int16", "int8", "int6", "int4", "q16", "q8", "int8_pow2", "flex16_5")},
    **{name: name for name in ("gfpq16", "gfpq8", "log2_5", "log2_4", "nf4", "kmeans8", "kmeans4")},
    **{name: name for name in ("mxint8", "mxfp8_e4m3", "mxfp8_e5m2", "mxfp6_e2m3", "mxfp4")},
    "pruned": None,
    "ternary": None,
    "binary": None,
}


@dataclasses.dataclass(frozen=True)
class Bench:
    model: Model
    calibration: Calibration
    simulator: Simulator

    def answer(self, recipe: Recipe) -> tuple[float, float]:
        """Output SQNR in dB and the share of equal answers."""
        out = next(iter(self.simulator.compare(recipe, tensors=False).outputs.values()))
        assert out.agreement is not None
        return out.sqnr_db, out.agreement


@pytest.fixture(scope="module")
def bench() -> Bench:
    model = load(model_path(NAME))
    images, labels = inputs(NAME, "eval")
    calibration = calibrate(model, inputs(NAME, "calib")[0])
    return Bench(model, calibration, Simulator(model, as_batches(model, images), labels))


def size_of(model: Model, recipe: Recipe) -> tuple[float, int, int]:
    """Weights as stored: SQNR in dB over all of them together; bytes plain, and with entropy-coded codes.

    Both sizes count 4 bytes for each scale, or for each level of a codebook, and one code table a tensor.
    """
    signal = noise = plain = coded = 0.0
    for name, choice in recipe.items():
        values, quantizer = model.tensors[name].array(), choice.quantizer
        error = quantizer.fake_quantize(values).astype(np.float64) - values
        signal += float((values.astype(np.float64) ** 2).sum())
        noise += float((error**2).sum())
        beside = 4 * (len(choice.levels) if choice.levels else quantizer.n_groups)
        counts = np.unique(quantizer.encode(values), return_counts=True)[1]
        plain += values.size * quantizer.format.bits / 8 + beside
        coded += values.size * code_entropy(counts) / 8 + beside
    return 10 * np.log10(signal / noise), round(plain), round(coded)


def test_uniform_against_codebook(bench, capsys):
    rows, weight_db, sqnr = [], {}, {}
    for b in WIDTHS:
        for title, (format, options) in WAYS.items():
            name = format.format(b=b)
            recipe = choose(bench.model, None, weights=name, activations=None, weight_clipping="least_error", **options)
            weight_db[b, title], plain, coded = size_of(bench.model, recipe)
            sqnr[b, title], agreement = bench.answer(recipe)
            figures = f"{weight_db[b, title]:.1f} dB | {sqnr[b, title]:.1f} dB | {agreement:.2%}"
            rows.append(f"| {b} | {title} (`{name}`) | {figures} | {plain:,} | {coded:,} |")
    with capsys.disabled():
        print(f"\n{NAME}, weights alone, {len(inputs(NAME, 'eval')[0]):,} images")
        print("| bits | weights | weight SQNR | output SQNR | same answer | bytes | entropy-coded |")
        print("|---|---|---|---|---|---|---|")
        print("\n".join(rows))
    for b in WIDTHS:
        per_tensor = [title for title, (_, options) in WAYS.items() if options]
        assert weight_db[b, "k-means"] > max(weight_db[b, title] for title in WAYS if title != "k-means"), f"{b} bits"
        if b > 2:  # with 2 bits there is no answer left to be nearer to
            assert sqnr[b, "k-means"] > max(sqnr[b, title] for title in per_tensor), f"{b} bits"


def test_formats(bench, capsys):
    rows = []
    for weights, activations in PAIRS.items():
        recipe = choose(bench.model, bench.calibration, weights=weights, activations=activations)
        output_db, agreement = bench.answer(recipe)
        assert np.isfinite(output_db)
        rows.append(f"| {weights} | {activations or 'float'} | {output_db:.1f} dB | {agreement:.2%} |")
    with capsys.disabled():
        print(f"\n{NAME}, {len(inputs(NAME, 'eval')[0]):,} images")
        print("| weights | activations | output SQNR | same answer |")
        print("|---|---|---|---|")
        print("\n".join(rows))
