"""The steps of the built-in network computed by PyTorch, for training alone; the workbench runs the ONNX files."""

from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

from workbench.demo.architecture import Step


def forward(
    torch: ModuleType, steps: Sequence[Step], parameters: Mapping[str, Any], image: Any, *, training: bool = False
) -> Any:
    """Logits, a float32 torch tensor (n, 10), of pictures (n, 1, 8, 8).

    parameters: parameter name -> torch tensor.
    training: BatchNormalization uses the batch's own statistics and updates the running ones in place.
    """
    values = {"image": image}
    for step in steps:
        inputs = [values[name] for name in step.inputs]
        weights = [parameters[name] for name in step.parameter_names]
        values[step.output] = _computed(torch, step, inputs, weights, training)
    return values["logits"]


def _computed(torch: ModuleType, step: Step, x: list[Any], p: list[Any], training: bool) -> Any:
    functional, attributes = torch.nn.functional, step.attributes
    match step.operator:
        case "Conv":
            geometry = {"stride": attributes["strides"], "padding": attributes["pads"][:2]}
            return functional.conv2d(x[0], *p, **geometry, groups=attributes["group"])
        case "BatchNormalization":
            weight, bias, mean, variance = p
            return functional.batch_norm(x[0], mean, variance, weight, bias, training, eps=attributes["epsilon"])
        case "Relu":
            return functional.relu(x[0])
        case "Sigmoid":
            return torch.sigmoid(x[0])
        case "Add":
            return x[0] + x[1]
        case "Mul":
            return x[0] * x[1]
        case "Concat":
            return torch.cat(x, dim=attributes["axis"])
        case "MaxPool":
            return functional.max_pool2d(x[0], attributes["kernel_shape"], attributes["strides"])
        case "GlobalAveragePool":
            return x[0].mean(dim=(2, 3), keepdim=True)
        case "Flatten":
            return x[0].flatten(1)
        case "Gemm":
            return functional.linear(x[0], *p)
    raise NotImplementedError(f"step {step.name!r}: no PyTorch counterpart of operator {step.operator!r}")
