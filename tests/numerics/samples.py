"""Data and oracles that the tests of `numerics` share."""

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st

from workbench.numerics.formats.catalogue import FORMATS
from workbench.numerics.formats.format import Format
from workbench.numerics.quantizer import Quantizer

seeded = settings(deadline=None, derandomize=True, max_examples=60)
special = st.sampled_from([0.0, -0.0, np.nan, np.inf, -np.inf, 1e-45, -1e-45, 3.4e38, -1.0, 1.0])
floats = st.lists(st.one_of(st.floats(width=32), special), max_size=60)
SCALED = [name for name, format in FORMATS.items() if format.has_scale]
SMALL = [name for name in SCALED if FORMATS[name].bits <= 8]  # at most 256 levels
# one member of each family and width, for what would take long with all of the catalogue
KINDS = ["int4", "uint8", "int2_narrow", "q8", "fp16", "fp8_e4m3", "fp8_e5m2fnuz", "fp4_e2m1", "gfpq8", "log2_4", "nf4"]
KINDS += ["kmeans3", "binary", "ternary", "bf16", "tf32", "int16"]
SHAPES_OF_DATA = ("gaussian", "laplace", "relu", "student", "uniform", "relu6", "pixels", "normalised", "negative")


def data(kind: str, n: int = 20_000, seed: int = 0) -> np.ndarray:
    """float32 (n,) of a shape that tensors have."""
    rng = np.random.default_rng([seed, SHAPES_OF_DATA.index(kind)])
    pixels = rng.integers(0, 256, n) / 255
    values = {
        "gaussian": lambda: rng.normal(size=n) * 0.7,
        "laplace": lambda: rng.laplace(size=n) * 3,
        "relu": lambda: np.maximum(rng.normal(size=n) * 2, 0),
        "student": lambda: rng.standard_t(2.5, size=n) * 0.1,
        "uniform": lambda: rng.uniform(-1, 3, n),
        "relu6": lambda: np.clip(rng.normal(size=n) * 4 + 1, 0, 6),
        "pixels": lambda: pixels,
        "normalised": lambda: (pixels - 0.485) / 0.229,
        "negative": lambda: -rng.gamma(2.0, size=n),
    }[kind]()
    return values.astype(np.float32)


def cases(names: Sequence[str], values: Sequence[Any]) -> list[tuple[str, Any]]:
    """(name, value): members of KINDS meet every value, each other member one of them, in turn."""
    others = itertools.cycle(values)
    return [(name, value) for name in names for value in (values if name in KINDS else [next(others)])]


def steps_by_powers_of_two(name: str) -> bool:
    """Whether a format goes from scale to scale by factors of 2 (or of a root of 2)."""
    return FORMATS[name].step in ("power_of_two", "sixteenth_octave")


def awkward(rng: np.random.Generator) -> np.ndarray:
    """float32, up to 200 values: of any magnitude, in narrow clusters, few and repeated, heavy-tailed, subnormal."""
    n = int(rng.integers(1, 200))
    base = 10.0 ** rng.uniform(-4, 4)
    kinds = (
        lambda: rng.normal(size=n) * 10.0 ** rng.uniform(-38, 37),
        lambda: base * (1 + rng.normal(size=n) * 10.0 ** rng.uniform(-7, -2)),
        lambda: base * rng.integers(-3, 4, n) * (1 + rng.normal(size=n) * 1e-5),
        lambda: np.where(rng.random(n) < 0.5, 0, rng.standard_t(1.2, size=n) * base),
        lambda: rng.integers(-20, 20, n) * 1.4e-45 * 10.0 ** rng.integers(0, 6),
        lambda: np.round(rng.normal(size=n) * 10) / 10 * base,
    )
    return kinds[rng.integers(len(kinds))]().astype(np.float32)


def few_values(rng: np.random.Generator) -> np.ndarray:
    """float32: up to 256 different values, repeated: pixels, grids, clusters, any magnitude, subnormals."""
    n = int(rng.choice([1, 2, 3, 17, 100, 256]))
    pixels = np.arange(256.0)
    kinds = (
        lambda: pixels,
        lambda: pixels / 255,
        lambda: (pixels / 255 - 0.485) / 0.229,
        lambda: rng.normal(size=n) * 10.0 ** rng.uniform(-20, 20),
        lambda: 10.0 ** rng.uniform(-3, 3) * (1 + rng.normal(size=n) * 10.0 ** rng.uniform(-7, -2)),
        lambda: (np.arange(n) - n // 2) * 10.0 ** rng.uniform(-3, 3) / 3,
        lambda: rng.integers(-20, 20, n) * 1.4e-45 * 10.0 ** rng.integers(0, 6),
    )
    values = kinds[rng.integers(len(kinds))]().astype(np.float32)
    return np.repeat(values, rng.integers(1, 2000 if rng.random() < 0.5 else 3, values.size))


def random_case(seed: int) -> tuple[np.ndarray, Quantizer]:
    """Half of them few values, the others spread; formats, thresholds and zero points in turn."""
    rng = np.random.default_rng(seed)
    kind = ["gaussian", "laplace", "relu", "student", "uniform", "relu6", "negative"][seed // 2 % 7]
    values = few_values(rng) if seed % 2 else data(kind, 1000, seed) * np.float32(10.0 ** rng.uniform(-5, 5))
    largest = max(float(np.abs(values).max()), 1e-37)
    name = str(rng.choice(["int8", "uint8", "int4", "fp8_e4m3", "int16", "nf4", "log2_4", "int8_narrow"]))
    threshold = largest * (1.0 if rng.random() < 0.3 else float(rng.uniform(0.03, 1.3)))
    if FORMATS[name].affine and rng.random() < 0.5:
        low, high = (min(max(float(end), -threshold), threshold) for end in (values.min(), values.max()))
        return values, Quantizer.covering(name, min(low, 0), max(high, 0), symmetric=False)
    return values, Quantizer.covering(name, -threshold, threshold, symmetric=True)


def member(name: str) -> Format:
    """A format of the catalogue; k-means gets levels fitted to nothing in particular."""
    format = FORMATS[name]
    if not format.needs_values:
        return format
    return format.with_levels(np.sort(np.random.default_rng(format.bits).normal(size=2**format.bits)))


def unit_scale(format: str | Format, scale: float, zero_point: int | None = None) -> Quantizer:
    """A quantizer at a scale that the format can have; integers at their middle code unless a zero point is given."""
    format = member(format) if isinstance(format, str) else format
    if zero_point is None:
        zero_point = 0 if format.signed or not format.affine else (format.qmax + 1) // 2
    return Quantizer(format, np.float32(max(scale, format.least_scale * 1.001) if format.has_scale else 1), zero_point)


def neighbours(values: np.ndarray) -> np.ndarray:
    """float32: every value, and one step of the last place to either side."""
    values = np.asarray(values, np.float32).reshape(-1)
    with np.errstate(over="ignore"):
        below, above = np.nextafter(values, np.float32(-np.inf)), np.nextafter(values, np.float32(np.inf))
    return np.concatenate([below, values, above])


def bits(array: np.ndarray) -> np.ndarray:
    """The bit patterns of float32 values, so that -0.0 and NaN compare."""
    return np.ascontiguousarray(array, np.float32).view(np.uint32)


def same_bits(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether float32 arrays agree in every bit; any NaN equals any NaN."""
    a, b = np.asarray(a, np.float32), np.asarray(b, np.float32)
    return a.shape == b.shape and bool(((bits(a) == bits(b)) | (np.isnan(a) & np.isnan(b))).all())
