"""Small files for the tests of readers."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime
from pathlib import Path

from data.admission import ReadOptions
from data.dead_letters import default_target, read_dead_letters

LATEST = datetime(2030, 1, 1, tzinfo=UTC)
OPTIONS = ReadOptions(latest=LATEST)

HEADER = "transaction_id,event_time,account_id,amount,merchant_id"
ROW = "t{n},2026-03-01T12:00:0{n}Z,a{n},1{n}.50,m1"


def write(path: Path, content: str | bytes) -> Path:
    data = content.encode() if isinstance(content, str) else content
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def refused(source: Path) -> dict[int, str]:
    """Row number to field and reason of the dead letters of a file; each row is there once."""
    target = default_target(source)
    letters = read_dead_letters(target) if target.exists() else []
    found = {letter.position: f"{letter.field}: {letter.reason}" for letter in letters}
    assert len(found) == len(letters)
    assert all(letter.source == str(source) for letter in letters)
    return found
