from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fraud.errors import RecordError
from fraud.transaction import LONGEST_RECORD, check, parse
from tests.fraud.records import GOOD, LATEST, records


def test_a_good_record_is_read_from_bytes_and_from_a_mapping() -> None:
    transaction = parse(json.dumps(GOOD).encode(), latest=LATEST)
    assert transaction == check(GOOD, latest=LATEST)
    assert transaction.event_time == datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert transaction.counterparty_id is None
    assert parse(msgspec.json.encode(transaction), latest=LATEST) == transaction


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("transaction_id", None, "is missing"),
        ("transaction_id", "  ", "is missing"),
        ("transaction_id", "x" * 129, "at most 128"),
        ("transaction_id", "a\x00b", "cannot be printed"),
        ("transaction_id", "a\u202eb", "cannot be printed"),
        ("transaction_id", ["a"], "write it as text"),
        ("transaction_id", 1.5, "write it as text"),
        ("transaction_id", True, "write it as text"),
        ("event_time", None, "is missing"),
        ("event_time", "yesterday", "is not a time"),
        ("event_time", "2026-02-30T00:00:00Z", "is not a time"),
        ("event_time", "20260301T120000Z", "is not a time"),
        ("event_time", 1_772_366_400, "mapping file reads epochs"),
        ("event_time", "1970-01-01T00:00:00Z", "check clock and unit"),
        ("event_time", "2126-03-01T12:00:00Z", "check clock and unit"),
        ("amount", None, "is missing"),
        ("amount", "12,50", "is not a number"),
        ("amount", "nan", "not finite"),
        ("amount", "-inf", "not finite"),
        ("amount", 10**400, "not finite"),
        ("amount", 0, "lies outside"),
        ("amount", -3, "lies outside"),
        ("amount", 1.1e12, "lies outside"),
        ("amount", False, "write a number"),
        ("merchant_id", None, "name at least one payee"),
        ("counterparty_id", "4929123412341234", "payer itself"),
        ("currency", "eur", "ISO 4217"),
        ("currency", "EURO", "ISO 4217"),
        ("latitude", None, "give both or neither"),
        ("longitude", 180.5, "lies outside"),
        ("latitude", "inf", "lies outside"),
    ],
)
def test_each_rule_names_field_and_remedy(field: str, value: object, says: str) -> None:
    record = GOOD | {field: value}
    with pytest.raises(RecordError, match=says) as caught:
        check(record, latest=LATEST)
    assert caught.value.field == field
    if not isinstance(value, float):
        with pytest.raises(RecordError, match=says):
            parse(json.dumps(record).encode(), latest=LATEST)


@pytest.mark.parametrize("field", ["account_id", "counterparty_id", "device_id", "ip"])
def test_personal_values_do_not_show_in_messages(field: str) -> None:
    with pytest.raises(RecordError) as caught:
        check(GOOD | {field: "4929-secret-4929\x07"})
    assert "secret" not in str(caught.value)
    assert "16 characters" in str(caught.value) or "17 characters" in str(caught.value)


def test_times_come_in_utc() -> None:
    def time(text: str) -> datetime:
        return check(GOOD | {"event_time": text}, latest=LATEST).event_time

    assert time("2026-03-01 12:00") == datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert time("2026-03-01T17:30:00.25+05:30") == datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC)
    assert time("2026-03-01T12:00:00.123456789Z").microsecond == 123_456
    assert time("2026-03-01") == datetime(2026, 3, 1, tzinfo=UTC)


def test_an_event_from_a_clock_a_little_ahead_is_believed() -> None:
    soon = datetime.now(UTC) + timedelta(hours=20)
    assert check(GOOD | {"event_time": soon}).event_time == soon
    with pytest.raises(RecordError, match="check clock"):
        check(GOOD | {"event_time": soon + timedelta(hours=5)})


def test_ids_lose_the_spaces_around_them_and_numbers_count_as_ids() -> None:
    transaction = check(GOOD | {"transaction_id": 17, "merchant_id": " m 1\t"})
    assert (transaction.transaction_id, transaction.merchant_id) == ("17", "m 1")


@pytest.mark.parametrize(
    "line",
    [b"", b"[]", b"{", b"null", b"\xff\xfe", b'{"a":' + b"[" * 60_000, b" " * (LONGEST_RECORD + 1)],
)
def test_what_is_no_record_is_refused_as_one(line: bytes) -> None:
    with pytest.raises(RecordError, match=r"^record: "):
        parse(line)


@given(records, st.booleans())
def test_json_is_read_by_the_rules_for_rows(record: dict[str, object], escape: bool) -> None:
    # Start from a good record, so that most examples get past the first rules.
    record = GOOD | record
    line = json.dumps(record, ensure_ascii=escape).encode("utf-8", "surrogatepass")
    expected: object
    try:
        expected = check(record, latest=LATEST)
    except RecordError as error:
        expected = str(error)
    try:
        found: object = parse(line, latest=LATEST)
    except RecordError as error:
        found = str(error)
        if found.startswith("record: "):
            assert isinstance(expected, str) or "\\ud8" in ascii(record)
            return
    assert found == expected


@given(st.binary(max_size=200))
def test_random_bytes_raise_nothing_but_record_errors(line: bytes) -> None:
    with pytest.raises(RecordError):
        parse(line)
