"""Target `aimet_encodings_2`: encodings 2.0.0 of AIMET; integers of any grouping, as QuantizeLinear has them.

The file: see `workbench.workflow.ranges.aimet_encodings_2`. Tensors without an entry are floats there, of the width
that the converter is told, so that fp16 has no entry.
"""

from pathlib import Path
from typing import Any

import numpy as np

from workbench.messages import Notice
from workbench.models.model import Model
from workbench.numerics.formats.integer import IntegerFormat
from workbench.numerics.quantizer import Quantizer
from workbench.workflow.choice import TensorChoice
from workbench.workflow.export.onnx_qdq import scale_layout
from workbench.workflow.export.target import Order, SelfCheck, Target
from workbench.workflow.export.written_ranges import check_deployed, text_refusal, unsaid, write_lists
from workbench.workflow.ranges.aimet_encodings_2 import DTYPES, LIST, VERSION, read


def refusal(choice: TensorChoice | None, *, is_weight: bool) -> str | None:
    """Integers of 2, 4, 8 and 16 bits; floats have no entry in this version."""
    if choice is None:
        return None
    if choice.format not in DTYPES:
        return f"encodings {VERSION} have no {choice.format}; nearest is {_nearest(choice)}"
    return ", and ".join(unsaid(choice)) or None


def _nearest(choice: TensorChoice) -> str:
    format = choice.variation
    if isinstance(format, IntegerFormat):
        bits = next(bits for bits in (2, 4, 8, 16) if bits >= format.bits)
        return f"{'int' if format.signed else 'uint'}{bits}"
    return "int4" if format.bits <= 4 else "int8" if format.bits <= 8 else "no entry, which leaves it a float"


def write(order: Order, path: Path) -> tuple[Notice, ...]:
    """One list, in the order of the recipe; zero points only where one is not 0."""
    entries = [
        {"name": order.name(name), **_entry(order.model, name, choice.quantizer)}
        for name, choice in order.recipe.items()
    ]
    write_lists(path, VERSION, {LIST: entries})
    return ()


def _entry(model: Model, name: str, quantizer: Quantizer) -> dict[str, Any]:
    """All fields but the name."""
    scale, zero_point = np.asarray(quantizer.scale), np.asarray(quantizer.zero_point)
    if quantizer.block_size is not None:
        shape = model.tensors[name].array().shape
        scale, zero_point = (scale_layout(quantizer, shape, one) for one in (scale, zero_point))
    fields: dict[str, Any] = {"output_dtype": quantizer.format.name, "y_scale": scale.tolist()}
    if zero_point.any():
        fields["y_zero_point"] = zero_point.tolist()
    if quantizer.axis is not None:
        fields["axis"] = quantizer.axis
    if quantizer.block_size is not None:
        fields["block_size"] = quantizer.block_size
    return fields


def check(order: Order, path: Path) -> SelfCheck:
    """Every scale and zero point read back, equal to the last bit, and the codes of weights."""
    return check_deployed(order, path, read, {name: choice.quantizer for name, choice in order.recipe.items()})


AIMET_ENCODINGS_2 = Target(
    name="aimet_encodings_2",
    title="AIMET encodings 2.0.0",
    runs_on="AIMET 2.0.0",
    suffix=".encodings",
    refusal=refusal,
    write=write,
    check=check,
    kind="ranges",
    name_refusal=text_refusal,
    named="tensors",
    read=read,
)
