"""`equalize`: the same network with the channels of neighbouring layers brought to one size, as a new file."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from onnx import ModelProto

from workbench.messages import Notice, WorkbenchError
from workbench.models.model import Model
from workbench.models.protos import to_tensor
from workbench.workflow.batches import Batches
from workbench.workflow.data import as_batches
from workbench.workflow.export.exporting import check_not_the_model
from workbench.workflow.export.saving import save_network
from workbench.workflow.export.selfcheck import check_file
from workbench.workflow.files import new_files
from workbench.workflow.opening import load
from workbench.workflow.repairs.balancing import Ranges, balanced, spread
from workbench.workflow.repairs.clips import become_relus, notice_of, unreached
from workbench.workflow.repairs.pairs import LeftOut, Pair, find_pairs
from workbench.workflow.repairs.proving import OutputDifference, difference, rounded

_SHOWN = 4


@dataclass(frozen=True)
class EqualizedPair:
    """Two layers with `n_channels` between them.

    spread: largest channel range over the median one, as the diagnosis of unequal channels counts it; of the first
    layer's outputs and of the second layer's inputs, before and after. largest_factor: what a channel was multiplied or
    divided by at most, 1 or more.
    """

    first: str
    second: str
    n_channels: int
    first_spread_before: float
    second_spread_before: float
    first_spread_after: float
    second_spread_after: float
    largest_factor: float


@dataclass(frozen=True)
class Equalization:
    """An equalized network and what was done to it.

    model: the new file, loaded. pairs: in graph order. left_out: layers that are not the first of a pair, and why.
    outputs: equalized against given network, both in float32 on the data; None without data.
    """

    model: Model
    pairs: tuple[EqualizedPair, ...]
    left_out: tuple[LeftOut, ...]
    outputs: OutputDifference | None
    notices: tuple[Notice, ...]

    def table(self) -> list[dict[str, Any]]:
        """One record a pair."""
        return [dict(vars(pair)) for pair in self.pairs]

    def __str__(self) -> str:
        widest = max(self.pairs, key=lambda pair: pair.largest_factor)
        are = "pair of layers is" if len(self.pairs) == 1 else "pairs of layers are"
        lines = [
            f"written: {self.model.path}",
            f"{len(self.pairs)} {are} equalized; the largest factor is {widest.largest_factor:.4g}, "
            f"between {widest.first} and {widest.second}",
        ]
        if self.outputs is not None:
            lines.append(str(self.outputs))
        return "\n".join([*lines, *map(str, self.notices)])


def equalize(
    model: Model,
    path: str | Path,
    *,
    power_of_two: bool = False,
    clip_as_relu: bool = False,
    data: Any = None,
    state: Mapping[str, str] | None = None,
) -> Equalization:
    """Bring the channels between neighbouring layers to one size, so that one scale a tensor fits all of them.

    Where a layer alone reads what another computes, through nothing or operators that let a positive factor through, a
    channel of the first weight and its bias are divided by a factor and the second weight's are multiplied by it. The
    network computes the same function up to the rounding of float32; names, shapes and operators stay. It helps where
    channels are unequal, see `diagnose`; where they are not it may cost a decibel or two, so compare.

    path: the file to write, with BatchNorm folded; its folder must exist, an older file there is replaced only after
    the new one passed onnx's full check. power_of_two: factors are rounded to powers of two, by which float32
    multiplies without rounding: the outputs are those of `model`, BatchNorm folded as it was loaded, to the last bit,
    unless a value leaves the range of float32's normal numbers. clip_as_relu: let a Clip between two layers (ReLU6)
    become a Relu where no value of the data comes to its limit; a notice says how near. A Clip at 0 alone needs no
    leave. data, state: anything `as_batches` takes; both networks run on it and are compared.
    Raises WorkbenchError, and nothing is written, where no pair of layers can be equalized, where clip_as_relu has no
    data, where the outputs on the data differ by more than rounding or are all NaN or infinite, or where float32 cannot
    hold what a weight becomes. Factors are within 2**-60 and 2**60.
    Source: Nagel et al. 2019, Data-Free Quantization Through Weight Equalization and Bias Correction
    (arXiv:1906.04721), 4.1.
    """
    destination = Path(path)
    check_not_the_model(model, destination)
    batches = None if data is None else as_batches(model, data, state=state)
    if clip_as_relu and batches is None:
        raise WorkbenchError("clip_as_relu=True needs data=, which shows whether values come to the limit of a Clip")
    shares = unreached(model, batches) if clip_as_relu and batches is not None else None
    pairs, left_out = find_pairs(model, shares)
    if not pairs:
        reasons = " ".join(_sentences(left_out)) or "It has no Conv, ConvTranspose or Gemm that another one follows."
        raise WorkbenchError(f"{model.name} has no layers that can be equalized. {reasons} Use one scale a channel.")
    factors = balanced(pairs, _array_of(model), power_of_two=power_of_two)
    scaled, lost = _scaled(model, pairs, factors)
    outputs = _written(model, scaled, destination, batches)
    result = load(destination)
    notices = tuple(Notice("equalize", sentence) for sentence in (*_sentences(left_out), *lost))
    listed = [notice for notice in model.notices if notice.topic == "input"]
    notices += tuple(Notice("input", f"{notice}, and the new file has them as constants alone.") for notice in listed)
    if batches is not None:
        replaced = {name: share for name, share in (shares or {}).items() if any(name in pair.clips for pair in pairs)}
        notices += (*([notice_of(replaced, batches.n_samples)] if replaced else []), *batches.notices)
    return Equalization(result, _records(pairs, factors, model, result), left_out, outputs, notices)


def _array_of(model: Model) -> Callable[[str], np.ndarray]:
    return lambda name: model.tensors[name].array()


def _written(model: Model, scaled: ModelProto, destination: Path, batches: Batches | None) -> OutputDifference | None:
    """Write the file, all or nothing; gives what the data say of it."""
    with new_files(destination) as staged:
        save_network(scaled, staged.path)
        check_file(staged.path)
        return None if batches is None else difference(model, load(staged.path), batches)


def _scaled(
    model: Model, pairs: Sequence[Pair], factors: Mapping[str, np.ndarray]
) -> tuple[ModelProto, tuple[str, ...]]:
    """The folded graph with scaled weights and biases, and sentences on values that became 0.

    Each is multiplied in float64 and rounded once. Raises WorkbenchError as `rounded`.
    """
    by_output = {pair.before.weight: factors[pair.first] for pair in pairs}
    by_input = {pair.after.weight: factors[pair.first] for pair in pairs}
    kernels = {kernel.weight: kernel for pair in pairs for kernel in (pair.before, pair.after)}
    layers = {pair.after.weight: pair.second for pair in pairs}
    layers |= {name: pair.first for pair in pairs for name in (pair.before.weight, pair.before.bias) if name}
    proto, lost = model.proto(), []
    for tensor in proto.graph.initializer:
        name = tensor.name
        if name not in layers:
            continue
        values = model.tensors[name].array().astype(np.float64)
        if name not in kernels:
            values /= factors[layers[name]]
        else:
            arranged = kernels[name].by_channel(values)  # a view: what is done to it is done to the values
            if name in by_output:
                arranged /= kernels[name].of_outputs(by_output[name])[..., None]
            if name in by_input:
                arranged *= kernels[name].of_inputs(by_input[name])[..., None]
        scaled = rounded(values, f"{name} of {layers[name]}")
        n_lost = np.count_nonzero(values) - np.count_nonzero(scaled)
        if n_lost:
            lost.append(f"Values of {name} that are 0 now, too small for float32 beside its others: {n_lost}.")
        tensor.CopyFrom(to_tensor(scaled, name))
    clips = {name for pair in pairs for name in pair.clips}
    if clips:
        become_relus(proto.graph, clips)
    return proto, tuple(lost)


def _records(
    pairs: Sequence[Pair], factors: Mapping[str, np.ndarray], before: Model, after: Model
) -> tuple[EqualizedPair, ...]:
    """What was done, seen in the weights of both networks."""
    then, now = (Ranges(pairs, _array_of(model)) for model in (before, after))
    records = []
    for pair in pairs:
        (first, second), (first_now, second_now) = (map(spread, side.of(pair)) for side in (then, now))
        largest = float(np.exp2(np.abs(np.log2(factors[pair.first])).max()))
        names_and_size = pair.first, pair.second, pair.before.n_outputs
        records.append(EqualizedPair(*names_and_size, first, second, first_now, second_now, largest))
    return tuple(records)


def _sentences(left_out: Sequence[LeftOut]) -> tuple[str, ...]:
    """One sentence a reason, with the layers that it is about."""
    layers: dict[str, list[str]] = {}
    for each in left_out:
        layers.setdefault(each.reason, []).append(each.layer)
    return tuple(
        f"Not equalized with what follows, because {reason}: {', '.join(names[:_SHOWN])}"
        + (f" and {len(names) - _SHOWN} more." if len(names) > _SHOWN else ".")
        for reason, names in layers.items()
    )
