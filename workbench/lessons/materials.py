"""Files that lessons work on: a folder for them, pictures as PNG with a table of labels, a small recurrent network."""

import shlex
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from workbench.demo import data
from workbench.lessons.solved import FILE
from workbench.messages import WorkbenchError

N_UNITS, N_TAUGHT = 48, 300
INK = (1.0, 0.6, 0.2)  # red, green, blue
_OPSET, _IR_VERSION = 17, 8


def folder(name: str) -> Path:
    """A folder for the files of a lesson, beside what the notebooks save; a temporary one where that is impossible."""
    place = FILE.parent / name
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError:
        return Path(tempfile.mkdtemp(prefix=name))
    return place


def command(*arguments: Any) -> None:
    """What `python -m workbench ARGUMENTS` does, without a shell: prints the line, its result, and the exit code."""
    from workbench.cli.main import main

    words = [str(argument) for argument in arguments]
    print("$ python -m workbench", shlex.join(words))
    print("exit code", main(words))


def digit_pictures(place: Path, n: int = 64) -> Path:
    """The first pictures for evaluation as PNG files, 8 x 8, and labels.csv (file, class_index); the folder.

    They are written in orange ink on black: red is the ink in 0..255, green and blue the shares INK of it. Bytes are
    rounded, so that a pixel is off by up to half a step.
    """
    from PIL import Image

    _, evaluation, labels = data()
    if not 1 <= n <= len(labels):
        raise WorkbenchError(f"n={n}; expected 1 to {len(labels)} pictures")
    place.mkdir(parents=True, exist_ok=True)
    rows = ["file,class_index"]
    for number in range(n):
        name = f"{number:03}.png"
        pixels = np.rint(evaluation[number, 0, :, :, None] * np.array(INK) * 255).astype(np.uint8)
        Image.fromarray(pixels).save(place / name)
        rows.append(f"{name},{labels[number]}")
    (place / "labels.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return place


def strange_digits() -> np.ndarray:
    """The first 64 pictures for evaluation as somebody else might bring them; float32 (64, 8, 8, 1)."""
    _, evaluation, _ = data()
    return np.ascontiguousarray(255 - 255 * evaluation[:64].transpose(0, 2, 3, 1))


def recurrent_digits(path: Path) -> Path:
    """A recurrent network that reads a digit row by row, as an ONNX file; the path.

    Inputs row (N, 8) and h (N, 48), outputs logits (N, 10) and h_next (N, 48): h_next = tanh(row W + h U + b),
    logits = h_next R + c. W, U and b are drawn at random and stay; R and c are fitted by least squares to the state
    after the eighth row of the first 300 pictures for evaluation.
    Source: H. Jaeger 2001, The "echo state" approach to analysing and training recurrent neural networks.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    weights = _fitted()
    nodes = [
        helper.make_node("MatMul", ["row", "W"], ["from_row"], "from_row"),
        helper.make_node("MatMul", ["h", "U"], ["from_state"], "from_state"),
        helper.make_node("Add", ["from_row", "from_state"], ["both"], "both"),
        helper.make_node("Add", ["both", "b"], ["moved"], "moved"),
        helper.make_node("Tanh", ["moved"], ["h_next"], "tanh"),
        helper.make_node("Gemm", ["h_next", "R", "c"], ["logits"], "readout"),
    ]
    ports = {"row": 8, "h": N_UNITS, "logits": 10, "h_next": N_UNITS}
    info = {name: helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", n]) for name, n in ports.items()}
    constants = [numpy_helper.from_array(values, name) for name, values in weights.items()]
    ends = [info["row"], info["h"]], [info["logits"], info["h_next"]]
    graph = helper.make_graph(nodes, "recurrent_digits", *ends, constants)
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR_VERSION)
    onnx.save(proto, path)
    return path


def _fitted() -> dict[str, np.ndarray]:
    """Name -> float32 constant of the recurrent network."""
    random = np.random.default_rng(8)
    w = random.uniform(-1, 1, (8, N_UNITS)) * 0.6
    u = random.standard_normal((N_UNITS, N_UNITS))
    u *= 0.95 / np.abs(np.linalg.eigvals(u)).max()  # just below 1: old rows fade slowly
    b = random.uniform(-0.2, 0.2, N_UNITS)
    _, evaluation, labels = data()
    state = np.zeros((N_TAUGHT, N_UNITS))
    for step in range(8):
        state = np.tanh(evaluation[:N_TAUGHT, 0, step] @ w + state @ u + b)
    seen = np.hstack([state, np.ones((N_TAUGHT, 1))])
    wanted = np.eye(10)[labels[:N_TAUGHT]]
    found = np.linalg.solve(seen.T @ seen + 0.1 * np.eye(N_UNITS + 1), seen.T @ wanted)
    constants = {"W": w, "U": u, "b": b, "R": found[:-1], "c": found[-1]}
    return {name: values.astype(np.float32) for name, values in constants.items()}
