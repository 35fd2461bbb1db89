"""Train the built-in network and write its files: `python -m workbench.demo.train [folder]`.

What happens, in order:

1. The 1797 digits that come with scikit-learn are cut at random, each digit with the same share on both sides, into
   1347 to learn from and 450 that are kept back for evaluation. No setting below was chosen by looking at the 450.
   The same people wrote both parts, so this is easier than reading a stranger's hand.
2. PyTorch trains the steps of `architecture.py` for a fixed number of rounds. Every time a picture is shown it is
   turned, stretched and shifted a little, at random, because 1347 pictures alone would be learned by heart.
3. The parameters are written as `digits.onnx` and, rescaled by `hard_twin.py`, as `digits_hard.onnx`. Both files are
   run by onnxruntime and compared with PyTorch.
4. `digits.npz` gets 256 of the learned pictures for calibration and the 450 others, with their labels, for evaluation.

All seeds are fixed and one thread computes: the same packages on the same processor write the same bytes. Another
release of PyTorch may round otherwise and end in a slightly different network, as good as this one.
Needs torch and scikit-learn, which the workbench itself does not; the files here were written with torch 2.13.0 and
scikit-learn 1.9.1, in about half a minute.
"""

import importlib
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import onnx
import onnxruntime

from workbench.demo.architecture import network
from workbench.demo.forward import forward
from workbench.demo.graph import onnx_model
from workbench.demo.hard_twin import rescaled
from workbench.messages import WorkbenchError

SEED = 1998  # the year of the data set; any other would do
N_EVALUATION = 450
N_CALIBRATION = 256
N_ROUNDS = 80
BATCH = 64
LEARNING_RATE = 4e-3
NOTE = "Reads 8x8 pictures of handwritten digits. Trained by workbench.demo.train on UCI Optical Recognition of \
Handwritten Digits (E. Alpaydin and C. Kaynak, 1998, CC BY 4.0)."


def package(module: str) -> ModuleType:
    """A module that only training needs; WorkbenchError with the line that installs it where it is missing."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as missing:
        raise WorkbenchError(
            f"training the built-in network needs {missing.name!r}, which is not installed; expected torch and "
            "scikit-learn beside the workbench's own packages; run: pip install torch scikit-learn"
        ) from missing


def digits() -> tuple[np.ndarray, np.ndarray]:
    """All pictures, uint8 (1797, 8, 8) with values 0..16, and what they show, int64 (1797,)."""
    source = package("sklearn.datasets").load_digits()
    return source.images.astype(np.uint8), source.target.astype(np.int64)


def split(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the training and of the evaluation pictures, shuffled, each digit with the same share in both.

    labels: int64 (n,).
    """
    selection = package("sklearn.model_selection")
    learned, kept_back = selection.train_test_split(
        np.arange(len(labels)), test_size=N_EVALUATION, stratify=labels, random_state=SEED
    )
    return learned, kept_back


def as_input(pixels: np.ndarray) -> np.ndarray:
    """What the network reads, float32 (n, 1, 8, 8) in 0..1, from pixels, uint8 (n, 8, 8) in 0..16."""
    return pixels[:, None].astype(np.float32) / 16


def initial() -> dict[str, np.ndarray]:
    """Parameters before training: name -> float32 array.

    Weights are normal with variance 2 / fan-in (He et al. 2015, arXiv:1502.01852), the rest starts as identity.
    """
    generator = np.random.default_rng(SEED)
    parameters = {}
    for step in network():
        for name, shape in zip(step.parameter_names, step.parameters.values(), strict=True):
            if len(shape) > 1:
                value = generator.normal(scale=np.sqrt(2 / np.prod(shape[1:])), size=shape)
            elif name.endswith((".norm.weight", ".running_var")):
                value = np.ones(shape)
            else:
                value = np.zeros(shape)
            parameters[name] = value.astype(np.float32)
    return parameters


