"""Target `ort_overrides`: what makes onnxruntime's own quantize_static write our scales and zero points.

One JSON file is at once its calibration cache (it passes over further keys) and holds, as plain JSON, the
TensorQuantOverrides, which give scales and zero points exactly, and the other arguments of the call. JSON has no numpy
numbers and no QuantType, which the tool wants; `CALL` makes them.
The names and weights are those of the network after its BatchNorm was folded; the option `network` writes that network
beside the file, for the tool to start from.
Source: onnxruntime 1.31, quantization/quantize.py (quantize_static: calibration_cache_path, extra_options).
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

from workbench.messages import Notice
from workbench.models.model import Layer
from workbench.numerics.quantizer import Quantizer
from workbench.workflow.choice import TensorChoice
from workbench.workflow.choose import weight_names
from workbench.workflow.export.range_check import check_read_back
from workbench.workflow.export.saving import save_network
from workbench.workflow.export.target import Order, SelfCheck, Target
from workbench.workflow.files import beside
from workbench.workflow.plan import plan
from workbench.workflow.ranges import onnxruntime_cache
from workbench.workflow.ranges.covering import code_range
from workbench.workflow.ranges.onnxruntime_cache import OVERRIDES, QUANT_TYPES

_TYPES = {format: kind for kind, format in QUANT_TYPES.items()}
WEIGHTED = ["Conv", "ConvTranspose", "Gemm", "MatMul"]
CALL = """\
import json, pathlib, numpy as np, onnxruntime.quantization as q
document = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
kinds = {"scale": np.float32, "zero_point": np.int32}; kind = q.QuantType.from_string
made = {n: [{k: np.array(v, kinds[k]) if k in kinds else kind(v) if k == "quant_type" else v for k, v in e.items()}
            for e in entries] for n, entries in document["TensorQuantOverrides"].items()}
