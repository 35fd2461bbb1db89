"""Arguments that say what the network is fed, and the data they mean."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.messages import WorkbenchError

if TYPE_CHECKING:
    import numpy as np

    from workbench.models.model import Model
    from workbench.workflow.batches import Batches

_ORDERS, _LAYOUTS = ("RGB", "BGR", "L"), ("NCHW", "NHWC")


def data_arguments(parser: argparse.ArgumentParser, *, required: bool) -> None:
    """--data, --labels, --state, and how pictures are prepared."""
    group = parser.add_argument_group("data")
    words = ".npy, .npz (arrays by input name), or a folder of those or of images; with --state each file is a sequence"
    group.add_argument("--data", type=Path, required=required, metavar="PATH", help=words)
    words = ".npy or .txt with one class index a sample; for images a CSV table with the columns file and class_index"
    group.add_argument("--labels", type=Path, metavar="PATH", help=words)
    group.add_argument("--split", metavar="NAME", help="only images whose row in the table of labels says this")
    group.add_argument("--limit", type=_count, metavar="N", help="only the first so many samples")
    words = "a recurrent network: each step gives the input IN what the step before computed for OUT; may be repeated"
    group.add_argument("--state", action="append", metavar="IN=OUT", default=[], help=words)
    pictures = parser.add_argument_group("images", "(pixel * scale - mean) / std, cut from the middle")
    pictures.add_argument("--size", metavar="N or HxW", type=_size, help="side that is cut out (the model's own)")
    pictures.add_argument("--resize", type=_count, metavar="N", help="first bring the short side to this length")
    pictures.add_argument("--mean", type=float, nargs="+", metavar="M", default=[0.0], help="one, or by channel")
    pictures.add_argument("--std", type=float, nargs="+", metavar="S", default=[1.0], help="one, or by channel")
    pictures.add_argument("--scale", type=float, default=1 / 255, help="what 0..255 is multiplied with (1/255)")
    pictures.add_argument("--order", choices=_ORDERS, help="of the colours; L: grey (what the model reads, else RGB)")
    pictures.add_argument("--layout", choices=_LAYOUTS, help="of the input (the model's own)")


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1 on")
    return int(text)


def _size(text: str) -> tuple[int, int]:
    sides = text.lower().split("x")
    if len(sides) not in (1, 2):
        raise argparse.ArgumentTypeError(f"{text!r}; expected a side such as 224, or HEIGHTxWIDTH")
    return _count(sides[0]), _count(sides[-1])


def read_given(model: "Model", arguments: argparse.Namespace) -> "tuple[Batches | None, Any]":
    """The data and labels that the arguments name; (None, None) without --data.

    Raises WorkbenchError where they cannot be read or do not fit the model or each other.
    """
    from workbench.workflow.data import as_batches

    if arguments.data is None:
        if arguments.labels is not None:
            raise WorkbenchError("--labels needs the samples that they belong to; give --data")
        return None, None
    state = state_of(arguments)
    if state:
        from workbench.cli.sequences import sequences

        given = as_batches(model, sequences(model, arguments.data, set(state))[: arguments.limit], state=state)
        return given, _labels(arguments, given.n_samples)
    if has_images(arguments.data):
        return _pictures(model, arguments)
    data = as_batches(model, arguments.data)
    if arguments.limit is not None and arguments.limit < data.n_samples:
        if data.cut is None:
            raise WorkbenchError("--limit: these feeds come as they are and cannot be cut")
        data = data.cut(data.batch_size, range(arguments.limit))
    return data, _labels(arguments, data.n_samples)


def state_of(arguments: argparse.Namespace) -> dict[str, str]:
    """Input -> output of --state."""
    found = {}
    for pair in arguments.state:
        name, sign, output = pair.partition("=")
        if not (name and sign and output):
            raise WorkbenchError(f"--state {pair!r}: expected INPUT=OUTPUT")
        found[name] = output
    return found


def has_images(path: Path) -> bool:
    """Whether this is a folder with pictures and without arrays."""
    from workbench.workflow.data_files import ARRAYS, IMAGES

    if not path.is_dir():
        return False
    endings = {one.suffix.lower() for one in path.iterdir() if not one.name.startswith(".")}
    return bool(endings & set(IMAGES)) and not endings & set(ARRAYS)


def _pictures(model: "Model", arguments: argparse.Namespace) -> "tuple[Batches, Any]":
    from workbench.workflow.data import as_batches
    from workbench.workflow.images import images

    size, layout, grey = _form(model, arguments)
    found = images(
        arguments.data,
        size=size,
        mean=_one_or_each(arguments.mean),
        std=_one_or_each(arguments.std),
        order=arguments.order or ("L" if grey else "RGB"),
        layout=layout,
        scale=arguments.scale,
        resize=arguments.resize,
        labels=arguments.labels,
        split=arguments.split,
        limit=arguments.limit,
    )
    return as_batches(model, found), found.labels


def _one_or_each(numbers: list[float]) -> float | tuple[float, ...]:
    return numbers[0] if len(numbers) == 1 else tuple(numbers)


def _form(model: "Model", arguments: argparse.Namespace) -> tuple[tuple[int, int], str, bool]:
    """(height, width), layout and whether there is one channel, from the arguments or the model's only input."""
    shape = model.inputs[0].shape if len(model.inputs) == 1 else ()
    if len(shape) != 4:
        shape = (None,) * 4
    nhwc = shape[3] in (1, 3) and shape[1] not in (1, 3)
    layout = arguments.layout or ("NHWC" if nhwc else "NCHW")
    sides, channels = (shape[1:3], shape[3]) if layout == "NHWC" else (shape[2:4], shape[1])
    if arguments.size is not None:
        return arguments.size, layout, channels == 1
    height, width = sides
    if isinstance(height, int) and isinstance(width, int):
        return (height, width), layout, channels == 1
    raise WorkbenchError(f"{model.name} does not say how large its pictures are; give --size")


def _labels(arguments: argparse.Namespace, n_samples: int) -> Any:
    """One entry a sample, of the first ones with --limit. WorkbenchError where there are more or fewer."""
    if arguments.labels is None:
        return None
    from workbench.workflow.tasks.answers import given_labels

    read = _read_labels(arguments.labels)
    n = read.shape[0] if read.ndim else 0
    if n != n_samples and not (arguments.limit is not None and n > n_samples):
        raise WorkbenchError(f"{arguments.labels}: {n} labels for {n_samples} samples; give one label a sample")
    return given_labels(read, n_samples)


def _read_labels(path: Path) -> "np.ndarray":
    """All labels in a .npy or .txt file."""
    import numpy as np

    from workbench.workflow.data_files import read_array

    if path.suffix.lower() in (".npy", ".npz"):
        found = read_array(path)
        if isinstance(found, dict):
            raise WorkbenchError(f"{path}: labels are one array; give an .npy file")
        return found
    try:
        words = path.read_text(encoding="utf-8").split()
        return np.array([int(word) for word in words], np.int64)
    except (UnicodeDecodeError, ValueError) as error:
        raise WorkbenchError(f"{path}: no list of class indices ({error}); expected one whole number a line") from None
