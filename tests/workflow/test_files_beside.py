"""Files beside a main one: they come and go with it, and nobody else's file goes."""

import hashlib
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import workbench
from workbench.messages import WorkbenchError
from workbench.workflow import files, staging
from workbench.workflow.file_sets import former_set, set_of
from workbench.workflow.files import beside, new_file, new_files, write_text


def digest_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def refused(path, *, dir_fd=None):
    raise PermissionError(13, "Permission denied")


def write_set(target: Path, content: bytes) -> tuple[Path, ...]:
    """A main file that names the one beside it, which holds `content`."""
    with new_files(target) as staged:
        data = beside(staged.path, digest_of(content), ".data")
        data.write_bytes(content)
        staged.path.write_text(f"see {data.name}.")
    return staged.files


def is_whole(target: Path) -> bool:
    return (target.parent / target.read_text()[4:-1]).is_file()


def test_files_of_the_former_set_go_with_those_that_they_refer_to(tmp_path):
    for content in (b"a", b"b"):
        with new_files(tmp_path / "n.json") as staged:
            network = beside(staged.path, "0" * 64 if content == b"a" else "1" * 64, ".onnx")
            data = beside(network, digest_of(content), ".data")
            staged.path.write_text(network.name)
            network.write_text(data.name)
            data.write_bytes(content)
        assert set(tmp_path.iterdir()) == set(staged.files) and len(staged.files) == 3
    write_text(tmp_path / "n.json", "{}")
    assert [*tmp_path.iterdir()] == [tmp_path / "n.json"]


def test_files_of_others_beside_the_target_stay(tmp_path):
    """Whatever they are called, referred to or not, and whatever is written in their midst."""
    target = tmp_path / "m.json"
    content = b"of a model that was renamed"
    named = beside(target, digest_of(content), ".data")
    others = [tmp_path / name for name in ("m.json.202611212215.bak", "m.json.0123456789ab.data", "m.json.bak")]
    for path in (*others, named):
        path.write_bytes(content)
    folder = tmp_path / "m.json.0123456789ab.onnx"
    folder.mkdir()
    target.write_text(" ".join(path.name for path in (*others, folder)))  # but what they hold is not what they say
    assert former_set(target) == set() and len(set_of(target)) == 2
    for _ in range(2):
        write_text(target, "{}")
        write_set(target, b"a")
    assert {*tmp_path.iterdir()} == {*others, named, folder, target, beside(target, digest_of(b"a"), ".data")}


def test_a_main_file_that_was_renamed_keeps_its_set(tmp_path):
    _, data = write_set(tmp_path / "a.onnx", b"a")
    (tmp_path / "a.onnx").rename(tmp_path / "good.onnx")
    write_set(tmp_path / "a.onnx", b"b")
    assert is_whole(tmp_path / "good.onnx") and is_whole(tmp_path / "a.onnx") and data.exists()


def test_a_former_file_that_cannot_be_removed_is_removed_by_the_next_writer(tmp_path, monkeypatch):
    _, former = write_set(tmp_path / "a.txt", b"old")

    with monkeypatch.context() as patched:
        patched.setattr(os, "unlink", refused)
        write_text(tmp_path / "a.txt", "new")
    assert (tmp_path / "a.txt").read_text() == "new" and former.exists()
    write_text(tmp_path / "other.txt", "x")
    assert {path.name for path in tmp_path.iterdir()} == {"a.txt", "other.txt"}


def test_what_was_noted_and_is_referred_to_again_stays(tmp_path, monkeypatch):
    target = tmp_path / "a.txt"
    _, data = write_set(target, b"old")
    with monkeypatch.context() as patched:
        patched.setattr(os, "unlink", refused)
        write_text(target, "new")
    target.write_text(f"see {data.name}.")
    write_text(tmp_path / "other.txt", "x")
    assert is_whole(target) and {*tmp_path.iterdir()} == {target, data, tmp_path / "other.txt"}


def test_notes_name_nothing_but_files_beside_the_target(tmp_path):
    inside = tmp_path / "a.txt.0123456789ab.data" / "x"  # a directory is no file
    deep = tmp_path / "in" / "b.txt.0123456789ab.data"
    kept = [tmp_path / "b.txt", tmp_path / "a.txt", inside, deep]
    for path in kept:
        path.parent.mkdir(exist_ok=True)
        path.write_text("x")
    names = ["b.txt", "a.txt", "a.txt.0123456789ab.data", "in/b.txt.0123456789ab.data"]
    notes = [{"main": main, "former": names, "added": []} for main in ("a.txt", "b.txt", "in/b.txt", "", "..", 5)]
    for text in [*map(json.dumps, notes), "[]", "{", ""]:
        left = tmp_path / f"{staging._begin()}0-abc"
        left.mkdir()
        (left / ".moves").write_text(text)
        staging.remove_left_behind(tmp_path)
        assert not left.exists() and all(path.exists() for path in kept)


