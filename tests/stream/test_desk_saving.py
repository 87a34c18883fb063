"""A desk whose memory takes long to save does not spend its time on saving it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from fraud.alert import Alert
from fraud.record import Record
from fraud.record_rows import SavedState
from fraud.settings import Settings
from stream.desk import RingDesk
from stream.desk_follower import DeskFollower
from stream.scored import ScoredMessage

SAVING_SECONDS = 2.0


class Kept:
    """The record of a desk that raises nothing: notes up to where each saving came."""

    def __init__(self, folder: Path) -> None:
        self._record = Record.open(f"sqlite:///{folder}/record.sqlite3")
        self.engine = self._record.engine
        self.saved: list[int] = []

    def state(self, name: str) -> SavedState | None:
        return None

    def unsent_alerts(self, most: int) -> list[Alert]:
        return []

    def write_batch(self, *, states: Iterable[SavedState] = (), **_: Any) -> None:
        self.saved += [one.position for one in states]

    def close(self) -> None:
        self._record.close()


class Clock:
    """Time passes when it is said to."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def monotonic(self) -> float:
        return self.now


def test_saving_takes_a_tenth_of_the_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, record = Clock(), Kept(tmp_path)

    def slowly(desk: RingDesk) -> bytes:
        clock.now += SAVING_SECONDS
        return b""

    monkeypatch.setattr(RingDesk, "to_bytes", slowly)
    monkeypatch.setattr("stream.desk_follower.time", clock)

    async def test() -> None:
        desk = DeskFollower(Settings.load(home=tmp_path), None, record, 1, None)  # type: ignore[arg-type]
        for position in range(1, 120):
            clock.now += 1.0
            await desk.take([ScoredMessage(position, [0])])
            await desk.tend()
        saved = record.saved
        assert saved[0] == 1
        assert all(later - before == 10 * SAVING_SECONDS + 1 for before, later in pairwise(saved[1:]))
        assert len(saved) > 3
        await desk.take([ScoredMessage(120, [0])])
        assert record.saved[-1] < 120
        # Who gives up its place saves whatever it costs.
        await desk.finish()
        assert record.saved[-1] == 120
        await desk.take([ScoredMessage(130, [0])])
        await desk.finish()
        assert record.saved[-1] == 120

    try:
        asyncio.run(test())
    finally:
        record.close()
