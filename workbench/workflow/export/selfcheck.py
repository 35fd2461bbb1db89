"""The proof of a written ONNX file: full check, bit-equality with the simulation, and the default kernels' result."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort

from workbench.messages import Notice, WorkbenchError
from workbench.models.model import Model
from workbench.numerics.errors.sums import ErrorSums
from workbench.workflow.batches import Batches, Feeds, Outputs, Run, joined
from workbench.workflow.comparison import OutputError
from workbench.workflow.export.target import Order, SelfCheck
from workbench.workflow.simulate import Simulator, quantized_run


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


def opened_file(path: Path, options: ort.SessionOptions | None = None) -> Run:
    """A written file as a function of a feed; WorkbenchError where onnxruntime cannot load or run it.

    Where the file takes float16 and the feed is float32, feeds are rounded and answers are float32 again.
    """
    chosen = options or ort.SessionOptions()
    chosen.log_severity_level = 4
    with _refusing():
        session = ort.InferenceSession(str(path), chosen, providers=["CPUExecutionProvider"])
    names = [port.name for port in session.get_outputs()]
    halves = {port.name for port in session.get_inputs() if port.type == "tensor(float16)"}

    def run(feeds: Feeds) -> Outputs:
        rounded = {name: feeds[name].astype(np.float16) for name in halves if feeds[name].dtype == np.float32}
        with _refusing():
            answers = dict(zip(names, session.run(names, {**feeds, **rounded}), strict=True))
        if not rounded:
            return answers
        return {name: a.astype(np.float32) if a.dtype == np.float16 else a for name, a in answers.items()}

    return run


@contextlib.contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except Exception as error:  # onnxruntime's own exceptions share no base class but Exception
        raise WorkbenchError(f"onnxruntime cannot run the written file: {error}") from None


def equal_bits(a: np.ndarray, b: np.ndarray) -> int:
    """How many values of two arrays of one shape and dtype agree in all bits; NaN agrees with any NaN."""
    if a.shape != b.shape or a.dtype != b.dtype:
        return 0
    if a.dtype.kind != "f":
        return int((a == b).sum())
    as_integers = np.dtype(f"u{a.dtype.itemsize}")
    same = np.ascontiguousarray(a).view(as_integers) == np.ascontiguousarray(b).view(as_integers)
    return int((same | (np.isnan(a) & np.isnan(b))).sum())


def check_by_running(order: Order, path: Path, *, float_biases: bool = False) -> SelfCheck:
    """Full check; with data also bit-equality under `float_reading` and the result under default options.

    float_biases: the file is compared with a simulation in which no bias is quantized.
    """
    model, recipe, batches = order.model, order.recipe, order.batches
    check_file(path)
    if batches is None:
        notice = Notice("check", "No data was given, so the file was checked but not run; give data= to prove it.")
        return SelfCheck(notices=(notice,))
    first = batches.answers(model)[0]
    n_equal = n_values = 0
    answers: list[np.ndarray] = []
    runs = quantized_run(model, recipe, float_biases=float_biases), opened_file(path, float_reading())
    for simulated, written in batches.all_steps(*runs):
        for port in model.outputs:
            n_equal += equal_bits(simulated[port.name], written[port.name])
            n_values += np.size(simulated[port.name])
        answers.append(simulated[first])
    simulator = Simulator(model, batches)
    notices = []
    try:
        deployed = simulator.error_of(first, _answers(path, batches, first))
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
        simulated=simulator.error_of(first, joined(first, answers)),
        deployed=deployed,
        notices=tuple(notices),
    )


def deployed_error(model: Model, path: Path, batches: Batches) -> OutputError:
    """The first answer of a file under default options against the float network."""
    first = batches.answers(model)[0]
    return Simulator(model, batches).error_of(first, _answers(path, batches, first))


def simulated_answers(order: Order) -> np.ndarray:
    """The first answer of the simulation, of all steps of the order's data."""
    assert order.batches is not None
    name = order.batches.answers(order.model)[0]
    steps = order.batches.all_steps(quantized_run(order.model, order.recipe))
    return joined(name, [outputs[name] for (outputs,) in steps])


def distance_db(order: Order, path: Path) -> float:
    """SQNR of a file's first answer against the simulation's, under default options, dB."""
    assert order.batches is not None
    sums = ErrorSums()
    sums.add(simulated_answers(order), _answers(path, order.batches, order.batches.answers(order.model)[0]))
    return sums.sqnr_db


def _answers(path: Path, batches: Batches, name: str) -> np.ndarray:
    """One output of a file under default options, of all steps."""
    return joined(name, [outputs[name] for (outputs,) in batches.all_steps(opened_file(path))])
