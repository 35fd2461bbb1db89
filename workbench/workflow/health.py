"""`health`: what to know of a recipe before it is exported, and what makes an export impossible."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.messages import Notice
from workbench.models.model import Model
from workbench.numerics.quantizer import Quantizer
from workbench.numerics.scaling import TINY
from workbench.numerics.statistics.distribution import Distribution
from workbench.workflow.calibrate import calibrate
from workbench.workflow.choose import weight_names
from workbench.workflow.export.catalogue import TARGETS
from workbench.workflow.profiles.catalogue import as_profile
from workbench.workflow.profiles.profile import Profile
from workbench.workflow.profiles.side import is_dynamic
from workbench.workflow.recipe import Recipe

SHARE, MORE = 1e-3, 4.0  # of the evaluation's values beyond the range, and times the calibration's share there
LOST = 1e-3  # relative error of a printed number from which on it is told
_SHOWN = 4

Printed = tuple[str, int, bool]
PRINTED: dict[str, Printed] = {  # target -> what other tools print by %f: in words, digits behind the point, inverted
    "ncnn_table": ("largest code / threshold", 6, True),
    "tpu_mlir_table": ("threshold", 7, False),
}


@dataclass(frozen=True)
class Ailment:
    """One remark on the health of a recipe.

    kind: "scale", "dead", "truncation", "name", "coverage", "saturating", "tie", "bias" or "rounding". tensor: "" where
    it is about several. sentence: plain words. fatal: nothing may be exported with it.
    """

    kind: str
    tensor: str
    sentence: str
    fatal: bool = False

    def __str__(self) -> str:
        return self.sentence


@dataclass(frozen=True)
class Health:
    """All remarks, fatal ones first."""

    findings: tuple[Ailment, ...]

    @property
    def fatal(self) -> tuple[Ailment, ...]:
        """Remarks that forbid an export."""
        return tuple(one for one in self.findings if one.fatal)

    @property
    def notices(self) -> tuple[Notice, ...]:
        """The remarks as an export reports them."""
        return tuple(Notice(one.kind, one.sentence) for one in self.findings)

    def table(self) -> list[dict[str, Any]]:
        """One record a remark: kind, tensor, sentence, fatal."""
        return [dict(vars(one)) for one in self.findings]

    def __str__(self) -> str:
        return "\n".join(map(str, self.findings)) or "Nothing stands out."

    def __len__(self) -> int:
        return len(self.findings)


def health(
    model: Model,
    recipe: Recipe,
    calibration: Mapping[str, Distribution] | None = None,
    target: str | None = None,
    *,
    profile: Profile | str | None = None,
    data: Any = None,
    names: Mapping[str, str] | None = None,
    known: Collection[str] | None = None,
) -> Health:
    """Look at a recipe as a target will: numbers, dead channels, printed digits, names, coverage, ties, saturation.

    calibration: what the ranges were chosen on. target: a name of TARGETS; None: none in particular. profile: what runs
    it; None: the target's own. data: evaluation data, anything `as_batches` takes; with it ranges that do not cover it
    and sums that saturate are counted. names: tensor -> its name in the target's files; known: names that the target's
    own file has. Raises WorkbenchError for an unknown target or profile.
    """
    own = "" if target is None else TARGETS[target].profile
    runs = as_profile(profile) if profile is not None else as_profile(own) if own else None
    found = [*_scales(model, recipe), *_dead(model, recipe, calibration), *_names(model, recipe, names, known)]
    found += _printed(recipe, PRINTED.get(target or ""))
    if data is not None:
        found += _coverage(recipe, calibration, calibrate(model, data))
    if runs is not None:
        found += [_broken(list(runs.violations(model, recipe).values()), runs)] if runs.rules else []
        found += [Ailment(one.topic, "", one.sentence) for one in runs.predictions(model, recipe, data)]
    said = [one for one in found if one.sentence]
    return Health(tuple(sorted(said, key=lambda one: not one.fatal)))


def _scales(model: Model, recipe: Recipe) -> Iterator[Ailment]:
    """Scales that are no positive normal number, and products of them that biases are added at."""
    sick = set()
    for name, choice in recipe.items():
        scale = np.asarray(choice.quantizer.scale, np.float32)
        finite = np.isfinite(scale)
        if not finite.all() or (scale <= 0).any():
            words = "infinite or not a number" if not finite.all() else "zero or negative"
            yield Ailment("scale", name, f"Tensor {name!r}: its scale is {words}; choose a finite range.", fatal=True)
            sick.add(name)
        elif (scale < TINY).any():
            sentence = f"Tensor {name!r}: its scale {np.min(scale):.3g} is subnormal; many devices take it for 0."
            yield Ailment("scale", name, sentence)
    for layer in model.layers:
        choices = [recipe[name] for name in (*layer.inputs, layer.weight) if name is not None and name in recipe]
        if layer.bias is None or layer.weight is None or len(layer.inputs) != 1 or len(choices) != 2:
            continue
        read, weight = choices
        if sick & {read.tensor, weight.tensor} or not (read.variation.has_scale and weight.variation.has_scale):
            continue
        product = np.asarray(read.quantizer.scale, np.float64) * np.asarray(weight.quantizer.scale, np.float64)
        if product.min() < TINY or product.max() > np.finfo(np.float32).max:
            words = f"the product of the scales reaches {product.min():.3g}, no normal float32 number for its bias"
            yield Ailment("scale", layer.name, f"Layer {layer.name!r}: {words}.")


def _dead(model: Model, recipe: Recipe, calibration: Mapping[str, Distribution] | None) -> Iterator[Ailment]:
    """Channels of weights, and activations, that quantization has made constant."""
    weights = set(weight_names(model))
    for name, choice in recipe.items():
        if name in weights:
            axis = next(layer.weight_axis for layer in model.layers if layer.weight == name)
            killed = dead_channels(model.tensors[name].array(), choice.quantizer, axis)
            if killed.size:
                shown = ", ".join(map(str, killed[:_SHOWN])) + (" ..." if killed[_SHOWN:].size else "")
                words = f"{killed.size} channels that vary in float have one code alone: {shown}"
                yield Ailment("dead", name, f"Weight {name!r}: {words}. A range of its own for each would keep them.")
        elif calibration is not None and name in calibration and not is_dynamic(choice):
            seen = calibration[name]
            ends = choice.quantizer.fake_quantize(np.array([seen.low, seen.high], np.float32)) if seen.count else [0, 1]
            if ends[0] == ends[1] and seen.low != seen.high:
                words = f"all of {seen.low:.4g} to {seen.high:.4g} goes to one code"
                yield Ailment("dead", name, f"Activation {name!r}: {words}; choose a smaller range.")


def dead_channels(values: np.ndarray, quantizer: Quantizer, axis: int | None) -> np.ndarray:
    """Indices along `axis` whose float values differ, but whose quantized ones do not; axis None: the whole tensor."""
    quantized = quantizer.fake_quantize(values)
    rows = [np.moveaxis(a, axis, 0).reshape(a.shape[axis], -1) if axis is not None else a.reshape(1, -1) for a in
            (values, quantized)]  # fmt: skip
    varies, kept = ((row != row[:, :1]).any(axis=1) for row in rows)
    return np.flatnonzero(varies & ~kept)


def _printed(recipe: Recipe, printed: Printed | None) -> Iterator[Ailment]:
    """Numbers that lose their digits where a tool prints them with a fixed number behind the point."""
    if printed is None:
        return
    what, digits, inverted = printed
    for name, choice in recipe.items():
        if not choice.variation.has_scale:
            continue
        scale = np.asarray(choice.quantizer.scale, np.float64).reshape(-1)
        numbers = 1 / scale if inverted else scale * choice.variation.largest
        lost = np.abs(np.round(numbers, digits) - numbers) / np.maximum(numbers, TINY)
        worst = int(np.argmax(lost))
        if lost[worst] > LOST:
            became = f"{numbers[worst]:.{digits}f}"
            words = f"{what} {numbers[worst]:.4g} is printed as {became} ({lost[worst]:.1%} off)"
            by = f"by tools that write {digits} digits behind the point; the file written here keeps all"
            yield Ailment("truncation", name, f"Tensor {name!r}: {words} {by}.")


def _names(
    model: Model, recipe: Recipe, names: Mapping[str, str] | None, known: Collection[str] | None
) -> Iterator[Ailment]:
    called = names or {}
    for tensor in dict.fromkeys([*recipe, *called]):
        if tensor not in model.tensors:
            yield Ailment("name", tensor, f"{model.name} has no tensor {tensor!r}; what is said of it has no effect.")
    if known is not None:
        there = set(known)
        missing = [tensor for tensor in recipe if called.get(tensor, tensor) not in there]
        if missing:
            shown = ", ".join(map(repr, missing[:_SHOWN])) + (" ..." if missing[_SHOWN:] else "")
            words = f"{len(missing)} of {len(recipe)} names are not in the target's file: {shown}"
            yield Ailment("name", "", f"{words}; give the names that it has with names=.")


def _coverage(
    recipe: Recipe, calibration: Mapping[str, Distribution] | None, evaluation: Mapping[str, Distribution]
) -> Iterator[Ailment]:
    """Ranges that other data goes beyond, more often than the data they were chosen on."""
    for name, choice in recipe.items():
        seen = evaluation.get(name)
        if (
            seen is None
            or not seen.count
            or not choice.variation.has_scale
            or is_dynamic(choice)
            or np.ndim(choice.low)
        ):
            continue
        share = _beyond(seen, choice.quantizer)
        before = (
            None if calibration is None or name not in calibration else _beyond(calibration[name], choice.quantizer)
        )
        if share > SHARE and share > MORE * (before or 0.0):
            was = "" if before is None else f", {before:.2%} of the calibration's do"
            words = (
                f"{share:.2%} of the evaluation's values lie beyond the range{was}: {seen.low:.4g} to {seen.high:.4g}"
            )
            yield Ailment("coverage", name, f"Activation {name!r}: {words}; calibrate with more such samples.")


def _beyond(distribution: Distribution, quantizer: Quantizer) -> float:
    """Share of the values beyond the end levels by more than half a step."""
    ends = quantizer.format.unit_ends(np.asarray(quantizer.zero_point, np.int64).reshape(-1))[0] * quantizer.scale
    half = float(quantizer.scale) / 2
    cells = distribution.cells(np.array([ends[0] - half, ends[1] + half], np.float32))
    total = float(cells.count.sum())
    return float(cells.count[0] + cells.count[-1]) / total if total else 0.0


def _broken(reasons: list[str], profile: Profile) -> Ailment:
    if not reasons:
        return Ailment("tie", "", "")
    more = f" (and {len(reasons) - 1} more)" if reasons[1:] else ""
    words = (
        f"{profile.title} ties scales together that the recipe has apart: {reasons[0]}{more}. wb.tied makes them one."
    )
    return Ailment("tie", "", words)
