"""Data in every accepted form gives the same feeds; what does not fit is refused by name."""

import numpy as np
import pytest
from PIL import Image

from tests.workflow.small_models import images, small_cnn
from workbench.messages import WorkbenchError
from workbench.workflow.data import as_batches
from workbench.workflow.opening import load


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return load(small_cnn(tmp_path_factory.mktemp("dynamic")))


@pytest.fixture(scope="module")
def fixed(tmp_path_factory):
    return load(small_cnn(tmp_path_factory.mktemp("fixed"), batch=4))


def fed(batches) -> np.ndarray:
    return np.concatenate([feeds["image"] for feeds in batches])


def test_arrays_dicts_files_and_feeds_are_the_same(model, tmp_path):
    x = images(70)
    np.save(tmp_path / "x.npy", x)
    np.savez(tmp_path / "x.npz", image=x)
    parts = tmp_path / "parts"
    parts.mkdir()
    np.save(parts / "b.npy", x[50:])
    np.save(parts / "a.npy", x[:50])
    named = tmp_path / "named"
    named.mkdir()
    np.savez(named / "a.npz", image=x)
    forms = [
        x,
        {"image": x},
        tmp_path / "x.npy",
        str(tmp_path / "x.npz"),
        parts,
        named,
        [{"image": x[:30]}, {"image": x[30:]}],
    ]
    for form in forms:
        batches = as_batches(model, form)
        assert batches.n_samples == 70 and len(batches) == len(list(batches))
        np.testing.assert_array_equal(fed(batches), x)
        np.testing.assert_array_equal(fed(batches), x)  # a second pass gives the same


def test_a_dynamic_batch_is_cut_into_32_and_a_fixed_one_into_its_own(model, fixed):
    assert [f["image"].shape[0] for f in as_batches(model, images(70))] == [32, 32, 6]
    batches = as_batches(fixed, images(11))
    assert [f["image"].shape[0] for f in batches] == [4, 4]
    assert batches.n_samples == 8
    assert "3 of 11 samples" in str(batches.notices[0]) and "batch of 4" in str(batches.notices[0])


def test_the_first_samples(model):
    batches = as_batches(model, images(70))
    assert (batches.first(33).n_samples, batches.first(33).n_batches) == (64, 2)
    assert batches.first(1000).n_samples == 70
    np.testing.assert_array_equal(fed(batches.first(32)), images(70)[:32])


def test_a_folder_of_images_needs_a_preprocessing(model, tmp_path):
    for name, shade in (("b.png", 200), ("a.png", 100)):
        Image.new("RGB", (8, 8), (shade, 0, 0)).save(tmp_path / name)

    def preprocess(pixels):
        assert pixels.shape == (8, 8, 3) and pixels.dtype == np.uint8
        return pixels.transpose(2, 0, 1)[:2].astype(np.float32)

    batches = as_batches(model, tmp_path, preprocess=preprocess)
    assert fed(batches)[:, 0, 0, 0].tolist() == [100.0, 200.0]
    with pytest.raises(WorkbenchError, match="holds images; give preprocess="):
        as_batches(model, tmp_path)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (images(4).astype(np.float64), "'image' takes float32, data is float64"),
        ((images(4) * 9).astype(np.uint8), "'image' takes float32, data is uint8"),
        (images(4)[:, :, :7], r"shape \(N, 2, 8, 8\), data has shape \(4, 2, 7, 8\)"),
        (images(4)[0], r"data has shape \(2, 8, 8\)"),
        (images(0), "needs at least 1"),
        ({"picture": images(4)}, "has the inputs image; data gives picture"),
        ({"image": [1, 2]}, "expected a numpy array, got list"),
        ([], "holds no feed"),
        ([images(4)], "expected a dict input name -> array"),
        ((feed for feed in [{"image": images(4)}]), "one-shot generator"),
        (3, "type int is not understood"),
        ("nowhere.npy", "no such file"),
    ],
)
def test_what_does_not_fit_is_refused(model, data, words):
    with pytest.raises(WorkbenchError, match=words):
        as_batches(model, data)


def test_a_fixed_batch_that_is_not_filled(fixed):
    with pytest.raises(WorkbenchError, match="needs at least 4"):
        as_batches(fixed, images(3))


def test_broken_files_are_named(model, tmp_path):
    (tmp_path / "x.npy").write_bytes(b"no numpy")
    (tmp_path / "x.npz").write_bytes(b"no zip")
    (tmp_path / "x.txt").write_text("text")
    for name in ("x.npy", "x.npz", "x.txt"):
        with pytest.raises(WorkbenchError, match=name):
            as_batches(model, tmp_path / name)
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(WorkbenchError, match=r"no \.npy"):
        as_batches(model, empty)


def test_nothing_pickled_is_read(model, tmp_path):
    np.save(tmp_path / "x.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(WorkbenchError, match=r"x\.npy"):
        as_batches(model, tmp_path / "x.npy")


def test_samples_keep_their_numbers_when_others_are_left_out(model):
    batches = as_batches(model, images(70))
    some = batches.without([0, 33, 69])
    assert some.n_samples == 67 and list(some.sample_numbers) == [n for n in range(70) if n not in (0, 33, 69)]
    np.testing.assert_array_equal(fed(some), np.delete(images(70), [0, 33, 69], axis=0))
    numbered = [(len(feeds["image"]), list(numbers)) for feeds, numbers in some.recut(20).numbered()]
    assert [n for n, _ in numbered] == [20, 20, 20, 7]
    assert sum((numbers for _, numbers in numbered), []) == list(some.sample_numbers)
    assert batches.without([]) is batches and some.without([1]).n_samples == 66
    assert list(some.first(32).sample_numbers) == list(range(1, 33))
    with pytest.raises(WorkbenchError, match="sample 70 cannot be left out"):
        batches.without([70])
    with pytest.raises(WorkbenchError, match="needs at least 1"):
        batches.without(range(70))


def test_of_feeds_the_whole_one_is_left_out(model):
    feeds = [{"image": images(3, seed)} for seed in range(3)]
    some = as_batches(model, feeds).without([4])
    assert list(some.sample_numbers) == [0, 1, 2, 6, 7, 8] and some.n_batches == 2
    assert [list(numbers) for _, numbers in some.numbered()] == [[0, 1, 2], [6, 7, 8]]
    assert "2 more samples are left out" in some.notices[-1].sentence
    with pytest.raises(WorkbenchError, match="no sample would be left"):
        as_batches(model, feeds).without(range(9))
    assert as_batches(model, feeds).recut(2).n_batches == 3


def test_a_fixed_batch_is_never_recut(fixed):
    batches = as_batches(fixed, images(8))
    assert batches.recut(2) is batches and not batches.can_be_recut
    some = batches.without([1])
    assert list(some.sample_numbers) == [0, 2, 3, 4] and "3 of 7 samples" in some.notices[-1].sentence
