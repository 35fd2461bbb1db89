"""Target `onnx_fp16`: the whole graph in true float16, with float32 where the order's options ask for it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from workbench.messages import Notice, WorkbenchError
from workbench.models.model import Model
from workbench.workflow.choice import TensorChoice
from workbench.workflow.choose import weight_names
from workbench.workflow.every_operator import computed_values
from workbench.workflow.export.fp16_constants import refuse_overflow
from workbench.workflow.export.fp16_graph import to_float16
from workbench.workflow.export.saving import save_network, stored_constants
from workbench.workflow.export.selfcheck import check_file, deployed_error, distance_db
from workbench.workflow.export.target import Order, SelfCheck, Target
from workbench.workflow.recipe import Recipe

LARGEST = np.float32(np.finfo(np.float16).max)
MEANINGS = {
    "keep_io_types": "True (default): inputs and outputs stay float32; False: they are float16 too",
    "keep_float": "operator types or node names that compute in float32, their weights being numbers of float16",
    "overflow": "'clamp' (default): constants beyond +-65504 are stored as that; 'refuse': an error names the tensor",
}


@dataclass(frozen=True)
class Options:
    """What an order may ask of this target, see MEANINGS."""

    keep_io_types: bool = True
    keep_float: tuple[str, ...] = ()
    overflow: Literal["clamp", "refuse"] = "clamp"

    @classmethod
    def of(cls, asked: Mapping[str, Any]) -> "Options":
        """WorkbenchError where an option is of the wrong kind."""
        kept = asked.get("keep_float", ())
        chosen = cls(**{**asked, "keep_float": (kept,) if isinstance(kept, str) else _names(kept)})
        if not isinstance(chosen.keep_io_types, bool):
            raise WorkbenchError(f"keep_io_types is {chosen.keep_io_types!r}; expected True or False")
        if chosen.overflow not in ("clamp", "refuse"):
            raise WorkbenchError(f"overflow is {chosen.overflow!r}; expected 'clamp' or 'refuse'")
        return chosen


def _names(kept: Any) -> tuple[str, ...]:
    try:
        names = tuple(kept)
    except TypeError:
        names = (None,)
    if not all(isinstance(name, str) for name in names):
        raise WorkbenchError(f"keep_float is {kept!r}; expected operator types or names of nodes, as texts")
    return names


def refusal(choice: TensorChoice | None, *, is_weight: bool) -> str | None:
    """This target converts the whole graph: every entry must be fp16, and every weight must have one.

    Weights are stored, so that they may be rounded in any mode and pruned; what lies beyond +-65504 is stored as that.
    Activations are rounded by the operators: to nearest even, to infinity beyond the largest number.
    """
    way_out = "choose fp16 for the network, or the target onnx_qdq, which mixes formats"
    if choice is None:
        return f"it stays float32; {way_out}" if is_weight else None
    if choice.format != "fp16":
        return f"it is {choice.format}; {way_out}"
    if not is_weight and _is_varied(choice):
        return (
            "float16 operators round to nearest even, overflow to infinity and have no zero band; nearest is fp16 as "
            "it comes"
        )
    return None


def _is_varied(choice: TensorChoice) -> bool:
    """Whether values may become others than by the conversion to float16 (IEEE's overflow to nearest is infinity)."""
    format = choice.variation
    return format.rounding != "nearest_even" or format.overflow == "saturate" or choice.zero_band > 0


def write(order: Order, path: Path) -> tuple[Notice, ...]:
    """The folded graph converted; deterministic."""
    model, recipe, options = order.model, order.recipe, Options.of(order.options)
    source, weights = model.proto(), weight_names(model)
    known = {name for node in source.graph.node for name in (node.name, node.op_type)}
    for name in options.keep_float:
        if name not in known:
            raise WorkbenchError(f"keep_float: {model.name} has no operator type and no node {name!r}")
    varied = [name for name in weights if _is_varied(recipe[name])]
    if options.overflow == "refuse":
        for name in varied:
            refuse_overflow(name, model.tensors[name].array())
    proto, notices = to_float16(
        source,
        replacements={name: _stored(model, recipe, name) for name in varied},
        rounded=frozenset(weights),
        keep_float=options.keep_float,
        keep_io_types=options.keep_io_types,
        refuse_overflow=options.overflow == "refuse",
    )
    save_network(proto, path)
    return notices


def _stored(model: Model, recipe: Recipe, name: str) -> np.ndarray:
    """float32 values of a weight in the file, all of them numbers of float16; infinities of the model stay."""
    values = model.tensors[name].array()
    rounded = recipe[name].quantizer.fake_quantize(values)
    return np.where(np.isinf(values), rounded, np.clip(rounded, -LARGEST, LARGEST))


def check(order: Order, path: Path) -> SelfCheck:
    """Full check, weights equal to the recipe's bit for bit, and with data a run against float.

    bit_equal is None: onnxruntime's CPU computes float16 operators in float32, so outputs are not promised.
    """
    model, recipe, batches = order.model, order.recipe, order.batches
    check_file(path)
    missing = dict.fromkeys(weight_names(model))
    for name, found in stored_constants(path):
        if name in missing and np.array_equal(found.astype(np.float32), _stored(model, recipe, name), equal_nan=True):
            del missing[name]
    for name in missing:
        raise WorkbenchError(f"weight {name!r} in the written file is not the recipe's; nothing was kept")
    words = "Weights are equal to the recipe's in all bits; onnxruntime's CPU computes float16 operators in float32, "
    promise = Notice("check", words + "so the outputs are measured, not promised.")
    if batches is None:
        return SelfCheck(notices=(promise, Notice("check", "No data was given, so the file was not run.")))
    notices = (promise, *_distance(order, path))
    return SelfCheck(deployed=deployed_error(model, path, batches), notices=notices)


def _distance(order: Order, path: Path) -> tuple[Notice, ...]:
    """How far the run of the file lies from the simulation of a recipe that rounds after every operator."""
    if not set(computed_values(order.model)) <= order.recipe.keys():
        return ()
    words = "Rounding after every operator was simulated; onnxruntime's CPU leaves out roundings between operators, and"
    return (Notice("check", f"{words} its run lies {distance_db(order, path):.1f} dB from the simulation."),)


ONNX_FP16 = Target(
    name="onnx_fp16",
    title="ONNX in float16",
    runs_on="ONNX fp16",
    suffix=".onnx",
    refusal=refusal,
    write=write,
    check=check,
    options=MEANINGS,
)
