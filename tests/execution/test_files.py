"""Files are whole or absent; links never hide a real file; scratch of the dead is swept."""

import errno
import os
import socket
import subprocess
from pathlib import Path

import pytest

from lstosa_luigi.execution import files

HOST = socket.gethostname()


def names(folder):
    return sorted(path.name for path in folder.iterdir())


# --- writing and placing -------------------------------------------------------------------


def test_small_file_is_written_with_its_directory(tmp_path):
    path = tmp_path / "a/b/flag.json"
    files.write_whole(path, "é\n")
    assert path.read_bytes() == "é\n".encode()
    assert names(path.parent) == ["flag.json"]


def test_file_that_cannot_be_written_leaves_what_was_there(tmp_path):
    path = tmp_path / "flag.json"
    files.write_whole(path, "before")
    with pytest.raises(UnicodeEncodeError):
        files.write_whole(path, "half" + "\udcff")
    assert path.read_text() == "before"
    assert names(tmp_path) == ["flag.json"]


def test_product_is_moved_over_what_was_there(tmp_path):
    made, final = tmp_path / "made", tmp_path / "dl1/final"
    made.write_text("new")
    final.parent.mkdir()
    final.write_text("old")
    files.place(made, final)
    assert final.read_text() == "new"
    assert names(tmp_path) == ["dl1"]


@pytest.fixture
def other_file_system(monkeypatch, tmp_path):
    """Let ``made`` lie on another file system than all else."""
    replace = Path.replace

    def refuse(self, target):
        if self.name == "made":
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", refuse)
    made = tmp_path / "made"
    made.write_text("new")
    return made


def test_product_comes_from_another_file_system(tmp_path, other_file_system):
    files.place(other_file_system, tmp_path / "dl1/final")
    assert (tmp_path / "dl1/final").read_text() == "new"
    assert names(tmp_path) == ["dl1"]
    assert names(tmp_path / "dl1") == ["final"]


def test_copy_that_breaks_off_leaves_no_final_name(monkeypatch, tmp_path, other_file_system):
    def break_off(_source, target):
        Path(target).write_text("ha")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(files, "copy", break_off)
    with pytest.raises(OSError, match="No space left"):
        files.place(other_file_system, tmp_path / "dl1/final")
    assert names(tmp_path / "dl1") == []
    assert other_file_system.exists()


# --- links ---------------------------------------------------------------------------------


def test_link_is_relative_so_that_a_tree_may_be_moved(tmp_path):
    target = tmp_path / "old/DL1/file"
    files.write_whole(target, "data")
    files.link(tmp_path / "old/running/night/file", target)
    (tmp_path / "old").rename(tmp_path / "new")
    link = tmp_path / "new/running/night/file"
    assert link.is_symlink()
    assert link.read_text() == "data"


@pytest.mark.parametrize("before", ["nothing", "same link", "other link", "dangling link"])
def test_link_points_to_the_file_whatever_link_was_there(tmp_path, before):
    target, at = tmp_path / "file", tmp_path / "link"
    target.write_text("data")
    (tmp_path / "other").write_text("other")
    if before != "nothing":
        at.symlink_to({"same link": "file", "other link": "other", "dangling link": "lost"}[before])
    files.link(at, target)
    assert at.readlink() == Path("file")
    assert names(tmp_path) == ["file", "link", "other"]


def test_real_file_is_not_replaced_by_a_link(tmp_path):
    target, at = tmp_path / "file", tmp_path / "link"
    target.write_text("data")
    at.write_text("precious")
    files.link(at, target)
    assert not at.is_symlink()
    assert at.read_text() == "precious"


def test_link_that_cannot_be_put_in_place_leaves_nothing(monkeypatch, tmp_path):
    def refuse(_self, _target):
        raise OSError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(PermissionError):
        files.link(tmp_path / "link", tmp_path / "file")
    assert names(tmp_path) == []


# --- scratch -------------------------------------------------------------------------------


def dead_pid():
    process = subprocess.Popen(["/bin/true"])
    process.wait()
    return process.pid


def test_scratch_of_the_dead_is_removed_and_that_of_others_left(tmp_path):
    scratch = tmp_path / ".scratch"
    mine = files.scratch_name("job.1")
    left = [
        mine,
        f"job.1@other-host@{dead_pid()}@5",
        "job.1@not-of-ours",
        "somebody's notes",
    ]
    removed = [
        f"job.1@{HOST}@{dead_pid()}@5",
        f"job.1@{HOST}@{os.getpid()}@5",  # the number of the process was given out again
    ]
    for name in (*left, *removed):
        (scratch / name / "in").mkdir(parents=True)
        (scratch / name / "in/dl1.h5").write_text("half")
    assert sorted(files.sweep(scratch)) == sorted(removed)
    assert names(scratch) == sorted(left)
    assert (scratch / mine / "in/dl1.h5").exists()


def test_files_on_their_way_to_a_name_are_swept_as_well(tmp_path):
    file = tmp_path / f".NightFinished.txt@{HOST}@{dead_pid()}@5"
    file.write_text("{")
    (tmp_path / "NightFinished.txt").write_text("{}")
    assert files.sweep(tmp_path) == [file.name]
    assert names(tmp_path) == ["NightFinished.txt"]


def test_empty_scratch_disappears(tmp_path):
    scratch = tmp_path / ".scratch"
    (scratch / f"job.1@{HOST}@{dead_pid()}@5").mkdir(parents=True)
    files.sweep(scratch)
    assert not scratch.exists()


def test_there_may_be_no_scratch_at_all(tmp_path):
    assert files.sweep(tmp_path / ".scratch") == []


def test_command_that_outlived_its_job_is_killed(tmp_path):
    folder = tmp_path / f".scratch/job.1@{HOST}@{dead_pid()}@5"
    folder.mkdir(parents=True)
    orphan = subprocess.Popen(["/bin/sleep", "600"], cwd=folder, start_new_session=True)
    elsewhere = subprocess.Popen(["/bin/sleep", "600"], cwd=tmp_path, start_new_session=True)
    try:
        files.sweep(folder.parent)
        assert orphan.wait(30) == -9
        assert elsewhere.poll() is None
        assert not folder.exists()
    finally:
        for process in (orphan, elsewhere):
            process.kill()
            process.wait()
