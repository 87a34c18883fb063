"""Alerts reach the outbox folder whole, once a state, also when the sender dies before it can say so."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from fraud.alert import Alert, Severity, Subject
from fraud.decision import Reason
from fraud.outbox import deliver
from fraud.record import Record
from fraud.ring import NodeKind, RingMember

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def alert(version: int) -> Alert:
    return Alert(
        alert_id="ring-ring-ab12",
        version=version,
        subject=Subject.RING,
        subject_id="ring-ab12",
        kind="shared_device",
        severity=Severity.HIGH,
        score=0.5,
        money=120.0,
        members=(RingMember("a_x", NodeKind.ACCOUNT, "payer", 0.5, NOW),),
        reasons=(Reason("ring", "3 accounts are tied by a device"),),
        opened_at=NOW,
        first_seen=NOW,
        last_seen=NOW,
    )


@pytest.fixture
def record(tmp_path: Path) -> Record:
    record = Record.open(f"sqlite:///{tmp_path}/record.sqlite3")
    record.write_batch([], [], alerts=[alert(1), alert(2)])
    return record


def test_every_state_becomes_one_file(record: Record, tmp_path: Path) -> None:
    assert deliver(record, tmp_path / "outbox") == 2
    files = sorted((tmp_path / "outbox").iterdir())
    assert [file.name for file in files] == ["ring-ring-ab12-v0001.json", "ring-ring-ab12-v0002.json"]
    assert msgspec.json.decode(files[1].read_bytes(), type=Alert) == alert(2)
    assert deliver(record, tmp_path / "outbox") == 0


def test_a_crash_before_the_mark_loses_and_doubles_nothing(
    record: Record, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Record, "mark_sent", die)
        with pytest.raises(KeyboardInterrupt):
            deliver(record, tmp_path / "outbox")
    assert deliver(record, tmp_path / "outbox") == 2
    assert len(list((tmp_path / "outbox").iterdir())) == 2
