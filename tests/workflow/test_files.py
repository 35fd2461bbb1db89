"""Files are written whole or not at all."""

import os
import stat
from pathlib import Path

import pytest

from workbench.messages import WorkbenchError
from workbench.workflow.files import beside, new_file, new_files, place_of, read_json, write_text


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


def test_finding_the_permissions_of_a_new_file_touches_nothing_of_the_process(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "umask", lambda mask: pytest.fail("other threads would write with this mask"))
    write_text(tmp_path / "a.txt", "x")
    (tmp_path / "b.txt").write_text("x")
    assert (tmp_path / "a.txt").stat().st_mode == (tmp_path / "b.txt").stat().st_mode


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o666])
def test_what_replaces_a_file_has_its_permissions(tmp_path, mode):
    place = tmp_path / "a.txt"
    place.write_text("old")
    place.chmod(mode)
    with new_files(place) as staged:
        other = beside(staged.path, "a" * 64, ".data")
        for path in (staged.path, other):
            path.write_text("new")
    assert place.read_text() == "new" and [file.stat().st_mode & 0o777 for file in staged.files] == [mode] * 2


def test_a_file_that_somebody_else_may_write_alone_is_refused(tmp_path, monkeypatch):
    place = tmp_path / "a.txt"
    place.write_text("old")
    monkeypatch.setattr(os, "access", lambda path, mode: not (Path(path) == place and mode & os.W_OK))
    with pytest.raises(WorkbenchError, match="a.txt belongs to somebody who allows no writing; give another name"):
        write_text(place, "new")
    write_text(tmp_path / "b.txt", "new")
    assert place.read_text() == "old"


def test_a_folder_that_cannot_be_written(tmp_path):
    with pytest.raises(WorkbenchError, match="cannot write"):
        write_text(tmp_path / "missing" / "a.txt", "x")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_not_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(WorkbenchError, match="is a device or a pipe; give the name of a file"):
        write_text(tmp_path / "pipe", "x")
    assert (tmp_path / "pipe").is_fifo() and len([*tmp_path.iterdir()]) == 1


def test_a_link_stays_and_its_file_is_replaced(tmp_path):
    place, link = tmp_path / "real" / "a.txt", tmp_path / "link.txt"
    place.parent.mkdir()
    place.write_text("old")
    link.symlink_to(Path("real") / "a.txt")
    with new_files(link) as staged:
        staged.path.write_text("new")
    assert link.is_symlink() and not place.is_symlink() and place.read_text() == "new"
    assert staged.files == (place,) and [*place.parent.iterdir()] == [place]
    place.unlink()
    write_text(link, "newer")  # a link to what is not there yet
    assert link.is_symlink() and place.read_text() == "newer"
    with pytest.raises(RuntimeError), new_file(link):
        raise RuntimeError
    assert place.read_text() == "newer" and {*tmp_path.iterdir()} == {link, place.parent}


def test_links_to_what_is_no_plain_file(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "to_folder").symlink_to(tmp_path / "folder")
    with pytest.raises(WorkbenchError, match="to_folder is a directory; give the name of a file"):
        write_text(tmp_path / "to_folder", "x")
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    with pytest.raises(WorkbenchError, match="cannot write .*circle"):
        write_text(tmp_path / "circle", "x")
    assert (tmp_path / "circle").is_symlink() and len([*tmp_path.iterdir()]) == 3


def test_a_set_is_not_parted_by_a_link(tmp_path):
    (tmp_path / "real").mkdir()
    near, far = tmp_path / "real" / "near", tmp_path / "far"
    for link in (near, far):
        link.symlink_to(tmp_path / "real" / "a.onnx")

    def written(link):
        with new_files(link) as staged:
            for path in (staged.path, beside(staged.path, "a" * 64, ".data")):
                path.write_text("x")

    with pytest.raises(WorkbenchError, match="far is a link, and files beside .* give .*a.onnx itself"):
        written(far)
    assert {*(tmp_path / "real").iterdir()} == {near}
    written(near)
    assert {path.name for path in near.parent.iterdir()} == {"near", "a.onnx", f"a.onnx.{'a' * 12}.data"}


def test_a_file_that_is_read_only_is_refused(tmp_path):
    place = tmp_path / "a.txt"
    place.write_text("old")
    place.chmod(stat.S_IRUSR)
    (tmp_path / "link").symlink_to(place)
    for path in (place, tmp_path / "link"):
        with pytest.raises(WorkbenchError, match=f"{path.name} is read-only; give another name"):
            place_of(path)
        with pytest.raises(WorkbenchError, match="is read-only"):
            write_text(path, "new")
    assert place.read_text() == "old" and len([*tmp_path.iterdir()]) == 2
    place.chmod(stat.S_IRUSR | stat.S_IWUSR)
    assert place_of(tmp_path / "link") == place


@pytest.mark.parametrize(("name", "said"), [("a" * 300, "File name too long"), ("a\0b", "is no name of a file")])
def test_names_that_no_file_can_have(tmp_path, name, said):
    with pytest.raises(WorkbenchError, match=said):
        write_text(tmp_path / name, "x")


def test_a_field_that_is_there_twice(tmp_path):
    (tmp_path / "a.json").write_text('{"a": {"b": 1, "c": 2, "b": 3}}')
    with pytest.raises(WorkbenchError, match="field 'b' is there twice in one object"):
        read_json(tmp_path / "a.json")


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
