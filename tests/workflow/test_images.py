"""`images`: what comes out is what the network was trained on; what cannot be read is named."""

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.real_networks import ASSETS, inputs, model_path, needs_assets
from workbench.messages import WorkbenchError
from workbench.workflow.images import images
from workbench.workflow.opening import load

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def noise(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def stored(folder: Path, **pictures) -> Path:
    for name, pixels in pictures.items():
        Image.fromarray(pixels).save(folder / f"{name}.png")
    return folder


def table(path: Path, rows, header=("file", "class_index", "split")) -> Path:
    with open(path, "w", newline="") as text:
        csv.writer(text).writerows([header, *rows])
    return path


def test_torchvision_convention(tmp_path):
    pixels = noise(6, 6)
    found = images(stored(tmp_path, a=pixels), size=4, mean=MEAN, std=STD)
    cut = pixels[1:5, 1:5].astype(np.float64)
    expected = (cut / 255 - MEAN) / STD
    assert found.inputs.dtype == np.float32 and found.inputs.shape == (1, 3, 4, 4)
    assert found.inputs.flags.c_contiguous
    np.testing.assert_array_equal(found.inputs[0], expected.transpose(2, 0, 1).astype(np.float32))
    assert found.labels is None and found.files == ("a.png",) and found.notices == () and len(found) == 1


def test_caffe_convention_and_layout(tmp_path):
    pixels = noise(4, 8)
    caffe = {"mean": (104, 117, 123), "scale": 1.0, "order": "BGR", "size": (4, 8)}
    expected = pixels[:, :, ::-1].astype(np.float32) - np.array([104, 117, 123], np.float32)
    first = images(stored(tmp_path, a=pixels), **caffe)
    last = images(tmp_path, layout="NHWC", **caffe)
    np.testing.assert_array_equal(last.inputs[0], expected)
    np.testing.assert_array_equal(first.inputs, last.inputs.transpose(0, 3, 1, 2))
    assert not first.notices


def test_one_channel_of_grey(tmp_path):
    pixels = noise(4, 4)
    found = images(stored(tmp_path, a=pixels), size=4, order="L", mean=0.5, std=2.0)
    luma = pixels.astype(np.float64) @ [0.299, 0.587, 0.114]
    assert found.inputs.shape == (1, 1, 4, 4)
    np.testing.assert_allclose(found.inputs[0, 0], (luma / 255 - 0.5) / 2, atol=0.51 / 255)
    assert images(tmp_path, size=4, order="L", layout="NHWC").inputs.shape == (1, 4, 4, 1)


def test_resize_is_bilinear_on_the_short_side(tmp_path):
    stored(tmp_path, tall=noise(40, 20))
    found = images(tmp_path, size=8, resize=10)
    with Image.open(tmp_path / "tall.png") as picture:
        small = np.asarray(picture.resize((10, 20), Image.Resampling.BILINEAR))
    np.testing.assert_array_equal(found.inputs[0], (small[6:14, 1:9] / 255).astype(np.float32).transpose(2, 0, 1))


def test_small_pictures_are_enlarged_and_that_is_said(tmp_path):
    stored(tmp_path, a=noise(5, 9), b=noise(20, 20))
    found = images(tmp_path, size=10)
    assert found.inputs.shape == (2, 3, 10, 10)
    assert [str(n) for n in found.notices] == ["1 of 2 images are smaller than 10 x 10 and were enlarged."]


@pytest.mark.parametrize("side", range(3, 400, 7))
def test_short_side_is_never_one_too_small(tmp_path, side):
    stored(tmp_path, a=np.zeros((side, side + 1, 3), np.uint8))
    assert images(tmp_path, size=64, resize=64).inputs.shape == (1, 3, 64, 64)


def test_grey_palette_and_transparent_pictures(tmp_path):
    grey = noise(4, 4)[:, :, 0]
    Image.fromarray(grey).save(tmp_path / "grey.png")
    palette = Image.fromarray(noise(4, 4)).quantize(8)
    palette.info["transparency"] = bytes(range(8))
    palette.save(tmp_path / "palette.png")
    Image.fromarray(np.dstack([noise(4, 4), grey])).save(tmp_path / "rgba.bmp")
    found = images(tmp_path, size=4)
    np.testing.assert_array_equal(found.inputs[0], np.stack([(grey / 255).astype(np.float32)] * 3))
    assert found.files == ("grey.png", "palette.png", "rgba.bmp")


def test_labels_split_and_limit(tmp_path):
    stored(tmp_path, c=noise(4, 4), a=noise(4, 4), b=noise(4, 4))
    rows = [("a.png", 3, "eval"), ("b.png", 5, "calib"), ("some/where/c.png", 7, "eval"), ("z.png", 1, "eval")]
    labels = table(tmp_path / "labels.csv", rows)
    both = images(tmp_path, size=4, labels=labels)
    assert both.labels.tolist() == [3, 5, 7] and both.labels.dtype == np.int64
    assert "1 labels belong to no image" in str(both.notices[0]) and "'z.png'" in str(both.notices[0])
    part = images(tmp_path, size=4, labels=labels, split="eval")
    assert part.files == ("a.png", "c.png") and part.labels.tolist() == [3, 7]
    assert images(tmp_path, size=4, labels=labels, split="eval", limit=1).files == ("a.png",)
    mapped = images(tmp_path, size=4, labels={"a.png": 1, "b.png": np.int32(2), "c.png": 0})
    assert mapped.labels.tolist() == [1, 2, 0]


def test_names_of_classes_come_with_the_labels(tmp_path):
    stored(tmp_path, a=noise(4, 4))
    labels = tmp_path / "labels.csv"
    labels.write_text("file,class_index,class_name,split\na.png,3,a shark,eval\nb.png,5,,calib\nc.png,7,hen,calib\n")
    found = images(tmp_path, size=4, labels=labels, split="eval")
    assert found.class_names == {3: "a shark", 7: "hen"}
    assert images(tmp_path, size=4, labels={"a.png": 3}).class_names == {}
    without = images(tmp_path, size=4, labels=table(tmp_path / "others.csv", [("a.png", 3, "eval")]))
    assert without.class_names == {} == images(tmp_path, size=4).class_names


def test_mean_that_does_not_fit_the_scale_is_remarked(tmp_path):
    found = images(stored(tmp_path, a=noise(4, 4)), size=4, mean=(104, 117, 123))
    assert "give scale=1.0" in str(found.notices[0])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"size": 0}, "size=0"),
        ({"size": (4, 4, 3)}, "expected a side in pixels or"),
        ({"size": "4"}, "expected a side in pixels or"),
        ({"size": 4, "resize": 3}, "resize=3 is smaller than the cut-out"),
        ({"size": 4, "order": "GBR"}, "order='GBR'"),
        ({"size": 4, "layout": "CHW"}, "NCHW or NHWC"),
        ({"size": 4, "mean": (0.5,)}, "three numbers each"),
        ({"size": 4, "order": "L", "std": (1, 2, 3)}, "one number each"),
        ({"size": 4, "std": (0.5, 0, 1)}, "std and scale not 0"),
        ({"size": 4, "scale": float("nan")}, "finite"),
        ({"size": 4, "limit": 0}, "limit=0"),
        ({"size": 4, "split": "eval"}, "give labels="),
        ({"size": 4, "labels": {"a.png": 1}, "split": "eval"}, "are a mapping"),
        ({"size": 4, "labels": {"b.png": 1}}, "none of its 1 images is in the labels"),
        ({"size": 4, "labels": {"a.png": "cat"}}, "'cat' is no class index"),
        ({"size": 4, "labels": {"a.png": -1}}, "-1 is no class index"),
        ({"size": 4, "labels": "nowhere.csv"}, "nowhere.csv: no such file"),
    ],
)
def test_options_in_words(tmp_path, options, words):
    stored(tmp_path, a=noise(8, 8))
    with pytest.raises(WorkbenchError, match=words.replace("(", r"\(").replace(".", r"\.")):
        images(tmp_path, **options)


