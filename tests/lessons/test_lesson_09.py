"""Lesson 09: right answers pass, typical wrong ones get the hint; its materials are what the notebook says of them."""

import csv

import numpy as np
import pytest

import workbench as wb
from tests.lessons.cases import exercise_tests
from workbench.lessons import lesson_09, materials

JUDGES = {each.name: each.judge for each in lesson_09.EXERCISES}
SEQUENCE_STATE = {"h": "h_next"}


def repaired(strange):
    return 1 - strange.transpose(0, 3, 1, 2) / 255


def reshaped(strange):
    return ((255 - strange) / 255).reshape(64, 1, 8, 8).tolist()


def unchanged(strange):
    return strange


def still_bytes(strange):
    return 255 - strange.transpose(0, 3, 1, 2)


def still_inverted(strange):
    return strange.transpose(0, 3, 1, 2) / 255


def mirrored(strange):
    return 1 - strange.transpose(0, 3, 2, 1) / 255


def half_as_dark(strange):
    return repaired(strange) / 100


def failing(*_):
    return 1 / 0


def top2(outputs, labels):
    return np.mean([label in np.argsort(row)[-2:] for row, label in zip(outputs, labels, strict=True)])


def by_rank(outputs, labels):
    own = outputs[np.arange(len(labels)), labels]
    return float(((outputs > own[:, None]).sum(axis=1) < 2).mean())


def top1(outputs, labels):
    return np.mean(outputs.argmax(axis=1) == labels)


def second(outputs, labels):
    return np.mean(outputs.argsort(axis=1)[:, -2] == labels)


def smallest(outputs, labels):
    return top2(-outputs, labels)


def counted(outputs, labels):
    return top2(outputs, labels) * len(labels)


def per_cent(outputs, labels):
    return 100 * top2(outputs, labels)


def nothing(outputs, labels):
    return 0.0


def no_number(outputs, labels):
    return outputs


def nearly(outputs, labels):
    return top2(outputs, labels) * 1.1


RIGHT = [
    ("09.1", (200 / 255 - 0.456) / 0.224),
    ("09.1", 1.466),
    ("09.2", "c"),
    ("09.2", " C "),
    ("09.3", repaired),
    ("09.3", reshaped),
    ("09.4", top2),
    ("09.4", by_rank),
    ("09.5", lesson_09.samples_needed()),
    ("09.5", 1.96**2 * 0.98 * 0.02 / 0.01**2),
    ("09.5", 800),
    ("09.6", SEQUENCE_STATE),
]
WRONG = [
    ("09.1", (200 - 0.456) / 0.224, "0..255"),
    ("09.1", 200 / 255 - 0.456, "std is missing"),
    ("09.1", 200 / 255, "scale alone"),
    ("09.1", 200 / 255 / 0.224 - 0.456, "First subtract"),
    ("09.1", (200 / 255 - 0.485) / 0.229, "red"),
    ("09.1", (200 / 255 - 0.406) / 0.225, "blue"),
    ("09.1", 3.5, "pixel \\* scale"),
    ("09.2", "a", "without labels too: .* too large"),
    ("09.2", "b", "without labels too: .* mean"),
    ("09.2", "d", "without labels too"),
    ("09.2", 3, "in quotes"),
    ("09.3", unchanged, "shape"),
    ("09.3", still_bytes, "reads 0..1"),
    ("09.3", still_inverted, "ink high"),
    ("09.3", mirrored, "changed places"),
    ("09.3", half_as_dark, "Not yet. .* too small"),
    ("09.3", failing, "division by zero"),
    ("09.3", repaired(materials.strange_digits()), "function itself"),
    ("09.4", top1, "best answer alone"),
    ("09.4", second, "second best"),
    ("09.4", smallest, "smallest"),
    ("09.4", counted, "how many"),
    ("09.4", per_cent, "per cent"),
    ("09.4", nothing, "Nothing is counted"),
    ("09.4", no_number, "One number"),
    ("09.4", nearly, "largest scores"),
    ("09.4", failing, "division by zero"),
    ("09.4", 0.9, "function itself"),
    ("09.5", 3012, "Four times"),
    ("09.5", 188, "half of the interval"),
    ("09.5", 196, "one standard error"),
    ("09.5", 28, "square root"),
    ("09.5", 600, "Too few"),
    ("09.5", 5000, "far fewer"),
    ("09.6", {"h_next": "h"}, "wrong way round"),
    ("09.6", {"row": "logits"}, "carried"),
    ("09.6", {"h": "hidden"}, "same shape"),
    ("09.6", "h", "A dict"),
]


test_right_answers, test_wrong_answers_are_told_why, test_every_exercise_is_tried = exercise_tests(JUDGES, RIGHT, WRONG)


def test_pictures_are_the_digits_in_orange(tmp_path):
    place = materials.digit_pictures(tmp_path / "new" / "pictures", 5)
    _, evaluation, labels = wb.demo.data()
    read = wb.images(place, size=8, labels=place / "labels.csv")
    assert np.array_equal(read.labels, labels[:5])
    wanted = evaluation[:5] * np.array(materials.INK, np.float32).reshape(3, 1, 1)
    assert np.abs(read.inputs - wanted).max() <= 0.5 / 255 + 1e-6
    with open(place / "labels.csv", newline="", encoding="utf-8") as table:
        assert [row["file"] for row in csv.DictReader(table)] == list(read.files)


@pytest.mark.parametrize("n", [0, 451])
def test_pictures_that_are_not_there(tmp_path, n):
    with pytest.raises(wb.WorkbenchError, match="1 to 450"):
        materials.digit_pictures(tmp_path, n)


def test_the_recurrent_network_reads_digits_that_it_has_not_seen(tmp_path):
    network = wb.load(materials.recurrent_digits(tmp_path / "recurrent.onnx"))
    _, evaluation, labels = wb.demo.data()
    state = np.zeros((150, materials.N_UNITS), np.float32)
    for step in range(8):
        seen = network.chain.run({"row": evaluation[300:, 0, step], "h": state})
        state = seen["h_next"]
    assert np.mean(seen["logits"].argmax(axis=1) == labels[300:]) > 0.8
    shapes = {port.name: port.shape for port in (*network.inputs, *network.outputs)}
    assert all(shapes[taken] == shapes[given] for taken, given in lesson_09.STATE.items())


def test_a_folder_beside_the_notebook_or_a_temporary_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert materials.folder("lesson").resolve() == tmp_path / "workbench-autosave" / "lesson"
    assert materials.folder("lesson").is_dir()
    (tmp_path / "workbench-autosave" / "taken").write_text("a file")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "elsewhere"))
    found = materials.folder("taken")
    assert found.is_dir() and found.parent == tmp_path / "elsewhere"


def test_a_command_is_shown_and_run(tmp_path, capsys):
    materials.command("convert", wb.demo.path(), "--to", "fp16", "-o", tmp_path / "half net.onnx")
    said = capsys.readouterr().out
    assert said.startswith("$ python -m workbench convert") and "half net.onnx'" in said
    assert said.endswith("exit code 0\n") and (tmp_path / "half net.onnx").exists()
