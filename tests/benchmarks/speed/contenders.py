"""What runs in children: each function prepares (imports, inputs, compiled kernels) and returns what is measured.

All use one thread. onnxruntime's calibrators take no such option: their session is opened here with the options that
they give it (no optimisation) and one thread. They get one image at a time, as is usual.
"""

import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

import workbench as wb
from tests.benchmarks.networks import images
from workbench.models.sessions import session_options

Run = Callable[[], dict[str, Any]]


class Stopwatch:
    """Seconds of the parts of a run, by name."""

    def __init__(self) -> None:
        self.parts: dict[str, float] = {}
        self._last = time.perf_counter()

    def part(self, name: str) -> None:
        now = time.perf_counter()
        self.parts[name], self._last = now - self._last, now


def _compile_kernels() -> None:
    """By a calibration and a sweep of the built-in network, which is small."""
    model = wb.demo.model()
    calibration = wb.calibrate(model, wb.demo.data()[0][:2])
    for histogram in calibration.values():
        wb.sweep(histogram, "uint8").kl  # noqa: B018
    for tensor in model.tensors.values():
        if tensor.kind == "weight":
            tensor.distribution()


def inference(model: str, n: int, default_options: bool) -> Run:
    """Plain inference, one image at a time; the arena and batches of 4 and 8 were not faster."""
    options = session_options()
    if default_options:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    pictures = images(n)
    session.run(None, {"image": pictures[:1]})

    def run() -> dict[str, Any]:
        for i in range(n):
            session.run(None, {"image": pictures[i : i + 1]})
        return {}

    return run


def calibrate(model: str, n: int) -> Run:
    """`calibrate` of a model whose sessions are there, as those of plain inference are."""
    loaded, pictures = wb.load(model), images(n)
    wb.calibrate(loaded, pictures[:2])

    def run() -> dict[str, Any]:
        calibration = wb.calibrate(loaded, pictures)
        return {"n_tensors": len(calibration), "n_values": sum(h.count for h in calibration.values())}

    return run


def load_and_calibrate(model: str, n: int) -> Run:
    """From the file, as onnxruntime's calibrators begin."""
    return _from_the_file(model, n, lambda *_: {})


def everything(model: str, n: int) -> Run:
    """Calibration, KL at all thresholds of every activation, and the exact sums of every weight."""

    def rest(loaded: Any, calibration: Any, watch: Stopwatch) -> dict[str, Any]:
        curves = [wb.sweep(histogram, "uint8").kl for histogram in calibration.values()]
        watch.part("sweeps")
        weights = [tensor.distribution() for tensor in loaded.tensors.values() if tensor.kind == "weight"]
        watch.part("weights")
        return {"n_curves": len(curves), "n_weights": len(weights)}

    return _from_the_file(model, n, rest)


def _from_the_file(model: str, n: int, rest: Callable[[Any, Any, Stopwatch], dict[str, Any]]) -> Run:
    """Load, calibrate, and what comes after."""
    _compile_kernels()
    pictures = images(n)

    def run() -> dict[str, Any]:
        watch = Stopwatch()
        loaded = wb.load(model)
        watch.part("load")
        calibration = wb.calibrate(loaded, pictures)
        watch.part("calibrate")
        return {"n_tensors": len(calibration), **rest(loaded, calibration, watch), "parts": watch.parts}

    return run


def stream(model: str, n: int, batch: int) -> Run:
    """Calibration of a small network on n samples that are made as they are needed."""
    _compile_kernels()

    class Feeds:
        def __iter__(self) -> Iterator[dict[str, np.ndarray]]:
            for start in range(0, n, batch):
                rng = np.random.default_rng(start)
                yield {"image": rng.standard_normal((batch, 3, 64, 64)).astype(np.float32)}

    def run() -> dict[str, Any]:
        return {"n_samples": wb.calibrate(wb.load(model), Feeds()).n_samples}

    return run


class _Reader:
    """onnxruntime's CalibrationDataReader: one image at a time."""

    def __init__(self, pictures: np.ndarray) -> None:
        self._feeds = iter([{"image": pictures[i : i + 1]} for i in range(len(pictures))])

    def get_next(self) -> dict[str, np.ndarray] | None:
        return next(self._feeds, None)


def _calibrators_of_one_thread() -> Any:
    """onnxruntime's module of calibrators, its sessions with one thread."""
    from onnxruntime.quantization import calibrate

    def create_inference_session(self: Any) -> None:
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.intra_op_num_threads = 1
        path, providers = self.augmented_model_path, self.execution_providers
        self.infer_session = onnxruntime.InferenceSession(path, sess_options=options, providers=providers)

    calibrate.CalibraterBase.create_inference_session = create_inference_session
    return calibrate


def calibrator(model: str, n: int, method: str, options: dict[str, Any]) -> Run:
    """One of onnxruntime's calibrators, by the name of its method, on all tensors as it does by default."""
    module, pictures = _calibrators_of_one_thread(), images(n)

    def run() -> dict[str, Any]:
        with tempfile.TemporaryDirectory() as folder:
            watch = Stopwatch()
            made = module.create_calibrator(
                Path(model),
                augmented_model_path=str(Path(folder) / "augmented.onnx"),
                calibrate_method=module.CalibrationMethod[method],
                extra_options=options,
            )
            watch.part("create")
            made.collect_data(_Reader(pictures))
            watch.part("collect")
            found = made.compute_data()
            watch.part("compute")
            return {"n_tensors": len(found.keys()), "parts": watch.parts}

    return run


def quantize_static(model: str, n: int) -> Run:
    """onnxruntime's `quantize_static` with Entropy, which has no option for more than 128 bins."""
    module, pictures = _calibrators_of_one_thread(), images(n)
    from onnxruntime.quantization.quantize import quantize_static as quantize

    def run() -> dict[str, Any]:
        with tempfile.TemporaryDirectory() as folder:
            method = module.CalibrationMethod.Entropy
            quantize(model, Path(folder) / "int8.onnx", _Reader(pictures), calibrate_method=method)
            return {}

    return run


def sorted_sums(n: int) -> Run:
    """Set-up of exact sums."""
    values = np.random.default_rng(n).normal(size=n).astype(np.float32)
    wb.SortedSums.of(values[:1000])

    def run() -> dict[str, Any]:
        return {"count": wb.SortedSums.of(values).count}

    return run