@pytest.mark.parametrize(
    ("rows", "header", "options", "words"),
    [
        (
            [("a.png", 1)],
            ("picture", "class_index"),
            {},
            "no column file or .*; its first line has picture, class_index",
        ),
        ([("a.png", 1)], ("file", "kind"), {}, "no column class_index or"),
        ([("a.png", 1)], ("file", "label"), {"split": "eval"}, "no column split"),
        ([("a.png", 1, "x")], ("file", "label", "split"), {"split": "eval"}, "no row with split 'eval'"),
        ([("a.png", "1.5")], ("file", "label"), {}, "line 2: '1.5' is no class index"),
        ([("a.png", 1), ("a.png", 2)], ("file", "label"), {}, "line 3: 'a.png' has two labels, 1 and 2"),
        ([("b.png", 1)], ("file", "label"), {}, "none of its 2 images"),
        ([("a.png", 1)], ("file", "label"), {}, "c.png: no label for this image; 1 have none"),
        ([], ("file", "label"), {}, "no row"),
        ([], (), {}, "its first line has nothing"),
        ([("a.png",)], ("file", "label"), {}, "None is no class index"),
    ],
)
def test_label_tables_in_words(tmp_path, rows, header, options, words):
    stored(tmp_path, a=noise(8, 8), c=noise(8, 8))
    with pytest.raises(WorkbenchError, match=words):
        images(tmp_path, size=4, labels=table(tmp_path / "labels.csv", rows, header), **options)


