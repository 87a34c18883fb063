from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from fraud.errors import InputError
from fraud.write_aside import write_aside, write_files_aside, write_folder_aside

HANGING_FILE_WRITER = """
import pathlib, sys, time
from fraud.write_aside import write_aside
with write_aside(pathlib.Path(sys.argv[1])) as aside:
    aside.write_text("half")
    print("writing", flush=True)
    time.sleep(60)
"""
HANGING_FOLDER_WRITER = """
import pathlib, sys, time
from fraud.write_aside import write_folder_aside
with write_folder_aside(pathlib.Path(sys.argv[1]), marker="manifest.json") as aside:
    (aside / "manifest.json").write_text("half")
    print("writing", flush=True)
    time.sleep(60)
"""


class Fault(Exception):
    """A fault in the middle of writing."""


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def kill_while_writing(program: str, target: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", program, str(target)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "writing\n"
        process.send_signal(signal.SIGKILL)


def fill(target: Path, content: str) -> None:
    with write_folder_aside(target, marker="manifest.json") as aside:
        (aside / "manifest.json").write_text(content)
        (aside / "parts").mkdir()
        (aside / "parts" / content).write_text(content)


def test_file_appears_whole_with_its_folders_and_suffixes(tmp_path: Path) -> None:
    target = tmp_path / "new" / "folder" / "rows.csv.gz"
    with write_aside(target) as aside:
        assert aside.name.endswith(".csv.gz")
        assert aside.parent == target.parent
        aside.write_text("rows")
        assert not target.exists()
    assert target.read_text() == "rows"
    assert names(tmp_path) == ["new", "new/folder", "new/folder/rows.csv.gz"]


def test_failed_write_leaves_the_old_file_alone(tmp_path: Path) -> None:
    target = tmp_path / "rows.csv"
    target.write_text("old")
    with pytest.raises(Fault), write_aside(target) as aside:
        aside.write_text("half")
        raise Fault
    assert target.read_text() == "old"
    assert names(tmp_path) == ["rows.csv"]


def test_killed_write_leaves_the_old_file_alone_and_the_next_one_tidies_up(tmp_path: Path) -> None:
    target = tmp_path / "rows.csv"
    target.write_text("old")
    kill_while_writing(HANGING_FILE_WRITER, target)
    assert target.read_text() == "old"
    assert len(names(tmp_path)) == 2
    with write_aside(target) as aside:
        aside.write_text("new")
    assert target.read_text() == "new"
    assert names(tmp_path) == ["rows.csv"]


def test_leavings_of_an_earlier_process_with_our_id_are_removed(tmp_path: Path) -> None:
    # In a container every run may be process 1.
    target = tmp_path / "rows.csv"
    (tmp_path / f".{os.getpid()}-0123abcd.aside.rows.csv").write_text("half")
    (tmp_path / f".{os.getpid()}-0123abcd.aside.other.csv").write_text("not of this target")
    with write_aside(target) as aside:
        aside.write_text("new")
    assert names(tmp_path) == [f".{os.getpid()}-0123abcd.aside.other.csv", "rows.csv"]


def test_two_writers_of_one_target_do_not_meet(tmp_path: Path) -> None:
    target = tmp_path / "rows.csv"
    with write_aside(target) as first, write_aside(target) as second:
        first.write_text("first")
        second.write_text("second")
    assert target.read_text() == "first"
    assert names(tmp_path) == ["rows.csv"]


def test_folder_in_place_of_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a folder; name a file"), write_aside(tmp_path):
        pass


def test_file_in_place_of_the_parent_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="is not a folder"), write_aside(tmp_path / "file" / "rows.csv"):
        pass


@pytest.mark.parametrize("can_exchange", [True, False])
def test_folder_is_replaced_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, can_exchange: bool
) -> None:
    if not can_exchange:
        monkeypatch.setattr("fraud.write_aside._exchange", lambda first, second: False)
    target = tmp_path / "model"
    fill(target, "one")
    fill(target, "two")
    assert names(tmp_path) == ["model", "model/manifest.json", "model/parts", "model/parts/two"]


def test_failed_folder_write_leaves_the_old_folder_alone(tmp_path: Path) -> None:
    target = tmp_path / "model"
    fill(target, "old")
    before = names(tmp_path)
    with pytest.raises(Fault), write_folder_aside(target, marker="manifest.json") as aside:
        (aside / "manifest.json").write_text("half")
        raise Fault
    assert names(tmp_path) == before


def test_killed_folder_write_leaves_the_old_folder_alone_and_the_next_one_tidies_up(tmp_path: Path) -> None:
    target = tmp_path / "model"
    fill(target, "old")
    kill_while_writing(HANGING_FOLDER_WRITER, target)
    assert (target / "manifest.json").read_text() == "old"
    fill(target, "new")
    assert names(tmp_path) == ["model", "model/manifest.json", "model/parts", "model/parts/new"]


def test_folder_with_other_peoples_files_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with (
        pytest.raises(InputError, match=r"holds other files \(no manifest.json\)"),
        write_folder_aside(tmp_path, marker="manifest.json"),
    ):
        pass
    assert names(tmp_path) == ["thesis.txt"]


def test_empty_folder_may_be_filled(tmp_path: Path) -> None:
    target = tmp_path / "model"
    target.mkdir()
    fill(target, "one")
    assert (target / "manifest.json").read_text() == "one"


def test_the_current_folder_may_be_the_target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with write_aside(Path("rows.csv")) as aside:
        aside.write_text("rows")
    target = tmp_path / "model"
    target.mkdir()
    monkeypatch.chdir(target)
    fill(Path(), "one")
    assert (target / "manifest.json").read_text() == "one"
    assert names(tmp_path) == ["model", "model/manifest.json", "model/parts", "model/parts/one", "rows.csv"]


def test_a_link_keeps_pointing_at_what_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    link = tmp_path / "link.csv"
    link.symlink_to(tmp_path / "real" / "rows.csv")
    with write_aside(link) as aside:
        aside.write_text("rows")
    assert link.is_symlink()
    assert (tmp_path / "real" / "rows.csv").read_text() == "rows"


def test_several_files_come_whole_and_leavings_go(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    left = folder / ".999999-00000000.aside.c.json"
    left.write_bytes(b"half")
    write_files_aside(folder, {"a.json": b"1", "b.json": b"2"})
    write_files_aside(folder, {"b.json": b"3"})
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == {"a.json": b"1", "b.json": b"3"}


def test_of_several_files_none_is_half(tmp_path: Path) -> None:
    (tmp_path / "b.json").mkdir()
    with pytest.raises(OSError, match=r"b\.json"):
        write_files_aside(tmp_path, {"b.json": b"2"})
    assert [file.name for file in tmp_path.iterdir()] == ["b.json"]
