"""Real networks and inputs for tests, read from the folder that WORKBENCH_TEST_ASSETS names; none of it is shipped."""

import csv
import functools
import os
from pathlib import Path

import numpy as np
import pytest

ASSETS = os.environ.get("WORKBENCH_TEST_ASSETS", "")
needs_assets = pytest.mark.skipif(
    not ASSETS, reason="WORKBENCH_TEST_ASSETS is not set: real networks and inputs are not part of the project"
)
NAMES = ("imagenet_squeezenet", "cifar10_resnet20", "cifar10_mobilenet", "cifar10_vit_a")

_MEAN = {"cifar10_mobilenet": (0.4914, 0.4822, 0.4465)}
_STD = {"cifar10_mobilenet": (0.2470, 0.2435, 0.2616)}


def model_path(name: str) -> Path:
    return Path(ASSETS) / "models" / f"{name}.onnx"


@functools.cache
def inputs(name: str, part: str) -> tuple[np.ndarray, np.ndarray]:
    """Preprocessed float32 inputs and int64 labels of the part "calib" or "eval"."""
    if name == "imagenet_squeezenet":
        return _imagenet(part)
    stored = np.load(Path(ASSETS) / "data" / f"cifar10_{part}.npz", allow_pickle=False)
    mean = np.array(_MEAN.get(name, (0.485, 0.456, 0.406)), np.float32)
    std = np.array(_STD.get(name, (0.229, 0.224, 0.225)), np.float32)
    pixels = (stored["images"].astype(np.float32) / 255 - mean) / std
    return np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)), stored["labels"]


def _imagenet(part: str) -> tuple[np.ndarray, np.ndarray]:
    from PIL import Image

    data = Path(ASSETS) / "data"
    with open(data / "imagenet_samples.csv", newline="") as table:
        rows = [row for row in csv.DictReader(table) if row["split"] == part]
    arrays = []
    for row in rows:
        with Image.open(data / row["file"]) as image:
            pixels = np.asarray(image.convert("RGB"), np.float32)
        top, left = (pixels.shape[0] - 224) // 2, (pixels.shape[1] - 224) // 2
        cropped = pixels[top : top + 224, left : left + 224, ::-1] - np.array([104, 117, 123], np.float32)
        arrays.append(cropped.transpose(2, 0, 1))
    return np.stack(arrays), np.array([int(row["class_index"]) for row in rows])