def test_broken_files_and_folders_in_words(tmp_path):
    with pytest.raises(WorkbenchError, match="no such folder"):
        images(tmp_path / "missing", size=4)
    with pytest.raises(WorkbenchError, match="no .jpg, .jpeg, .png, .bmp file in this folder"):
        images(tmp_path, size=4)
    stored(tmp_path, a=noise(32, 32))
    with pytest.raises(WorkbenchError, match="is a file; expected a folder"):
        images(tmp_path / "a.png", size=4)
    whole = (tmp_path / "a.png").read_bytes()
    for content in (b"", b"not an image", whole[: len(whole) // 2]):
        (tmp_path / "b.png").write_bytes(content)
        with pytest.raises(WorkbenchError, match=r"b\.png: not a readable image"):
            images(tmp_path, size=4)
    (tmp_path / "b.png").unlink()
    Image.fromarray(np.zeros((4, 4), np.uint16)).save(tmp_path / "deep.png")
    with pytest.raises(WorkbenchError, match=r"deep\.png: pixels of the kind 'I;16'; expected 8 bits"):
        images(tmp_path, size=4)


@pytest.mark.parametrize("limit", [100, 60])
def test_too_many_pixels_in_words(tmp_path, monkeypatch, limit):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)  # beyond it Pillow warns, beyond twice it refuses
    stored(tmp_path, a=noise(12, 12))
    with pytest.raises(WorkbenchError, match=r"a\.png: more pixels than Pillow reads safely"):
        images(tmp_path, size=4)


@needs_assets
def test_squeezenet_reaches_its_published_accuracy():
    data = Path(ASSETS) / "data"
    caffe = {"size": 224, "mean": (104, 117, 123), "scale": 1.0, "order": "BGR"}
    found = images(data / "imagenet_samples", labels=data / "imagenet_samples.csv", split="eval", **caffe)
    expected, labels = inputs("imagenet_squeezenet", "eval")
    assert sorted(found.labels.tolist()) == sorted(labels.tolist())
    assert found.inputs.shape == expected.shape
    model = load(model_path("imagenet_squeezenet"))
    answers = [int(model.chain.run({"data_0": x[None]})["softmaxout_1"].argmax()) for x in found.inputs]
    assert abs(100 * np.mean(answers == found.labels) - 58.25) <= 0.5
