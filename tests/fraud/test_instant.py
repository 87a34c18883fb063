from __future__ import annotations

from datetime import UTC, datetime

import pytest

from fraud.errors import InputError
from fraud.instant import parse_instant


@pytest.mark.parametrize(
    "text",
    [
        "2025-10-21",
        "2025-10-21T00:00:00Z",
        "2025-10-21 00:00:00",
        "2025-10-21T02:00:00+02:00",
        "2025-10-21T00:00:00.000Z",
    ],
)
def test_iso_times_are_utc(text: str) -> None:
    assert parse_instant(text) == datetime(2025, 10, 21, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "yesterday", "21.10.2025", "2025-13-01"])
def test_other_texts_are_refused_in_one_line(text: str) -> None:
    with pytest.raises(InputError, match="ISO-8601"):
        parse_instant(text)