options, arguments = {**document["extra_options"], "TensorQuantOverrides": made}, document["arguments"]
q.quantize_static(network, output, None, calibration_cache_path=path, extra_options=options, **arguments)
"""


def refusal(choice: TensorChoice | None, *, is_weight: bool) -> str | None:
    """8 and 16 bit integers; one range a tensor, weights symmetric and also per channel."""
    if choice is None:
        return None
    nearest = "int16" if choice.variation.bits > 8 else "int8"
    if choice.format not in _TYPES:
        return f"quantize_static takes {', '.join(_TYPES)}, not {choice.format}; nearest is {nearest}"
    reasons = []
    if choice.dynamic is not None:
        reasons.append("its ranges are fixed")
    if choice.rounding != "nearest_even":
        reasons.append(f"it rounds to nearest even, not {choice.rounding}")
    if choice.zero_band:
        reasons.append("it has no zero band")
    if choice.block_size is not None:
        reasons.append("its scales are of channels, not of blocks")
    if is_weight and (choice.format not in ("int8", "int16") or np.any(choice.quantizer.zero_point)):
        reasons.append("its weights are signed and symmetric")
    return f"{', and '.join(reasons)}; nearest is {nearest} without these" if reasons else None


def write(order: Order, path: Path) -> tuple[Notice, ...]:
    """The JSON file, and beside it the folded network where that is asked for."""
    weights, recipe = set(weight_names(order.model)), order.recipe
    taken, notices = _taken(order)
    floats = _float_biases(order, taken)
    if floats:
        words = "does not become int32 here, the tool would cut it off: it leaves all biases float (QuantizeBias)"
        notices = (*notices, Notice("bias", f"Bias {floats[0]!r} {words}."))
    arguments: dict[str, Any] = {"per_channel": any(recipe[n].axis is not None for n in recipe if n in weights)}
    arguments |= {"op_types_to_quantize": sorted({layer.node.op_type for layer in taken}) or WEIGHTED}
    arguments |= {"nodes_to_quantize": [layer.node.name for layer in taken]}
    options = {
        "OpTypesToExcludeOutputQuantization": sorted({*WEIGHTED, *arguments["op_types_to_quantize"]}),
        "QDQDisableWeightAdjustForInt32Bias": True,
        "QuantizeBias": not floats,
    }
    document = {
        "CLS": "TensorsData",
        "data": {order.name(n): _observed(c.quantizer) for n, c in recipe.items() if n not in weights},
        "calibration_method": {"CLS": "CalibrationMethod", "value": "CalibrationMethod.MinMax"},
        "smooth_quant": False,
        OVERRIDES: {order.name(n): _overrides(c) for n, c in recipe.items()},
        "arguments": arguments,
        "extra_options": options,
        "call": CALL.splitlines(),
    }
    if order.options.get("network"):
        place = beside(path, order.model.sha256, ".onnx")
        save_network(order.model.proto(), place)
        document["network"] = place.name
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return notices


def _taken(order: Order) -> tuple[list[Layer], tuple[Notice, ...]]:
    """Layers that the tool is to quantize: those whose weight and inputs all have an entry; others as remarks."""
    recipe = order.recipe
    read = [tuple(n for n in (*layer.inputs, layer.weight) if n is not None) for layer in order.model.layers]
    taken = [layer for layer, names in zip(order.model.layers, read, strict=True) if all(n in recipe for n in names)]
    reached = {name for layer in taken for name in (*layer.inputs, layer.weight)}
    left = [name for name in recipe if name not in reached]
    notices = [Notice("call", f"Give the file to the tool so (path, network, output are yours):\n{CALL}")]
    if left:
        words = "has a range, but no layer whose weight and inputs all have one: quantize_static leaves it float"
        more = f" (and {len(left) - 1} more tensors)" if len(left) > 1 else ""
        notices.append(Notice("ranges", f"{left[0]!r}{more} {words}."))
    if order.model.renamed and not order.options.get("network"):
        words = "Names and weights are those after BatchNorm was folded: start the tool from that network"
        notices.append(Notice("names", f"{words}, which network=True writes beside the file."))
    return taken, tuple(notices)


def _float_biases(order: Order, taken: list[Layer]) -> list[str]:
    """Biases of these layers that are no int32 in our plan."""
    known = plan(order.model, order.recipe).biases
    return [layer.bias for layer in taken if layer.bias is not None and layer.bias not in known]


def _observed(quantizer: Quantizer) -> dict[str, Any]:
    """Lowest and highest value in the tool's own writing; the overrides say more exactly what they mean."""
    ends = zip(("lowest", "highest"), map(np.float32, code_range(quantizer)), strict=True)
    numbers = {field: {"data": float(end), "dtype": "float32", "CLS": "numpy.array"} for field, end in ends}
    return {**numbers, "CLS": "TensorData"}


def _overrides(choice: TensorChoice) -> list[dict[str, Any]]:
    """One object for the tensor, or one a channel."""
    quantizer = choice.quantizer
    scales = np.asarray(quantizer.scale, np.float32).reshape(-1).tolist()
    points = np.asarray(quantizer.zero_point).reshape(-1).tolist()
    placed = {} if quantizer.axis is None else {"axis": quantizer.axis}
    kind = {"quant_type": _TYPES[choice.format]}
    return [{**kind, "scale": s, "zero_point": z, **placed} for s, z in zip(scales, points, strict=True)]


def check(order: Order, path: Path) -> SelfCheck:
    return check_read_back(order, path, onnxruntime_cache.read)


ORT_OVERRIDES = Target(
    name="ort_overrides",
    title="onnxruntime calibration cache and overrides",
    runs_on="onnxruntime's quantize_static",
    suffix=".json",
    refusal=refusal,
    write=write,
    check=check,
    kind="ranges",
    named="tensors",
    profile="onnxruntime",
    read=onnxruntime_cache.read,
    options={"network": "True: the network the names belong to (BatchNorm folded) is written beside the file"},
)
