"""Data from files: .npy, .npz, folders of those or of images, sorted by name."""

import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from workbench.messages import WorkbenchError
from workbench.models.model import Model

ARRAYS = (".npy", ".npz")
IMAGES = (".jpg", ".jpeg", ".png", ".bmp")


def read_data(
    model: Model, path: Path, preprocess: Callable[[np.ndarray], np.ndarray] | None
) -> np.ndarray | dict[str, np.ndarray]:
    """One array, or arrays by input name, with samples on axis 0; WorkbenchError naming the file that is wrong."""
    if not path.exists():
        raise WorkbenchError(f"{path}: no such file or folder")
    if path.is_file():
        return read_array(path)
    files = sorted(p for p in path.iterdir() if p.is_file() and not p.name.startswith("."))
    arrays = [p for p in files if p.suffix.lower() in ARRAYS]
    pictures = [p for p in files if p.suffix.lower() in IMAGES]
    if arrays:
        return _joined(path, [read_array(p) for p in arrays])
    if not pictures:
        raise WorkbenchError(f"{path}: no {', '.join(ARRAYS + IMAGES)} file in this folder")
    if preprocess is None:
        raise WorkbenchError(
            f"{path} holds images; give preprocess=, a function from uint8 (H, W, 3) RGB to one sample, "
            "or use wb.images"
        )
    return np.stack([_picture(p, preprocess) for p in pictures])


def read_array(path: Path) -> np.ndarray | dict[str, np.ndarray]:
    """An .npy file as an array, an .npz file as a dict; nothing pickled is read."""
    if path.suffix.lower() not in ARRAYS:
        raise WorkbenchError(f"{path}: expected one of {', '.join(ARRAYS)}, or a folder")
    try:
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return loaded
        with loaded:
            return {name: loaded[name] for name in loaded.files}
    except (ValueError, OSError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise WorkbenchError(f"{path}: not a readable numpy file ({error})") from None


def _joined(path: Path, parts: list[np.ndarray | dict[str, np.ndarray]]) -> np.ndarray | dict[str, np.ndarray]:
    try:
        if all(isinstance(part, np.ndarray) for part in parts):
            return np.concatenate(parts)  # type: ignore[arg-type]
        names = list(parts[0])
        return {name: np.concatenate([part[name] for part in parts]) for name in names}  # type: ignore[call-overload]
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise WorkbenchError(f"{path}: the files do not hold the same arrays ({error})") from None


def _picture(path: Path, preprocess: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            return np.asarray(preprocess(np.asarray(image.convert("RGB"))))
    except (UnidentifiedImageError, OSError) as error:
        raise WorkbenchError(f"{path}: not a readable image ({error})") from None
