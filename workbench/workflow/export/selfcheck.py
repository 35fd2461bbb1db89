"""The proof of a written ONNX file: full check, bit-equality with the simulation, and the default kernels' result."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort

from workbench.messages import Notice, WorkbenchError
from workbench.models.model import Model
from workbench.workflow.comparison import OutputError
from workbench.workflow.data import Batches
from workbench.workflow.export.target import SelfCheck
from workbench.workflow.recipe import Recipe
from workbench.workflow.simulate import Simulator, joined, quantized_outputs

Outputs = dict[str, np.ndarray]


def check_file(path: Path) -> None:
    """onnx's full check; WorkbenchError with its finding where the file fails it."""
    try:
        onnx.checker.check_model(str(path), full_check=True)
    except Exception as error:  # the checker raises several types, all of them are a failed check
        raise WorkbenchError(f"the written file fails onnx's full check, nothing was kept: {error}") from None


def float_reading() -> ort.SessionOptions:
    """Options under which onnxruntime computes QDQ in float, operator by operator as the simulation does."""
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.add_session_config_entry("session.disable_quant_qdq", "1")
    options.add_session_config_entry("session.qdq_matmulnbits_accuracy_level", "1")
    options.intra_op_num_threads = 1
    return options


def run_file(path: Path, batches: Batches, options: ort.SessionOptions | None = None) -> Iterator[Outputs]:
    """Outputs by name for each feed; WorkbenchError where onnxruntime cannot load or run the file."""
    chosen = options or ort.SessionOptions()
    chosen.log_severity_level = 4
    try:
        session = ort.InferenceSession(str(path), chosen, providers=["CPUExecutionProvider"])
        names = [port.name for port in session.get_outputs()]
        for feeds in batches:
            yield dict(zip(names, session.run(names, dict(feeds)), strict=True))
    except Exception as error:  # onnxruntime's own exceptions share no base class but Exception
        raise WorkbenchError(f"onnxruntime cannot run the written file: {error}") from None


def equal_bits(a: np.ndarray, b: np.ndarray) -> int:
    """How many values of two arrays of one shape and dtype agree in all bits."""
    if a.shape != b.shape or a.dtype != b.dtype:
        return 0
    if a.dtype.kind != "f":
        return int((a == b).sum())
    as_integers = np.dtype(f"u{a.dtype.itemsize}")
    return int((np.ascontiguousarray(a).view(as_integers) == np.ascontiguousarray(b).view(as_integers)).sum())


def check_by_running(model: Model, recipe: Recipe, path: Path, batches: Batches | None) -> SelfCheck:
    """Full check; with data also bit-equality under `float_reading` and the result under default options."""
    check_file(path)
    if batches is None:
        notice = Notice("check", "No data was given, so the file was checked but not run; give data= to prove it.")
        return SelfCheck(notices=(notice,))
    simulator = Simulator(model, batches)
    simulated = _collect(quantized_outputs(model, recipe, batches), model)
    written = _collect(run_file(path, batches, float_reading()), model)
    n_equal = sum(equal_bits(simulated[name], written[name]) for name in simulated)
    n_values = sum(values.size for values in simulated.values())
    first = model.outputs[0].name
    notices = []
    try:
        deployed = simulator.error_of(first, _collect(run_file(path, batches), model)[first])
    except WorkbenchError as refused:
        # its fusions are made for int8: a QLinearConv of fp8, for example, is written and then refused by itself
        words = "Under default options onnxruntime refuses this file; load it with session.disable_quant_qdq=1"
        notices.append(Notice("check", f"{words}. It says: {refused}"))
        deployed = None
    if n_equal < n_values:
        sentence = f"{n_values - n_equal} of {n_values} output values differ from the simulation."
        notices.append(Notice("check", sentence))
    return SelfCheck(
        bit_equal=n_equal / n_values,
        simulated=simulator.error_of(first, simulated[first]),
        deployed=deployed,
        notices=tuple(notices),
    )


def deployed_error(model: Model, path: Path, batches: Batches) -> OutputError:
    """The first output of a file under default options against the float network."""
    first = model.outputs[0].name
    return Simulator(model, batches).error_of(first, _collect(run_file(path, batches), model)[first])


def _collect(results: Iterator[Mapping[str, np.ndarray]], model: Model) -> Outputs:
    parts: dict[str, list[np.ndarray]] = {port.name: [] for port in model.outputs}
    for result in results:
        for name, values in parts.items():
            values.append(np.asarray(result[name]))
    return {name: joined(name, values) for name, values in parts.items()}
