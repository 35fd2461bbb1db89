"""A format with too few levels for what the tensor holds."""

import math
from collections.abc import Iterator

from workbench.numerics.formats.catalogue import FORMATS
from workbench.workflow.diagnosis.case import Case, Point
from workbench.workflow.diagnosis.finding import Finding, Remedy
from workbench.workflow.diagnosis.words import finding, percent, remedy

FINER = ("int8", "int16")
NOISY_DB = 20.0  # a tensor below this has noise of more than 1 % of its power


def coarse(case: Case) -> Iterator[Finding]:
    """Even with the best range the steps are too large: take a format with more levels."""
    for point in case.points.values():
        format = point.choice.variation
        if not format.has_scale or format.bits > 8 or point.choice.quantizer.levels is None:
            continue
        usual = FORMATS[case.usual_format(point)]
        noise_db = _db(min(point.ratio_of(point.fresh), point.ratio))
        if noise_db > NOISY_DB and usual.bits <= format.bits:
            continue
        noise = percent(10 ** (-noise_db / 10))
        n_levels = point.choice.quantizer.levels.shape[-1]
        sentence = f"{n_levels:,} levels ({point.choice.format}) leave noise of {noise} of its power"
        if usual.bits > format.bits:
            sentence += f", where most others have {usual.name}"
        finer = tuple(_as(point, name) for name in _finer(format.bits, usual.name, usual.bits))
        yield finding("coarse", point, sentence, *finer, levels=n_levels, sqnr_db=noise_db)


def _finer(bits: int, usual: str, usual_bits: int) -> list[str]:
    """Names of formats with more levels, the usual one first."""
    names = [usual] if usual_bits > bits else []
    return list(dict.fromkeys([*names, *(name for name in FINER if FORMATS[name].bits > max(bits, 7))]))[:3]


def _as(point: Point, format: str) -> Remedy:
    choice = point.chosen(format=format)
    return remedy(f"give it {format} ({2 ** FORMATS[format].bits:,} levels)", choice, short=f"give it {format}")


def _db(ratio: float) -> float:
    return -10 * math.log10(ratio) if ratio > 0 else math.inf
