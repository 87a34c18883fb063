"""Snapshots: whole or passed over, written beside the work, and the newest that is of use is taken."""

from __future__ import annotations

import logging
import resource
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fraud.errors import StoreError
from graph.online import OnlineGraph
from graph.seen import SeenIds
from stream.snapshots import KEPT, Snapshots
from stream.state import LedgerState
from tests.graph.streams import random_stream, to_events
from tests.stream.test_ledger_state import assert_equal

STREAM = random_stream(seed=3, length=400)
FILES = ("graph.bin", "seen.npz", "manifest.json")


def state_at(position: int) -> LedgerState:
    """The state of a made-up ledger of ten events an entry, at a position."""
    state = LedgerState(OnlineGraph(memory_budget=0), SeenIds(50), position)
    state.graph.observe(to_events(STREAM[: 10 * position]))
    state.seen.admit([f"t-{number}" for number in range(10 * position)])
    state.settled = {("transactions", 0): 7 * position, ("transactions", 1): position, ("labels", 0): 3}
    return state


@pytest.fixture
def snapshots(tmp_path: Path) -> Snapshots:
    return Snapshots(tmp_path / "state")


def found(snapshots: Snapshots, **undecided: int) -> LedgerState:
    offsets = {("transactions", int(name[1:])): offset for name, offset in undecided.items()}
    state = snapshots.newest(offsets)  # type: ignore[arg-type]
    assert state is not None
    return state


@pytest.mark.parametrize("position", [0, 1, 20])
def test_what_is_loaded_is_what_was_saved(snapshots: Snapshots, position: int) -> None:
    state = state_at(position)
    snapshots.save(state)
    again = found(snapshots)
    assert_equal(again, state)
    more = [f"t-{number}" for number in range(10 * position - 70, 10 * position + 5)]
    assert again.seen.admit(more).tolist() == state.seen.admit(more).tolist()


def test_the_newest_is_taken_and_the_oldest_go(snapshots: Snapshots) -> None:
    for position in (0, 2, 4, 6, 8, 10):
        snapshots.save(state_at(position))
    assert snapshots.positions() == [10, 8, 6, 0]
    assert len(snapshots.positions()) == KEPT + 1
    assert found(snapshots).position == 10
    seed = snapshots.seed()
    assert seed is not None
    assert_equal(seed, state_at(0))


def test_one_that_is_past_undecided_rows_is_not_taken(snapshots: Snapshots) -> None:
    for position in (0, 2, 4, 6):
        snapshots.save(state_at(position))
    assert found(snapshots, p0=42, p1=6).position == 6
    assert found(snapshots, p0=41, p1=6).position == 4
    assert found(snapshots, p0=42, p1=5).position == 4
    assert found(snapshots, p1=2).position == 2
    assert found(snapshots, p0=0, p1=99).position == 0
    assert found(snapshots, p7=0).position == 6
    assert Snapshots(snapshots.folder / "none").newest() is None


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", ["cut", "emptied", "first byte", "middle byte", "last byte", "removed"])
def test_a_damaged_one_is_passed_over_with_a_warning(
    snapshots: Snapshots, name: str, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    for position in (3, 5):
        snapshots.save(state_at(position))
    path = snapshots.folder / f"{5:020d}" / name
    content = path.read_bytes()
    flipped = {"first byte": 0, "middle byte": len(content) // 2, "last byte": len(content) - 1}
    if damage == "removed":
        path.unlink()
    elif damage in flipped:
        place = flipped[damage]
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
    else:
        path.write_bytes(content[: len(content) // 2 if damage == "cut" else 0])
    with caplog.at_level(logging.WARNING):
        assert_equal(found(snapshots), state_at(3))
    assert [one.message.partition(":")[0] for one in caplog.records] == [
        "snapshot at ledger 5 is passed over"
    ]
    assert "\n" not in caplog.text.strip()


def test_every_byte_of_the_manifest_counts(snapshots: Snapshots) -> None:
    """A changed digit in an offset would lose or double transactions in silence."""
    snapshots.save(state_at(3))
    path = snapshots.folder / f"{3:020d}" / "manifest.json"
    content = path.read_bytes()
    for place in range(len(content)):
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        assert snapshots.newest() is None, content[:place]
    path.write_bytes(content)
    assert_equal(found(snapshots), state_at(3))


def test_one_of_another_format_is_passed_over(
    snapshots: Snapshots, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    snapshots.save(state_at(3))
    monkeypatch.setattr("stream.snapshots.FORMAT", 2)
    snapshots.save(state_at(5))
    monkeypatch.undo()
    assert found(snapshots).position == 3
    assert "format 2, this release reads 1" in caplog.text


def test_a_background_snapshot_is_of_the_moment_it_was_begun(snapshots: Snapshots) -> None:
    state = state_at(20)
    saving = snapshots.save_in_background(state)
    state.graph.observe(to_events(STREAM[200:]))
    state.seen.admit([f"t-{number}" for number in range(1_000)])
    state.position, state.settled = 40, {}
    assert saving.wait()
    assert saving.done()
    assert snapshots.positions() == [20]
    assert_equal(found(snapshots), state_at(20))


def test_the_caller_never_waits_for_a_background_snapshot(snapshots: Snapshots) -> None:
    saving = snapshots.save_in_background(state_at(20))
    until = time.monotonic() + 20
    while not saving.done():
        assert time.monotonic() < until
        time.sleep(0.01)
    assert saving.wait()


def test_of_two_savers_one_writes_and_the_other_goes_on(snapshots: Snapshots) -> None:
    states = [state_at(20), state_at(10), state_at(20)]
    savings = [snapshots.save_in_background(one) for one in states]
    assert all(one.wait() for one in savings)
    positions = snapshots.positions()
    assert positions
    assert set(positions) <= {20, 10}
    assert_equal(found(snapshots), state_at(positions[0]))
    assert leftovers(snapshots) == []


def leftovers(snapshots: Snapshots) -> list[str]:
    return [path.name for path in snapshots.folder.iterdir() if ".aside." in path.name]


def test_leavings_of_a_killed_saver_are_removed(snapshots: Snapshots) -> None:
    script = """
        import os, signal, sys
        from pathlib import Path
        from tests.stream.test_snapshots import state_at
        from stream import snapshots
        snapshots._sha256 = lambda path: os.kill(os.getpid(), signal.SIGKILL)
        snapshots.Snapshots(Path(sys.argv[1])).save(state_at(4))
    """
    command = [sys.executable, "-c", textwrap.dedent(script), str(snapshots.folder)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert len(leftovers(snapshots)) == 1
    assert snapshots.newest() is None
    snapshots.save(state_at(6))
    assert leftovers(snapshots) == []
    assert snapshots.positions() == [6]


@contextmanager
def full_disk() -> Iterator[None]:
    """Files of this process, and of its children, end after 20,000 bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_leaves_what_is_there(
    snapshots: Snapshots, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    snapshots.save(state_at(20))
    later = state_at(30)
    with full_disk():
        saving = snapshots.save_in_background(later)
        assert not saving.wait()
        with pytest.raises(StoreError, match="File too large"):
            snapshots.save(later)
    assert "snapshot at ledger 30 failed with status 1" in caplog.text
    assert capfd.readouterr().err.startswith("ringfence: snapshot at ledger 30: ")
    assert snapshots.positions() == [20]
    assert leftovers(snapshots) == []
    snapshots.save(later)
    assert_equal(found(snapshots), later)


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="the state cannot be saved"):
        Snapshots(tmp_path / "file" / "state").save(state_at(1))
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
