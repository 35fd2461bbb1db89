"""Files are written whole or not at all."""

import os

import pytest

from workbench.messages import WorkbenchError
from workbench.workflow.files import beside, new_file, new_files, read_json, write_text


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    target = tmp_path / "a.txt"
    target.write_text("old")
    with pytest.raises(RuntimeError), new_file(target) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert target.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_files_of_the_former_set_go_with_those_that_they_refer_to(tmp_path):
    for digest in ("a" * 64, "b" * 64):
        with new_files(tmp_path / "n.json") as staged:
            network = beside(staged.path, digest, ".onnx")
            for path in (staged.path, network, beside(network, digest, ".data")):
                path.write_text(digest)
        assert set(tmp_path.iterdir()) == set(staged.files) and len(staged.files) == 3


def test_a_former_file_that_cannot_be_removed_is_no_failure(tmp_path, monkeypatch):
    former = tmp_path / f"a.txt.{'0' * 12}.data"
    former.write_text("old")

    def refused(path, *, dir_fd=None):
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patched:
        patched.setattr(os, "unlink", refused)
        with new_files(tmp_path / "a.txt") as staged:
            staged.path.write_text("new")
    assert staged.files == (tmp_path / "a.txt",) and former.exists()
    write_text(tmp_path / "a.txt", "newer")
    assert not former.exists()


def test_written_files_follow_the_umask(tmp_path):
    before = os.umask(0o027)
    try:
        write_text(tmp_path / "a.txt", "x")
    finally:
        os.umask(before)
    assert (tmp_path / "a.txt").stat().st_mode & 0o777 == 0o640


def test_a_folder_that_cannot_be_written(tmp_path):
    with pytest.raises(WorkbenchError, match="cannot write"):
        write_text(tmp_path / "missing" / "a.txt", "x")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_not_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(WorkbenchError, match="is a device or a pipe; give the name of a file"):
        write_text(tmp_path / "pipe", "x")
    assert (tmp_path / "pipe").is_fifo() and len([*tmp_path.iterdir()]) == 1


@pytest.mark.parametrize(("name", "said"), [("a" * 300, "File name too long"), ("a\0b", "is no name of a file")])
def test_names_that_no_file_can_have(tmp_path, name, said):
    with pytest.raises(WorkbenchError, match=said):
        write_text(tmp_path / name, "x")


@pytest.mark.parametrize("content", [b"\xff\xfe", b"{", b"[" * 100_000, b"1" * 10_000])
def test_what_is_no_json(tmp_path, content):
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(WorkbenchError, match="not a JSON text"):
        read_json(path)


def test_a_missing_file_and_a_directory(tmp_path):
    with pytest.raises(WorkbenchError, match="no such file"):
        read_json(tmp_path / "none.json")
    with pytest.raises(WorkbenchError, match="not a regular file"):
        read_json(tmp_path)
