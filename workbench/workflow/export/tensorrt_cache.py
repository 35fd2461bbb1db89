"""Target `tensorrt_cache`: a calibration cache, one int8 scale for each activation.

The file: see `workbench.workflow.ranges.tensorrt_cache`. TensorRT 11 has no calibrators any more; there, and wherever
zero points or own scales of weights matter, QuantizeLinear and DequantizeLinear in the network say the same.
"""

import struct
from pathlib import Path

import numpy as np

from workbench.messages import Notice, WorkbenchError
from workbench.models.model import Model
from workbench.numerics.formats.catalogue import FORMATS
from workbench.numerics.quantizer import Quantizer
from workbench.workflow.choose import weight_axis, weight_names
from workbench.workflow.export.target import Order, SelfCheck, Target
from workbench.workflow.export.written_ranges import (
    byte_refusal,
    bytes_of,
    check_deployed,
    listed,
    made_symmetric,
    step,
    text_refusal,
)
from workbench.workflow.ranges.tensorrt_cache import read
from workbench.workflow.recipe import Recipe

VERSION = "8601"


def name_refusal(name: str) -> str | None:
    """A line is split at its last ': ', and ends with it."""
    if ": " in name or len(name.splitlines()) != 1 or name != name.strip():
        return "a calibration cache holds no names with ': ' or line breaks, or with a space at an end"
    return text_refusal(name)


def write(order: Order, path: Path) -> tuple[Notice, ...]:
    """Header, then a line for each activation of the recipe, in its order."""
    version = str(order.options.get("version", VERSION))
    if not (version.isascii() and version.isdigit()):
        raise WorkbenchError(
            f"option version is {version!r}; expected the digits of TensorRT's version, as in {VERSION}"
        )
    scales = _scales(order)
    lines = [f"TRT-{version}-EntropyCalibration2"]
    lines += [f"{order.name(name)}: {struct.pack('>f', scale).hex()}" for name, scale in scales.items()]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return (*made_symmetric(order.recipe, scales, "TensorRT"), *_about_weights(order.model, order.recipe), _ENDING)


_ENDING = Notice(
    "target", "TensorRT 11 has removed calibrators and reads no cache; export to onnx_qdq_tensorrt for it."
)


def _scales(order: Order) -> dict[str, float]:
    """Activation -> its scale, a float32 number."""
    weights = set(weight_names(order.model))
    return {name: float(step(choice)) for name, choice in order.recipe.items() if name not in weights}


def foretold(model: Model, recipe: Recipe) -> tuple[Notice, ...]:
    """Which activations get other codes than in the recipe."""
    return made_symmetric(recipe, bytes_of(recipe, leave_out=weight_names(model)), "TensorRT")


def _about_weights(model: Model, recipe: Recipe) -> tuple[Notice, ...]:
    """TensorRT's own scales of weights are the whole range of each channel; which of the recipe are not."""
    others = [name for name in weight_names(model) if not _is_whole_range(model, recipe, name)]
    words = "A cache holds no weights: TensorRT takes the largest magnitude of each output channel, symmetric"
    if others:
        words += f"; weights chosen otherwise, {len(others)} in all, are not deployed so: {listed(others)}"
    return (Notice("weights", words + "."),)


def _is_whole_range(model: Model, recipe: Recipe, name: str) -> bool:
    axis = weight_axis(model, name)
    if name not in recipe or axis is None or recipe[name].quantizer.axis is None:
        return False
    values = np.moveaxis(model.tensors[name].array(), axis, 0)
    reach = np.abs(values.reshape(len(values), -1)).max(axis=1)
    whole = Quantizer.covering("int8", -reach, reach, symmetric=True, axis=axis)
    return np.array_equal(step(recipe[name]), whole.scale)


def check(order: Order, path: Path) -> SelfCheck:
    """Every scale read back, equal to the last bit."""
    expected = {
        name: Quantizer(FORMATS["int8"], np.asarray(scale, np.float32)) for name, scale in _scales(order).items()
    }
    return check_deployed(order, path, read, expected)


TENSORRT_CACHE = Target(
    name="tensorrt_cache",
    title="TensorRT calibration cache",
    runs_on="TensorRT",
    suffix=".cache",
    refusal=byte_refusal,
    write=write,
    check=check,
    kind="ranges",
    name_refusal=name_refusal,
    named="activations",
    foretold=foretold,
    profile="tensorrt",
    read=read,
    options={"version": f"digits of TensorRT's version in the first line; {VERSION} unless given"},
)