def test_two_writers_of_one_target_leave_a_whole_set(tmp_path):
    target = tmp_path / "m.onnx"
    for turn in range(40):
        contents = [f"{turn} {i}".encode() for i in range(3)]
        threads = [threading.Thread(target=write_set, args=(target, content)) for content in contents]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert is_whole(target)
        assert len([*tmp_path.iterdir()]) == 2


def test_without_locks_one_in_the_midst_of_another_leaves_a_whole_set(tmp_path, monkeypatch):
    """A has moved its data and not its main file; B does all of its own meanwhile."""
    target, flush = tmp_path / "m.onnx", files._flush_folder
    write_set(target, b"old")
    monkeypatch.setattr(staging, "_WAIT", 0.0)

    def hooked(folder):
        monkeypatch.setattr(files, "_flush_folder", flush)
        flush(folder)
        write_set(target, b"B")

    monkeypatch.setattr(files, "_flush_folder", hooked)
    write_set(target, b"A")
    assert is_whole(target) and beside(target, digest_of(b"A"), ".data").exists()


def test_a_set_that_lost_a_file_is_said(tmp_path, monkeypatch):
    """Two machines on a disk without locks: the other one removes what it takes for the former set."""
    target, flush = tmp_path / "m.onnx", files._flush_folder

    def hooked(folder):
        flush(folder)
        beside(target, digest_of(b"A"), ".data").unlink(missing_ok=True)

    monkeypatch.setattr(files, "_flush_folder", hooked)
    with pytest.raises(WorkbenchError, match=r"another program wrote .*m\.onnx at the same time .*write it again"):
        write_set(target, b"A")


KILLED = """
import os, signal, sys
from workbench.workflow.files import new_file

with new_file(sys.argv[1]) as path:
    path.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(os.name != "posix", reason="needs signals")
def test_what_a_killed_process_left_is_removed_and_nothing_else(tmp_path):
    root = Path(workbench.__file__).parents[1]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    ended = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "a.txt")], env=environment, cwd=root)
    (left,) = tmp_path.iterdir()
    assert ended.returncode < 0 and left.is_dir() and (left / "a.txt").read_text() == "half"
    words = left.name.rsplit("-", 2)  # machine, process, what makes it unique
    elsewhere = left.with_name(left.name.replace(words[0], ".workbench-00000000"))
    foreign = [tmp_path / ".a.txt.abcdefgh", tmp_path / "work", elsewhere, left.with_name(f"{left.name}.kept")]
    for folder in foreign:
        folder.mkdir()
    with new_file(tmp_path / "b.txt") as outer:  # of a living process
        write_text(tmp_path / "a.txt", "whole")
        assert not left.exists() and outer.parent.is_dir()
        outer.write_text("x")
    assert {*tmp_path.iterdir()} == {*foreign, tmp_path / "a.txt", tmp_path / "b.txt"}


@pytest.mark.parametrize(("machine", "age", "gone"), [("", 0, False), ("", 4000, True), ("0a1b2c", 0, True)])
def test_a_machine_that_cannot_be_told_from_others_waits_an_hour(tmp_path, monkeypatch, machine, age, gone):
    (tmp_path / "id").write_text(machine)
    monkeypatch.setattr(staging, "_MACHINE", (str(tmp_path / "none"), str(tmp_path / "id")))
    monkeypatch.setattr(staging, "_lives", lambda process: False)
    left = tmp_path / f"{staging._begin()}123-abc"
    left.mkdir()
    since = left.stat().st_mtime - age
    os.utime(left, (since, since))
    write_text(tmp_path / "a.txt", "x")
    assert left.exists() is not gone


def test_staging_folders_are_named_for_their_machine(tmp_path, monkeypatch):
    names = set()
    for words in ("one", "two"):
        (tmp_path / "id").write_text(words)
        monkeypatch.setattr(staging, "_MACHINE", (str(tmp_path / "id"),))
        names.add(staging._begin())
    assert len(names) == 2
