"""Profile `tensorrt`: symmetric int8 and fp8, int4 weights in blocks, no zero points, biases in float."""

from workbench.workflow.profiles.profile import Accumulation, Profile, Requantization
from workbench.workflow.profiles.side import Side

TENSORRT = Profile(
    name="tensorrt",
    title="TensorRT",
    runs_on="TensorRT",
    weights=Side(
        ("int8", "fp8_e4m3", "int4", "fp16", "bf16"),
        groupings=("tensor", "channel"),
        grouped={"int4": ("block",), "fp16": ("tensor",), "bf16": ("tensor",)},
        zero_points="none",
    ),
    activations=Side(("int8", "fp8_e4m3", "fp16", "bf16"), zero_points="none", rounding="nearest_even"),
    accumulation=Accumulation(),
    requantization=Requantization("to nearest even, factor in float32"),
    bias="float",
    sources=("NVIDIA TensorRT documentation, Working with Quantized Types: symmetric quantization, INT8, FP8, INT4",),
)