def varied(torch: ModuleType, images: Any, generator: Any) -> Any:
    """The pictures, each turned by up to 11 degrees, stretched by up to 12 % and shifted by up to one pixel, at random.

    images: float32 torch tensor (n, 1, 8, 8); the result has the same shape.
    """

    def uniform(spread: float) -> Any:
        return (torch.rand(len(images), generator=generator) * 2 - 1) * spread

    angle, width, height = uniform(0.2), 1 + uniform(0.12), 1 + uniform(0.12)
    right, down = uniform(0.25), uniform(0.25)  # a picture spans -1..1, so a quarter is one pixel of eight
    cosine, sine = torch.cos(angle), torch.sin(angle)
    rows = [torch.stack([cosine * width, -sine, right], 1), torch.stack([sine, cosine * height, down], 1)]
    grid = torch.nn.functional.affine_grid(torch.stack(rows, 1), list(images.shape), align_corners=False)
    return torch.nn.functional.grid_sample(images, grid, align_corners=False)


def train(images: np.ndarray, labels: np.ndarray) -> dict[str, np.ndarray]:
    """Parameters learned from the pictures: name -> float32 array.

    images: float32 (n, 1, 8, 8) in 0..1; labels: int64 (n,).
    Source: AdamW (Loshchilov and Hutter 2019, arXiv:1711.05101) with a step size that rises and falls once (Smith and
    Topin 2018, arXiv:1708.07120).
    """
    torch = package("torch")
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    generator = torch.Generator().manual_seed(SEED)
    steps = network()
    parameters = {name: torch.from_numpy(value) for name, value in initial().items()}
    learned = [value.requires_grad_() for name, value in parameters.items() if ".running_" not in name]
    groups = [
        {"params": [value for value in learned if value.ndim > 1], "weight_decay": 1e-2},
        {"params": [value for value in learned if value.ndim == 1], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=LEARNING_RATE)
    n_batches = len(images) // BATCH
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=N_ROUNDS * n_batches)
    x, y = torch.from_numpy(images), torch.from_numpy(labels)
    for _ in range(N_ROUNDS):
        for batch in torch.randperm(len(x), generator=generator)[: n_batches * BATCH].split(BATCH):
            logits = forward(torch, steps, parameters, varied(torch, x[batch], generator), training=True)
            loss = torch.nn.functional.cross_entropy(logits, y[batch], label_smoothing=0.05)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return {name: value.detach().numpy().copy() for name, value in parameters.items()}


def write_model(path: Path, parameters: Mapping[str, np.ndarray], images: np.ndarray) -> np.ndarray:
    """Write the network as ONNX; return the file's logits, float32 (n, 10), of the images, float32 (n, 1, 8, 8).

    Raises WorkbenchError where the file and PyTorch differ by more than rounding.
    """
    model = onnx_model(path.stem, network(), parameters, note=NOTE)
    onnx.save(model, path)
    runtime = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (logits,) = runtime.run(None, {"image": images})
    torch = package("torch")
    with torch.no_grad():
        tensors = {name: torch.from_numpy(value) for name, value in parameters.items()}
        expected = forward(torch, network(), tensors, torch.from_numpy(images)).numpy()
    difference = float(np.abs(logits - expected).max())
    if not difference < 1e-4:
        raise WorkbenchError(f"{path}: logits differ from PyTorch by {difference:.2g}; expected less than 1e-4")
    return logits


def main(folder: Path) -> None:
    """Train, write the three files into the folder and print what they weigh and how well they read."""
    pixels, labels = digits()
    learned, kept_back = split(labels)
    parameters = train(as_input(pixels[learned]), labels[learned])
    folder.mkdir(parents=True, exist_ok=True)
    for name, values in {"digits.onnx": parameters, "digits_hard.onnx": rescaled(parameters)}.items():
        logits = write_model(folder / name, values, as_input(pixels[kept_back]))
        accuracy = (logits.argmax(1) == labels[kept_back]).mean()
        print(f"{name}: {(folder / name).stat().st_size:,} bytes, {accuracy:.2%} of the kept-back digits right")
    np.savez_compressed(
        folder / "digits.npz",
        calibration=pixels[learned[:N_CALIBRATION]],
        evaluation=pixels[kept_back],
        labels=labels[kept_back].astype(np.uint8),
    )
    print(f"digits.npz: {(folder / 'digits.npz').stat().st_size:,} bytes")


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
    except WorkbenchError as error:
        sys.exit(str(error))
