"""`Plan`: what a recipe means for one network, worked out once; simulation and export both start from it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from workbench.messages import Notice, WorkbenchError
from workbench.models.model import Layer, Model
from workbench.numerics.dynamic import DynamicQuantizer
from workbench.numerics.formats.integer import IntegerFormat
from workbench.numerics.quantizer import Quantizer
from workbench.workflow.choice import TensorChoice
from workbench.workflow.every_operator import biases as biases_of
from workbench.workflow.every_operator import is_unscaled, unscaled_points
from workbench.workflow.recipe import Recipe

_INT32 = np.iinfo(np.int32)


@dataclass(frozen=True, eq=False)
class IntegerBias:
    """A bias stored as int32 codes at scale = scale of the input * scale of the weight, zero point 0.

    codes: int32, the bias's shape; scale: float32, () or (channels,).
    """

    codes: np.ndarray
    scale: np.ndarray

    @property
    def values(self) -> np.ndarray:
        """float32: what DequantizeLinear gives."""
        return self.codes.astype(np.float32) * self.scale

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, IntegerBias):
            return NotImplemented
        return np.array_equal(self.codes, other.codes) and np.array_equal(self.scale, other.scale)

    __hash__ = None  # type: ignore[assignment]  # holds arrays


Activation = Quantizer | DynamicQuantizer
Replacements = dict[str, tuple[Quantizer | IntegerBias, np.ndarray]]


@dataclass(frozen=True)
class Plan:
    """Quantizers by tensor name, and the biases that follow from them.

    weights: tensor name -> Quantizer, also of a bias in a format without a scale. activations: the same, or a
    DynamicQuantizer where the range is found anew in each batch or sample. biases: tensor name -> IntegerBias.
    """

    weights: Mapping[str, Quantizer]
    activations: Mapping[str, Activation]
    biases: Mapping[str, IntegerBias]
    notices: tuple[Notice, ...]

    def replacements(self, model: Model, reuse: "Replacements | None" = None) -> dict[str, np.ndarray]:
        """Initializer name -> the float32 values the quantized network computes with.

        reuse: arrays of earlier plans; what has not changed comes back as the same array, so that its session is kept.
        """
        known = reuse if reuse is not None else {}
        for name, quantizer in self.weights.items():
            if name not in known or not same(known[name][0], quantizer):
                known[name] = quantizer, quantizer.fake_quantize(model.tensors[name].array())
        for name, bias in self.biases.items():
            if name not in known or not same(known[name][0], bias):
                known[name] = bias, bias.values
        return {name: known[name][1] for name in [*self.weights, *self.biases]}

    def transforms(self) -> dict[str, Callable[[np.ndarray], np.ndarray]]:
        """Activation name -> the function its readers see it through."""
        return {name: quantizer.fake_quantize for name, quantizer in self.activations.items()}


def same(one: object, other: object) -> bool:
    """Whether two quantizers, or two biases, do the same; quick where they are one object."""
    return one is other or one == other


def plan(model: Model, recipe: Recipe, former: Plan | None = None, *, float_biases: bool = False) -> Plan:
    """Work out a recipe for a model. former: a plan of the same model; what is as in it is not worked out again.

    float_biases: no bias becomes int32.
    Raises WorkbenchError for a tensor that the model does not have, that cannot be quantized, or whose shape does
    not fit its ranges, and for a weight with a dynamic range.
    """
    weights: dict[str, Quantizer] = {}
    activations: dict[str, Activation] = {}
    remarks: list[Notice] = []
    layer_weights = {layer.weight for layer in model.layers if layer.weight is not None}
    points = set(model.observed) | set(model.residual_inputs)
    held = layer_weights  # what has values of its own
    if not layer_weights | points >= recipe.keys():
        more = {name for name in unscaled_points(model) if name in recipe and is_unscaled(recipe[name].variation)}
        points, held = points | more, held | more.intersection(biases_of(model))
    for name, choice in recipe.items():
        if name in held:
            if choice.dynamic is not None:
                raise WorkbenchError(
                    f"weight {name!r} never changes, so that a dynamic range means nothing for it; take dynamic out"
                )
            quantizer = choice.quantizer
            if former is None or former.weights.get(name) is not quantizer:
                _check_groups(name, model.tensors[name].array().shape, quantizer)
            weights[name] = quantizer
        elif name in points:
            if choice.axis is not None and choice.variation.block_size is None:
                raise WorkbenchError(f"activation {name!r}: ranges per channel or block are for weights; use one range")
            dtype = model.tensors[name].dtype
            if dtype is not None and dtype != np.float32:
                raise WorkbenchError(
                    f"activation {name!r} of {model.name} is {dtype}; expected float32, which "
                    "quantizers take; convert the network to float32 first, or leave activations float"
                )
            activations[name] = quantizer_of_activation(choice)
            if choice.dynamic is not None and isinstance(activations[name], Quantizer):
                sentence = f"Activation {name!r}: {choice.format} has no threshold, so that nothing in it is dynamic."
                remarks.append(Notice("range", sentence))
        elif name in model.tensors:
            raise WorkbenchError(
                f"tensor {name!r} of {model.name} is no quantization point; expected a layer's weight, "
                "an activation that a layer reads, an input of a residual Add, or for formats without a scale (fp16) "
                "a bias or any float32 value that an operator reads"
            )
        else:
            raise WorkbenchError(f"recipe for {recipe.model_name}: {model.name} has no tensor {name!r}")
    if float_biases:
        return Plan(weights, activations, {}, tuple(remarks))
    biases, notices = _integer_biases(model, weights, activations, former)
    return Plan(weights, activations, biases, (*remarks, *notices, *_dynamic_biases(model, weights, activations)))


def quantizer_of_activation(choice: TensorChoice) -> Activation:
    """The quantizer of a choice; a dynamic one where the choice says so and the format has a threshold."""
    if choice.dynamic is None or not choice.variation.has_scale:
        return choice.quantizer
    return DynamicQuantizer(choice.variation, choice.dynamic, choice.symmetric, choice.zero_band)


def _check_groups(name: str, shape: tuple[int, ...], quantizer: Quantizer) -> None:
    quantizer.grouping.check(shape)
    if quantizer.axis is None or quantizer.format.block_size is not None:
        return
    expected = shape[quantizer.axis]
    if quantizer.block_size is not None:
        expected = int(np.prod(shape)) // quantizer.block_size
    if quantizer.n_groups != expected:
        raise WorkbenchError(
            f"weight {name!r} of shape {shape} has {expected} groups along axis {quantizer.axis}, "
            f"the recipe gives {quantizer.n_groups} ranges"
        )


def _dynamic_biases(
    model: Model, weights: Mapping[str, Quantizer], activations: Mapping[str, Activation]
) -> tuple[Notice, ...]:
    """One sentence on the biases that would be int32 if the input of their layer had a fixed scale."""
    dynamic = {name for name, quantizer in activations.items() if isinstance(quantizer, DynamicQuantizer)}
    layers = [
        layer
        for layer in model.layers
        if layer.bias is not None
        and layer.weight is not None
        and isinstance(getattr(weights.get(layer.weight), "format", None), IntegerFormat)
        and not dynamic.isdisjoint(layer.inputs)
    ]
    if not layers:
        return ()
    first = layers[0]
    others = f" (and those of {len(layers) - 1} more layers)" if len(layers) > 1 else ""
    sentence = f"bias {first.bias!r}{others} stays float: a dynamic input has no fixed scale."
    return (Notice("bias", sentence),)


def _integer_biases(
    model: Model, weights: Mapping[str, Quantizer], activations: Mapping[str, Activation], former: Plan | None
) -> tuple[dict[str, IntegerBias], tuple[Notice, ...]]:
    """int32 biases of layers whose weight and input both are integers; others stay float."""
    readers: dict[str, int] = {}
    for layer in model.layers:
        if layer.bias is not None:
            readers[layer.bias] = readers.get(layer.bias, 0) + 1
    biases: dict[str, IntegerBias] = {}
    notices: list[Notice] = []
    for layer in model.layers:
        if layer.bias is None or layer.bias in weights:
            continue
        if former is not None and layer.bias in former.biases and _as_before(layer, weights, activations, former):
            biases[layer.bias] = former.biases[layer.bias]
            continue
        scale = _bias_scale(layer, weights, activations)
        if scale is None:
            continue
        values = model.tensors[layer.bias].array()
        if readers[layer.bias] > 1:
            notices.append(Notice("bias", f"bias {layer.bias!r} is shared by several layers and stays float."))
        elif scale.ndim and values.shape != scale.shape:
            notices.append(
                Notice(
                    "bias", f"bias {layer.bias!r} of shape {values.shape} is not one value a channel and stays float."
                )
            )
        elif not np.isfinite(scale).all() or (scale < np.finfo(np.float32).tiny).any():
            notices.append(
                Notice("bias", f"bias {layer.bias!r}: the product of the scales is no normal number; it stays float.")
            )
        else:
            codes = np.rint(values.astype(np.float64) / scale.astype(np.float64))
            if np.isfinite(codes).all() and (np.abs(codes) <= _INT32.max).all():
                biases[layer.bias] = IntegerBias(codes.astype(np.int32), scale)
            else:
                notices.append(
                    Notice(
                        "bias", f"bias {layer.bias!r} does not fit int32 at the scale of its products and stays float."
                    )
                )
    return biases, tuple(notices)


def _as_before(
    layer: Layer, weights: Mapping[str, Quantizer], activations: Mapping[str, Activation], former: Plan
) -> bool:
    """Whether weight and inputs of a layer have the very quantizers of the former plan."""
    return weights.get(layer.weight or "") is former.weights.get(layer.weight or "") and all(
        activations.get(name) is former.activations.get(name) for name in layer.inputs
    )


def _bias_scale(
    layer: Layer, weights: Mapping[str, Quantizer], activations: Mapping[str, Activation]
) -> np.ndarray | None:
    """Scale of the products of a layer, float32 () or (channels,); None where they are no integers at one scale."""
    weight = weights.get(layer.weight or "")
    read = [activations[name] for name in layer.inputs if name in activations]
    if weight is None or len(read) != 1 or len(layer.inputs) != 1 or not isinstance(read[0], Quantizer):
        return None
    if not isinstance(weight.format, IntegerFormat) or not isinstance(read[0].format, IntegerFormat):
        return None
    if weight.block_size is not None or (weight.axis is not None and weight.axis != layer.weight_axis):
        return None
    return np.asarray(np.float32(read[0].scale) * np.asarray(weight.scale, np.float32), np.float32)
