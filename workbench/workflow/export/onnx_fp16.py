"""Target `onnx_fp16`: the whole graph in true float16, inputs and outputs kept float32."""

from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from workbench.messages import Notice, WorkbenchError
from workbench.models.model import Model
from workbench.workflow.batches import Batches
from workbench.workflow.choice import TensorChoice
from workbench.workflow.choose import weight_names
from workbench.workflow.export.fp16_graph import to_float16
from workbench.workflow.export.selfcheck import check_file, deployed_error
from workbench.workflow.export.target import SelfCheck, Target
from workbench.workflow.recipe import Recipe

LARGEST = np.float32(np.finfo(np.float16).max)


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


def write(model: Model, recipe: Recipe, path: Path) -> tuple[Notice, ...]:
    """The folded graph converted; deterministic."""
    varied = [name for name in weight_names(model) if _is_varied(recipe[name])]
    proto, notices = to_float16(model.proto(), replacements={name: _stored(model, recipe, name) for name in varied})
    path.write_bytes(proto.SerializeToString(deterministic=True))
    return notices


def _stored(model: Model, recipe: Recipe, name: str) -> np.ndarray:
    """float32 values of a weight in the file, all of them numbers of float16."""
    return np.clip(recipe[name].quantizer.fake_quantize(model.tensors[name].array()), -LARGEST, LARGEST)


def check(model: Model, recipe: Recipe, path: Path, batches: Batches | None) -> SelfCheck:
    """Full check, weights equal to the recipe's bit for bit, and with data a run against float.

    bit_equal is None: onnxruntime's CPU computes float16 operators in float32, so outputs are not promised.
    """
    check_file(path)
    stored = {tensor.name: tensor for tensor in onnx.load(str(path)).graph.initializer}
    for name in weight_names(model):
        expected = _stored(model, recipe, name)
        found = numpy_helper.to_array(stored[name]) if name in stored else None
        if found is None or not np.array_equal(found.astype(np.float32), expected, equal_nan=True):
            raise WorkbenchError(f"weight {name!r} in the written file is not the recipe's; nothing was kept")
    words = "Weights are equal to the recipe's in all bits; onnxruntime's CPU computes float16 operators in float32, "
    promise = Notice("check", words + "so the outputs are measured, not promised.")
    if batches is None:
        return SelfCheck(notices=(promise, Notice("check", "No data was given, so the file was not run.")))
    return SelfCheck(deployed=deployed_error(model, path, batches), notices=(promise,))


ONNX_FP16 = Target(
    name="onnx_fp16",
    title="ONNX in float16",
    runs_on="ONNX fp16",
    suffix=".onnx",
    refusal=refusal,
    write=write,
    check=check,
)
