"""Files are written whole or not at all."""

import os

import pytest

from workbench.messages import WorkbenchError
from workbench.workflow.files import new_file, read_json, write_text


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    target = tmp_path / "a.txt"
    target.write_text("old")
    with pytest.raises(RuntimeError), new_file(target) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert target.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


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


@pytest.mark.parametrize("content", [b"\xff\xfe", b"{", b"[" * 100_000])
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
