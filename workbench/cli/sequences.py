"""Sequences for a recurrent network from files."""

from pathlib import Path
from typing import Any

import numpy as np

from workbench.messages import WorkbenchError
from workbench.models.model import Model
from workbench.workflow.data_files import ARRAYS, read_array


def sequences(model: Model, path: Path, fed_back: set[str]) -> list[list[dict[str, np.ndarray]]]:
    """Each file as one sequence of feeds; a single file, or those of a folder by name.

    An array with one axis more than the input has its steps on axis 0; one with as many axes is the same at each step.
    Raises WorkbenchError naming the file where no array has steps, or their numbers differ.
    """
    if not path.exists():
        raise WorkbenchError(f"{path}: no such file or folder")
    files = [path]
    if path.is_dir():
        files = sorted(one for one in path.iterdir() if one.suffix.lower() in ARRAYS and not one.name.startswith("."))
    if not files:
        raise WorkbenchError(f"{path}: no {', '.join(ARRAYS)} file in this folder")
    return [_sequence(model, file, fed_back) for file in files]


def _sequence(model: Model, file: Path, fed_back: set[str]) -> list[dict[str, np.ndarray]]:
    read: Any = read_array(file)
    free = [port.name for port in model.inputs if port.name not in fed_back]
    if isinstance(read, np.ndarray):
        if len(free) != 1:
            raise WorkbenchError(f"{file}: one array for the inputs {', '.join(free)}; give an .npz file with all")
        read = {free[0]: read}
    axes = {port.name: len(port.shape) for port in model.inputs}
    stepped = {name for name, array in read.items() if name in axes and array.ndim == axes[name] + 1}
    lengths = {len(read[name]) for name in stepped}
    if len(lengths) != 1:
        words = "no array has an axis of steps in front" if not lengths else f"arrays of {sorted(lengths)} steps"
        raise WorkbenchError(f"{file}: {words}; expected (steps, ...) of one length")
    return [
        {name: np.asarray(array[step]) if name in stepped else array for name, array in read.items()}
        for step in range(lengths.pop())
    ]
