"""`images`: a folder of pictures as the array that a network reads, resized, cropped and normalised as in training."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from workbench.messages import Notice, WorkbenchError
from workbench.workflow.data_files import IMAGES as ENDINGS
from workbench.workflow.label_table import listed_in, names_in

ORDERS = {"RGB": (0, 1, 2), "BGR": (2, 1, 0), "L": (0,)}  # where each channel of the network is in a picture as read
LAYOUTS = ("NCHW", "NHWC")
EIGHT_BITS = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "LAB", "HSV", "La", "RGBa")


@dataclass(frozen=True)
class Images:
    """Pictures as a network reads them; every function that takes data takes it.

    inputs: float32 (n, 3, height, width) or (n, height, width, 3), one channel where they are grey. labels: int64 (n,),
    class indices, or None. files: names in the folder, in the order of the inputs. class_names: index -> name, where
    the labels file has a column class_name.
    """

    inputs: np.ndarray
    labels: np.ndarray | None
    files: tuple[str, ...]
    notices: tuple[Notice, ...] = ()
    class_names: Mapping[int, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.files)


def images(
    folder: str | Path,
    *,
    size: int | tuple[int, int],
    mean: float | tuple[float, ...] = 0.0,
    std: float | tuple[float, ...] = 1.0,
    order: str = "RGB",
    layout: str = "NCHW",
    scale: float = 1 / 255,
    resize: int | None = None,
    labels: str | Path | Mapping[str, int] | None = None,
    split: str | None = None,
    limit: int | None = None,
) -> Images:
    """The .jpg, .jpeg, .png and .bmp files of a folder, sorted by name, as one array: (pixel * scale - mean) / std.

    size: side, or (height, width), that is cut from the middle. resize: first bring the short side to this length
    (bilinear; evaluation on ImageNet is resize=256, size=224); None takes pictures as they are stored and enlarges only
    those that are too small. scale: what the pixels 0..255 are multiplied with; 1/255 is the convention of torchvision,
    1.0 is for networks that read 0..255, such as Caffe's. mean, std: after that, one number, or one a channel in the
    order `order`: "RGB", "BGR", or "L" for one channel of grey (ITU-R BT.601 luma, as Pillow computes it).
    labels: a CSV file with a header (columns file and class_index), or a mapping file name -> class index.
    split: only the pictures whose row says this in the column `split`. limit: only the first so many.
    Raises WorkbenchError naming the file, row or option that is wrong.

        images("val", size=224, resize=256, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225), labels="val.csv")
        images("val", size=224, mean=(104, 117, 123), scale=1.0, order="BGR", labels="val.csv", split="eval")
    """
    height, width = _checked_size(size, resize)
    if order not in ORDERS or layout not in LAYOUTS:
        found = f"order={order!r}, layout={layout!r}"
        raise WorkbenchError(f"{found}; expected order {' or '.join(ORDERS)} and layout {' or '.join(LAYOUTS)}")
    n_channels = len(ORDERS[order])
    table = _value_table(scale, mean, std, n_channels)
    if limit is not None and limit < 1:
        raise WorkbenchError(f"limit={limit}; expected at least 1, or None for all images")
    place = Path(folder)
    listed = None if labels is None else listed_in(labels, split)
    if listed is None and split is not None:
        raise WorkbenchError(f"split={split!r} chooses rows of a labels file; give labels=")
    names, notices = _names(place, listed, chosen=split is not None)
    names = names[:limit]
    inputs = np.empty(
        (len(names), n_channels, height, width) if layout == "NCHW" else (len(names), height, width, n_channels),
        np.float32,
    )
    channels = inputs if layout == "NCHW" else inputs.transpose(0, 3, 1, 2)
    n_enlarged = 0
    for name, target in zip(names, channels, strict=True):
        pixels, enlarged = _cut_out(place / name, height, width, resize, grey=order == "L")
        n_enlarged += enlarged
        for i, colour in enumerate(ORDERS[order]):
            target[i] = table[i][pixels[:, :, colour]]
    if n_enlarged:
        sentence = f"{n_enlarged} of {len(names)} images are smaller than {height} x {width} and were enlarged."
        notices.append(Notice("images", sentence))
    if np.abs(mean).max() > 1 and scale < 0.1:
        sentence = (
            f"mean={mean} looks like pixels 0..255, but scale={scale:.4g} takes them to 0..{255 * scale:.3g}; "
            "give scale=1.0 if the network reads 0..255."
        )
        notices.append(Notice("images", sentence))
    known = None if listed is None else np.array([listed[name] for name in names], np.int64)
    return Images(inputs, known, tuple(names), tuple(notices), {} if labels is None else names_in(labels))


def _checked_size(size: int | tuple[int, int], resize: int | None) -> tuple[int, int]:
    sides = tuple(size) if isinstance(size, tuple | list) else (size, size)
    if len(sides) != 2 or not all(isinstance(side, int) and side > 0 for side in sides):
        raise WorkbenchError(f"size={size!r}; expected a side in pixels or (height, width)")
    if resize is not None and resize < min(sides):
        raise WorkbenchError(f"resize={resize} is smaller than the cut-out, size={size!r}; give at least {min(sides)}")
    return sides[0], sides[1]


def _value_table(
    scale: float, mean: float | tuple[float, ...], std: float | tuple[float, ...], n_channels: int
) -> np.ndarray:
    """float32 (channels, 256): the value of each pixel 0..255 in each channel, rounded once."""
    if any(np.shape(numbers) not in ((), (n_channels,)) for numbers in (mean, std)):
        wanted = {1: "one number", 3: "three numbers"}[n_channels]
        raise WorkbenchError(f"mean={mean!r}, std={std!r}; expected {wanted} each, one a channel")
    if not (np.isfinite([*np.ravel(mean), *np.ravel(std), scale]).all() and np.all(std) and scale):
        raise WorkbenchError(
            f"mean={mean!r}, std={std!r}, scale={scale!r}; expected finite numbers, std and scale not 0"
        )
    pixels = np.arange(256, dtype=np.float64) * scale
    means, stds = (np.broadcast_to(numbers, n_channels).reshape(-1, 1) for numbers in (mean, std))
    return ((pixels - means) / stds).astype(np.float32)


def _names(place: Path, listed: Mapping[str, int] | None, *, chosen: bool) -> tuple[list[str], list[Notice]]:
    """The files to read, sorted; every one has its label where there are labels."""
    if not place.exists():
        raise WorkbenchError(f"{place}: no such folder")
    if not place.is_dir():
        raise WorkbenchError(f"{place} is a file; expected a folder of {', '.join(ENDINGS)} files")
    try:
        present = sorted(path.name for path in place.iterdir() if path.suffix.lower() in ENDINGS and path.is_file())
    except OSError as error:
        raise WorkbenchError(f"{place}: the folder cannot be read: {error.strerror}") from None
    present = [name for name in present if not name.startswith(".")]
    if not present:
        raise WorkbenchError(
            f"{place}: no {', '.join(ENDINGS)} file in this folder; folders inside it are not searched"
        )
    if listed is None:
        return present, []
    names = [name for name in present if name in listed]
    if not names:
        raise WorkbenchError(f"{place}: none of its {len(present)} images is in the labels (first: {present[0]!r})")
    if len(names) < len(present) and not chosen:
        first = next(name for name in present if name not in listed)
        raise WorkbenchError(f"{place / first}: no label for this image; {len(present) - len(names)} have none")
    if len(names) == len(listed):
        return names, []
    absent = sorted(set(listed) - set(names))
    sentence = f"{len(absent)} labels belong to no image in {place} (first: {absent[0]!r})."
    return names, [Notice("images", sentence)]


def _cut_out(path: Path, height: int, width: int, resize: int | None, *, grey: bool) -> tuple[np.ndarray, bool]:
    """uint8 (height, width, 3) RGB, or (height, width, 1), from the middle of a picture; whether it was enlarged."""
    picture = _read(path)
    if grey:
        picture = picture.convert("L")
    factor = 1.0 if resize is None else resize / min(picture.size)
    needed = max(width / picture.width, height / picture.height)
    enlarged = needed > max(factor, 1.0)
    factor = max(factor, needed)
    if factor != 1.0:
        # the tiny addition keeps 256 from becoming 255 where the quotient is not exact
        shape = (max(width, int(picture.width * factor + 1e-6)), max(height, int(picture.height * factor + 1e-6)))
        picture = picture.resize(shape, Image.Resampling.BILINEAR)
    left, top = (picture.width - width) // 2, (picture.height - height) // 2
    pixels = np.asarray(picture.crop((left, top, left + width, top + height)))
    return pixels.reshape(height, width, -1), enlarged


def _read(path: Path) -> Image.Image:
    """One picture in RGB. Raises WorkbenchError naming the file."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as picture:
                if picture.mode not in EIGHT_BITS:
                    found = f"{path}: pixels of the kind {picture.mode!r}"
                    raise WorkbenchError(f"{found}; expected 8 bits a channel, convert the image first")
                if "transparency" in picture.info:
                    return picture.convert("RGBA").convert("RGB")
                return picture.convert("RGB")
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise WorkbenchError(f"{path}: more pixels than Pillow reads safely; make the image smaller") from None
    except WorkbenchError:
        raise
    except (OSError, ValueError, SyntaxError, MemoryError) as error:
        raise WorkbenchError(f"{path}: not a readable image ({error})") from None
