"""Sums of uint8 * int8 products that saturate: x86 CPUs without VNNI add them two by two in int16.

The instruction (VPMADDUBSW) multiplies neighbours along the summed axis and adds each pair with saturation at int16.
onnxruntime turns int8 activations into uint8 by adding 128, and sums a convolution's kernel positions outermost and
its input channels innermost. Depthwise convolutions multiply in wider integers. Which of the layers whose output is
quantized too it really computes in bytes is its own affair and changes between releases: all of them are looked at.
Sources: onnxruntime documentation, "Quantize ONNX models", on U8S8; Intel 64 instruction set reference, VPMADDUBSW.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.messages import Notice
from workbench.models.model import Layer, Model
from workbench.models.protos import is_operator
from workbench.numerics.formats.integer import IntegerFormat
from workbench.numerics.quantizer import Quantizer
from workbench.workflow.data import as_batches
from workbench.workflow.profiles.columns import input_columns, is_depthwise, weight_rows
from workbench.workflow.recipe import Recipe

INT16 = np.iinfo(np.int16)
LARGEST_CODE = 255
N_SAMPLES = 4
POSITIONS = 4096  # outputs of a layer that are looked at, spread evenly
_SHOWN = 4
_PASSING = ("MaxPool", "Reshape", "Transpose", "Squeeze", "Unsqueeze")


@dataclass(frozen=True)
class Saturation:
    """What saturating pairs do to one layer.

    worst: largest magnitude that a pair can reach, exact for the layer's codes; the end of int16 is 32767.
    n_channels: output channels with such a pair, of `channels`.
    share: of the outputs on sample data that change, in [0, 1]; sqnr_db: of the sums against exact ones, inf where
    none changes. None without data.
    """

    layer: str
    worst: int
    n_channels: int
    channels: int
    share: float | None = None
    sqnr_db: float | None = None

    @property
    def possible(self) -> bool:
        """Whether any input at all could saturate."""
        return self.n_channels > 0


def could_saturate(weights: np.ndarray) -> tuple[int, np.ndarray]:
    """Largest magnitude of a pair, and bool (rows,), for codes int (rows, n) that are summed along the last axis.

    A pair is largest where inputs of 255 meet its weights of one sign and inputs of 0 the others: exact, not a bound.
    """
    pairs = _in_pairs(np.asarray(weights, np.int64))
    highest = np.maximum(pairs, 0).sum(axis=-1) * LARGEST_CODE
    lowest = np.minimum(pairs, 0).sum(axis=-1) * LARGEST_CODE
    worst = int(max(highest.max(initial=0), -lowest.min(initial=0)))
    return worst, ((highest > INT16.max) | (lowest < INT16.min)).any(axis=-1)


def _in_pairs(rows: np.ndarray) -> np.ndarray:
    """(rows, n) as (rows, ceil(n / 2), 2), a missing last one 0."""
    padded = np.pad(rows, ((0, 0), (0, rows.shape[-1] % 2)))
    return padded.reshape(len(rows), -1, 2)


def lost_to_saturation(inputs: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """int64 (positions, rows): exact sums minus those whose pairs saturate at int16.

    inputs: codes 0..255, int (positions, n). weights: codes -128..127, int (rows, n).
    """
    x, w = _in_pairs(np.asarray(inputs, np.int32)), _in_pairs(np.asarray(weights, np.int32))
    reach = np.maximum(np.maximum(w, 0).sum(axis=2), -np.minimum(w, 0).sum(axis=2)).max(axis=0)
    lost = np.zeros((len(x), len(w)), np.int64)
    for pair in np.flatnonzero(reach * LARGEST_CODE > INT16.max):
        sums = x[:, pair] @ w[:, pair].T
        lost += sums - np.clip(sums, INT16.min, INT16.max)
    return lost


def saturations(model: Model, recipe: Recipe, data: Any = None, *, n_samples: int = N_SAMPLES) -> list[Saturation]:
    """One entry for each layer whose sums onnxruntime computes in uint8 * int8, in graph order.

    data: anything `as_batches` takes; the float network's values of its first samples become the layers' inputs.
    """
    readers = model.network.readers()
    layers = [layer for layer in model.layers if _is_summed_in_bytes(model, layer, recipe, readers)]
    inputs: dict[str, np.ndarray] = {}
    if data is not None and layers:
        batches = as_batches(model, data)
        batches = batches.recut(min(n_samples, batches.n_samples)).first(n_samples)
        feeds = next(iter(batches))
        inputs = model.chain.run(feeds, keep={layer.inputs[0] for layer in layers})
        inputs = {**feeds, **inputs}
    return [_saturation(model, recipe, layer, inputs.get(layer.inputs[0])) for layer in layers]


def _is_summed_in_bytes(model: Model, layer: Layer, recipe: Recipe, readers: Mapping[str, list[int]]) -> bool:
    """Conv needs a quantized output too, else onnxruntime computes it in float."""
    if layer.weight is None or layer.weight not in recipe or len(layer.inputs) != 1 or layer.inputs[0] not in recipe:
        return False
    weight, read = recipe[layer.weight], recipe[layer.inputs[0]]
    stored, coded = weight.variation, read.variation
    if not isinstance(stored, IntegerFormat) or not isinstance(coded, IntegerFormat) or read.dynamic is not None:
        return False
    bytes_alone = stored.signed and -128 <= stored.qmin and stored.qmax <= 127 and weight.block_size is None
    if not bytes_alone or (coded.qmin, coded.qmax) not in ((0, 255), (-128, 127)):
        return False
    if layer.op_type == "Conv":
        shape = model.tensors[layer.weight].shape
        return not is_depthwise(layer, shape) and _is_written_in_bytes(model, layer, recipe, readers)
    return layer.op_type in ("Gemm", "MatMul") and layer.operands.weight_position == 1


def _is_written_in_bytes(model: Model, layer: Layer, recipe: Recipe, readers: Mapping[str, list[int]]) -> bool:
    """Whether the output of a layer is quantized, behind operators that onnxruntime moves quantization across too."""
    name = layer.observed_output
    while name not in recipe:
        nodes = [model.network.nodes[position] for position in readers.get(name, [])]
        if len(nodes) != 1 or not is_operator(nodes[0], *_PASSING):
            return False
        name = nodes[0].output[0]
    return True


def _saturation(model: Model, recipe: Recipe, layer: Layer, values: np.ndarray | None) -> Saturation:
    assert layer.weight is not None
    quantizer = recipe[layer.weight].quantizer
    rows = weight_rows(layer, quantizer.encode(model.tensors[layer.weight].array()).astype(np.int32))
    found = [could_saturate(part) for part in rows]
    worst, possible = max(one for one, _ in found), np.concatenate([flags for _, flags in found])
    result = Saturation(layer.name, worst, int(possible.sum()), possible.size)
    if values is None:
        return result
    if not result.possible:
        return Saturation(*_bound(result), 0.0, math.inf)
    read = recipe[layer.inputs[0]].quantizer
    codes, zero = _as_bytes(read, values)
    columns = input_columns(layer, codes, zero, model.tensors[layer.weight].array().shape)
    return result if columns is None else Saturation(*_bound(result), *_measured(columns, rows, zero))


def _bound(found: Saturation) -> tuple[str, int, int, int]:
    return found.layer, found.worst, found.n_channels, found.channels


def _as_bytes(quantizer: Quantizer, values: np.ndarray) -> tuple[np.ndarray, int]:
    """Codes 0..255 of an activation, and the one of 0; int8 is moved up by 128, as onnxruntime does."""
    assert isinstance(quantizer.format, IntegerFormat)
    return quantizer.encode(values).astype(np.int32) - quantizer.format.qmin, int(
        quantizer.zero_point - quantizer.format.qmin
    )


def _measured(columns: list[np.ndarray], rows: list[np.ndarray], zero: int) -> tuple[float, float]:
    """Share of the sums that change, and their SQNR in dB against exact ones, at up to POSITIONS positions."""
    changed = total = 0
    signal = noise = 0.0
    for inputs, weights in zip(columns, rows, strict=True):
        inputs = inputs[:: max(1, len(inputs) // POSITIONS)]
        lost = lost_to_saturation(inputs, weights)
        exact = (inputs.astype(np.float64) - zero) @ weights.T.astype(np.float64)
        changed, total = changed + int(np.count_nonzero(lost)), total + lost.size
        signal, noise = signal + float((exact**2).sum()), noise + float((lost.astype(np.float64) ** 2).sum())
    return changed / max(total, 1), (10 * math.log10(signal / noise) if noise and signal else math.inf)


def saturation_notices(model: Model, recipe: Recipe, data: Any = None) -> tuple[Notice, ...]:
    """One sentence on the layers whose sums can saturate, worst first; with data, how many do."""
    found = [one for one in saturations(model, recipe, data) if one.possible]
    if not found:
        return ()
    found.sort(key=lambda one: (-(one.share or 0.0), -one.worst))
    shown = ", ".join(map(_in_words, found[:_SHOWN])) + (f" and {len(found) - _SHOWN} more" if found[_SHOWN:] else "")
    words = (
        "Without VNNI, products of uint8 and int8 are added two by two in int16, which saturates at 32,767: "
        f"{len(found)} layers can reach it: {shown}. Take int7 or uint8 for their weights, or set "
        "onnxruntime's option x64quantprecision=1."
    )
    return (Notice("saturating", words),)


def _in_words(one: Saturation) -> str:
    if one.share is None:
        return f"{one.layer!r} (up to {one.worst:,}, {one.n_channels} of {one.channels} channels)"
    if one.share == 0:
        return f"{one.layer!r} (up to {one.worst:,}; none does on these samples)"
    decibels = "" if one.sqnr_db is None or math.isinf(one.sqnr_db) else f" at {one.sqnr_db:.1f} dB"
    return f"{one.layer!r} (up to {one.worst:,}; {one.share:.2%} of the sums change{decibels})"
