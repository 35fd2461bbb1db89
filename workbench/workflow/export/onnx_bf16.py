"""Target `onnx_bf16`: the whole graph in true bfloat16, inputs and outputs kept float32."""

from pathlib import Path

import ml_dtypes
import numpy as np
from onnx import TensorProto

from workbench.messages import Notice, WorkbenchError
from workbench.numerics.formats.catalogue import FORMATS
from workbench.workflow.choice import TensorChoice
from workbench.workflow.choose import weight_names
from workbench.workflow.export.fp16_graph import HalfType, to_float16
from workbench.workflow.export.saving import save_network, stored_constants
from workbench.workflow.export.selfcheck import check_file, deployed_error, simulated_answers
from workbench.workflow.export.target import Order, SelfCheck, Target
from workbench.workflow.simulate import Simulator

LARGEST = np.float32(FORMATS["bf16"].largest)
SMALLEST = np.float32(2.0**-133)
OPSET = 22  # Conv and pooling know bfloat16 from here on


class BfloatRounding:
    """Rounds constants to bfloat16, to nearest, ties to even, never to infinity.

    A single number (rank 0 or 1) that is not zero does not become zero: an epsilon must keep a division finite.
    refuse: not asked for, the range is that of float32 but for its last 0.2 %.
    """

    def __init__(self, *, refuse: bool = False) -> None:
        self._clamped: list[str] = []

    def __call__(self, name: str, array: np.ndarray) -> np.ndarray:
        """`array` float32 as bfloat16, the same shape."""
        values = np.asarray(array, np.float32)
        kept = np.clip(values, -LARGEST, LARGEST, where=np.isfinite(values), out=values.copy())
        if (kept != values).any() and not np.isnan(values).any():
            self._clamped.append(name)
        if values.size == 1 and values.ndim <= 1 and values.any() and abs(values.item()) < SMALLEST:
            kept = np.copysign(np.full_like(values, SMALLEST), values)
        return kept.astype(ml_dtypes.bfloat16)

    def notices(self) -> tuple[Notice, ...]:
        """Which tensors held finite numbers beyond the largest one, 3.39e38."""
        if not self._clamped:
            return ()
        names = ", ".join(map(repr, self._clamped[:5])) + (" ..." if len(self._clamped) > 5 else "")
        return (Notice("range", f"{names}: values beyond bfloat16's largest number became +-3.39e38."),)


BFLOAT16 = HalfType(TensorProto.BFLOAT16, "tensor(bfloat16)", "bfloat16", BfloatRounding, narrow=False)


def refusal(choice: TensorChoice | None, *, is_weight: bool) -> str | None:
    """This target converts the whole graph: every entry must be bf16, and every weight must have one.

    Weights are stored, so that they may be rounded in any mode and pruned. Activations are rounded by the operators:
    to nearest even, to infinity beyond the largest number.
    """
    way_out = "choose bf16 for the network, or the target onnx_float, which mixes formats"
    if choice is None:
        return f"it stays float32; {way_out}" if is_weight else None
    if choice.format != "bf16":
        return f"it is {choice.format}; {way_out}"
    format = choice.variation
    varied = format.rounding != "nearest_even" or format.overflow == "saturate" or choice.zero_band > 0
    if not is_weight and varied:
        words = "bfloat16 operators round to nearest even, overflow to infinity and have no zero band"
        return f"{words}; nearest is bf16 as it comes"
    return None


def write(order: Order, path: Path) -> tuple[Notice, ...]:
    """The folded graph converted; deterministic."""
    model, notices = order.model, []
    try:
        source = model.proto(opset=OPSET)
    except WorkbenchError:
        source = model.proto()
        words = f"The network stays at opset {model.opset}, below {OPSET}: more operators stay float32 than need be."
        notices.append(Notice("opset", words))
    weights = weight_names(model)
    stored = {name: _stored(order, name) for name in weights}
    proto, remarks = to_float16(source, replacements=stored, rounded=frozenset(weights), half=BFLOAT16)
    save_network(proto, path)
    return (*notices, *remarks)


def _stored(order: Order, name: str) -> np.ndarray:
    """float32 values of a weight in the file, all of them numbers of bfloat16; infinities of the model stay."""
    values = order.model.tensors[name].array()
    rounded = order.recipe[name].quantizer.fake_quantize(values)
    return np.where(np.isinf(values), rounded, np.clip(rounded, -LARGEST, LARGEST))


def check(order: Order, path: Path) -> SelfCheck:
    """Full check, weights equal to the recipe's bit for bit; with data the simulation, and a run where there is one.

    bit_equal is None: a device rounds after every operator, in an order of sums of its own.
    """
    model, batches = order.model, order.batches
    check_file(path)
    missing = dict.fromkeys(weight_names(model))
    for name, found in stored_constants(path):
        if name in missing and np.array_equal(found.astype(np.float32), _stored(order, name), equal_nan=True):
            del missing[name]
    for name in missing:
        raise WorkbenchError(f"weight {name!r} in the written file is not the recipe's; nothing was kept")
    notices = [Notice("check", "Weights are equal to the recipe's in all bits; outputs are not promised.")]
    if batches is None:
        return SelfCheck(notices=(*notices, Notice("check", "No data was given, so the file was not run.")))
    deployed = None
    try:
        deployed = deployed_error(model, path, batches)
    except WorkbenchError as refused:
        words = "onnxruntime's CPU has not all of these operators in bfloat16, so the file was not run"
        notices.append(Notice("check", f"{words}; the figures are those of the simulation. It says: {refused}"))
    simulated = Simulator(model, batches).error_of(batches.answers(model)[0], simulated_answers(order))
    return SelfCheck(simulated=simulated, deployed=deployed, notices=tuple(notices))


ONNX_BF16 = Target(
    name="onnx_bf16",
    title="ONNX in bfloat16",
    runs_on="ONNX bf16",
    suffix=".onnx",
    refusal=refusal,
    write=write,
    check=check,
)
