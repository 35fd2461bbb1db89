"""Values too large or too small for the exponents of a floating-point format."""

from collections.abc import Iterator

import numpy as np

from workbench.numerics.formats.floating import FloatingFormat
from workbench.workflow.diagnosis.case import Case, Point
from workbench.workflow.diagnosis.finding import Finding, Remedy
from workbench.workflow.diagnosis.ranges import beyond
from workbench.workflow.diagnosis.words import finding, number, percent

NOTED = 0.01  # share of the values that are not 0


def float_range(case: Case) -> Iterator[Finding]:
    """Overflow, subnormal numbers and flushing to zero in fp16 and other formats without a scale."""
    points = [point for point in case.points.values() if _own_range(point) is not None]
    for looking in (_overflow, _small):  # overflow first: of two findings with one remedy it says more
        for point in points:
            yield from looking(point)


def _own_range(point: Point) -> FloatingFormat | None:
    """The floating-point format of a point, None where it has another or one with a scale."""
    format = point.choice.variation
    if not isinstance(format, FloatingFormat) or format.has_scale or not point.distribution.count:
        return None
    return format


def _overflow(point: Point) -> Iterator[Finding]:
    values, format = point.distribution, _own_range(point)
    if format is None or values.absmax <= format.largest:
        return
    n = beyond(values, -format.largest, format.largest)
    sentence = (
        f"the values reach {number(values.absmax)}, {point.choice.format} ends at {number(format.largest)}: {n:,} of "
        f"{values.count:,} overflow"
    )
    yield finding("overflow", point, sentence, *_remedies(point), n=n, largest=values.absmax)


def _small(point: Point) -> Iterator[Finding]:
    format = _own_range(point)
    if format is None:
        return
    name, smallest_normal = point.choice.format, 2.0 ** (1 - format.bias)
    lost = smallest_normal * 2.0 ** (-format.mantissa_bits - 1)  # half of the smallest number
    flushed, small = (_share_within(point, limit) for limit in (lost, smallest_normal))
    if flushed > NOTED:
        sentence = f"{percent(flushed)} of the values are below {lost:.1e} and become 0 in {name}"
        yield finding("flushed", point, sentence, *_remedies(point), share=flushed)
    elif small > NOTED:
        sentence = (
            f"{percent(small)} of the values are below {smallest_normal:.1e}, where {name} is subnormal and has fewer "
            "digits the smaller they are"
        )
        yield finding("subnormal", point, sentence, *_remedies(point), share=small)


def _share_within(point: Point, limit: float) -> float:
    """Share between -limit and limit of the values that are not 0."""
    edge, values = np.float32(limit), point.distribution
    inner = values.cells(np.array([np.nextafter(-edge, np.float32(-1)), edge], np.float32)).count[1]
    return (float(inner) - values.n_zeros) / max(values.count - values.n_zeros, 1)


def _remedies(point: Point) -> tuple[Remedy, ...]:
    """bfloat16 or float32 for what its layer reads in a format that cannot hold it."""
    together = [p for p in _layer_points(point) if _in_trouble(p)] or [point]
    words = "it" if len(together) == 1 else "weight and input of the layer"
    wider = {p.name: p.chosen(format="bf16") for p in together}
    return (
        Remedy(f"give {words} bfloat16, which has the range of float32", wider, "give it bfloat16"),
        Remedy(f"leave {words} in float32", {p.name: None for p in together}, "leave it in float32"),
    )


def _in_trouble(point: Point) -> bool:
    format = _own_range(point)
    if format is None:
        return False
    return point.distribution.absmax > format.largest or _share_within(point, 2.0 ** (1 - format.bias)) > NOTED


def _layer_points(point: Point) -> list[Point]:
    names = (*point.layer.inputs, point.layer.weight)
    return [point.case.points[name] for name in names if name in point.case.points]
