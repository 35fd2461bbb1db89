"""Autosave: on disk within a second, found again by the next app, never an error."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.ui.studies import images, small_model
from workbench.messages import WorkbenchError
from workbench.ui.autosave import Autosave, Saved
from workbench.ui.filelock import FileLock
from workbench.ui.study import Study

PROJECT = Path(__file__).parents[2]


@pytest.fixture
def model(tmp_path):
    return small_model(tmp_path)


@pytest.fixture
def studies():
    made = []

    def make(*args, **options):
        made.append(Study(*args, **options))
        made[-1].start()
        return made[-1]

    yield make
    for study in made:
        study.close()


def saved_file(folder, model, number=""):
    return folder / f"small.onnx-{model.sha256[:8]}{number}.json"


def wait_for(path, seconds=1.0):
    end = time.monotonic() + seconds
    while not path.exists() and time.monotonic() < end:
        time.sleep(0.01)
    return path.exists()


def test_a_change_is_on_disk_within_a_second(model, studies, tmp_path):
    folder = tmp_path / "saved"
    study = studies(model, autosave=folder)
    path = saved_file(folder, model)
    time.sleep(0.4)
    assert not path.exists()  # looking writes nothing
    study.set_range("conv2.weight", -0.5, 0.5)
    assert wait_for(path)
    document = json.loads(path.read_text())
    assert document["recipe"]["tensors"]["conv2.weight"]["high"] == 0.5
    assert len(document["history"]["undo"]) == 1


def test_who_only_looks_leaves_no_folder_behind(model, tmp_path):
    study = Study(model, autosave=tmp_path / "saved")
    study.start()
    study.close()
    assert not (tmp_path / "saved").exists()


def test_everything_comes_back(model, studies, tmp_path):
    study = studies(model, images(), autosave=tmp_path / "saved")
    study.wait(60)
    study.set_range("relu_out", 0.0, 1.5)
    study.set_format("conv2.weight", "fp16")
    study.set_format("fc.weight", "int4")
    study.undo()
    study.select("relu_out")
    recipes = [study.recipe, *study.state.history.past, *study.state.history.future]
    study.close()
    again = studies(model, images(), autosave=tmp_path / "saved")
    again.wait(60)
    assert [again.recipe, *again.state.history.past, *again.state.history.future] == recipes
    assert again.selected == "relu_out" and again.layer == "conv2"
    assert any("read again" in str(n) and "2 changes can be undone" in str(n) for n in again.notices)
    again.redo()
    assert again.recipe["fc.weight"].format == "int4"


def test_changes_made_before_the_calibration_is_done_come_back_and_defaults_follow(model, studies, tmp_path):
    study = studies(model, autosave=tmp_path / "saved")  # without data there are no activations yet
    study.set_format("conv2.weight", "int4")
    study.close()
    document = json.loads(saved_file(tmp_path / "saved", model).read_text())
    document["whole"] = False
    saved_file(tmp_path / "saved", model).write_text(json.dumps(document))
    again = studies(model, images(), autosave=tmp_path / "saved")
    again.wait(60)
    assert again.recipe["conv2.weight"].format == "int4" and again.recipe["relu_out"].format == "int8"


def test_none_writes_nothing(model, studies, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = set(tmp_path.iterdir())
    study = studies(model, autosave=None)
    study.set_range("conv2.weight", -0.5, 0.5)
    study.close()
    assert set(tmp_path.iterdir()) == before


def test_a_folder_that_cannot_be_written_is_a_notice(model, studies, tmp_path):
    (tmp_path / "file").write_text("in the way")
    study = studies(model, autosave=tmp_path / "file")
    assert any("not saved" in str(notice) for notice in study.notices)
    study.set_range("conv2.weight", -0.5, 0.5)


def test_a_folder_that_vanishes_is_said_once(model, studies, tmp_path):
    folder = tmp_path / "saved"
    study = studies(model, autosave=folder)
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    for high in (0.5, 0.6):
        study.set_range("conv2.weight", -high, high)
        study.autosave.flush()
    assert len([n for n in study.notices if "no longer saved" in str(n)]) == 1


def test_a_second_app_saves_apart_and_says_so(model, studies, tmp_path):
    folder = tmp_path / "saved"
    first, second = studies(model, autosave=folder), studies(model, autosave=folder)
    assert any("Another app" in str(notice) and "-2.json" in str(notice) for notice in second.notices)
    first.set_range("conv2.weight", -0.5, 0.5)
    second.set_range("conv2.weight", -0.7, 0.7)
    first.close()
    second.close()
    highs = [
        json.loads(saved_file(folder, model, number).read_text())["recipe"]["tensors"]["conv2.weight"]["high"]
        for number in ("", "-2")
    ]
    assert highs == [0.5, 0.7]
    assert not list(folder.glob(".*"))  # no lock is left behind


def test_a_lock_ends_with_its_process(tmp_path):
    target = tmp_path / "a.json"
    code = f"from pathlib import Path; from workbench.ui.filelock import FileLock; import time\n\
lock = FileLock(Path({str(target)!r})); print(lock.acquire(), flush=True); time.sleep(60)"
    other = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=PROJECT)
    assert other.stdout.readline() == "True\n"
    mine = FileLock(target)
    assert not mine.acquire()
    other.kill()
    other.wait()
    other.stdout.close()
    assert mine.acquire()
    mine.release()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"workbench_autosave": 1}', '{"workbench_autosave": 1, "recipe": 3}'])
def test_a_broken_file_is_set_aside(model, studies, tmp_path, text):
    path = saved_file(tmp_path / "saved", model)
    path.parent.mkdir()
    path.write_text(text)
    study = studies(model, autosave=path.parent)
    assert any("could not be read" in str(notice) for notice in study.notices)
    assert path.with_suffix(".unreadable.json").read_text() == text
    study.set_range("conv2.weight", -0.5, 0.5)
    study.close()
    assert path.exists()


@pytest.mark.parametrize("field", ["recipe", "history", "selected", "decided"])
def test_each_field_is_checked(model, field):
    document = Saved(Study(model).recipe, Study(model).state.history).to_json()
    with pytest.raises(WorkbenchError):
        Saved.from_json(document | {field: 3})


def test_no_folder(model):
    autosave = Autosave(None, model)
    assert autosave.read(model) is None
    autosave.later(None)
    autosave.close()
