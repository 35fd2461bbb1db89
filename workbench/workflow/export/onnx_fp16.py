"""Target `onnx_fp16`: the whole graph in true float16, inputs and outputs kept float32."""

from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from workbench.messages import Notice, WorkbenchError
from workbench.models.model import Model
from workbench.workflow.choose import weight_names
from workbench.workflow.data import Batches
from workbench.workflow.export.fp16_graph import to_float16
from workbench.workflow.export.selfcheck import check_file, deployed_error
from workbench.workflow.export.target import SelfCheck, Target
from workbench.workflow.recipe import Recipe


def refusals(model: Model, recipe: Recipe) -> tuple[str, ...]:
    """This target converts the whole graph: every entry must be fp16, and every weight must have one."""
    others = [name for name, choice in recipe.items() if choice.format != "fp16"]
    missing = [name for name in weight_names(model) if name not in recipe]
    way_out = "choose fp16 for the network, or export to onnx_qdq, which mixes formats"
    return tuple(
        [f"Tensor {name!r} is {recipe[name].format}; {way_out}." for name in others]
        + [f"Weight {name!r} stays float32; {way_out}." for name in missing]
    )


def write(model: Model, recipe: Recipe, path: Path) -> tuple[Notice, ...]:
    """The folded graph converted; deterministic."""
    proto, notices = to_float16(model.proto())
    path.write_bytes(proto.SerializeToString(deterministic=True))
    return notices


def check(model: Model, recipe: Recipe, path: Path, batches: Batches | None) -> SelfCheck:
    """Full check, weights equal to the recipe's bit for bit, and with data a run against float.

    bit_equal is None: onnxruntime's CPU computes float16 operators in float32, so outputs are not promised.
    """
    check_file(path)
    stored = {tensor.name: tensor for tensor in onnx.load(str(path)).graph.initializer}
    for name in weight_names(model):
        expected = recipe[name].quantizer.fake_quantize(model.tensors[name].array())
        limit = np.float32(np.finfo(np.float16).max)
        expected = np.clip(expected, -limit, limit)
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
    suffix=".onnx",
    refusals=refusals,
    write=write,
    check=check,
)
