"""The door against the reference: the same rows pass, with the same values, and the others for the same reason."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fraud.door import admit
from fraud.errors import RecordError
from fraud.instant import to_micros
from fraud.rewriting import rewrite
from fraud.tokens import Tokeniser
from fraud.transaction import EARLIEST_TIME, LONGEST_RECORD, SCHEMA_VERSION, Transaction, parse
from tests.fraud.records import GOOD, LATEST, records

TOKENISER = Tokeniser(b"0123456789abcdef0123456789abcdef")
SEPARATORS = st.sampled_from([(",", ":"), (", ", ": "), (",\t", " :\n"), (" ,", ": ")])
Pairs = list[tuple[str, object]]


def by_the_reference(line: bytes, currency: str = "USD") -> Transaction | str:
    try:
        one = parse(line, currency=currency, latest=LATEST)
    except RecordError as error:
        return str(error)
    kinds = {"account_id": "account", "counterparty_id": "account", "device_id": "device", "ip": "ip"}
    tokens = {
        name: TOKENISER.token(kind, value)  # type: ignore[arg-type]
        for name, kind in kinds.items()
        if (value := getattr(one, name)) is not None
    }
    return msgspec.structs.replace(one, **tokens)


def at_the_door(lines: list[bytes], currency: str = "USD") -> list[Transaction | str]:
    results = admit(lines, TOKENISER, currency=currency, latest=LATEST)
    return [str(result) if isinstance(result, RecordError) else result for result in results]


def assert_agrees(line: bytes, currency: str = "USD") -> Transaction | str:
    expected, [found] = by_the_reference(line, currency), at_the_door([line], currency)
    assert found == expected
    if isinstance(found, Transaction):
        assert type(found) is Transaction
        assert found.event_time.tzinfo is UTC
        assert type(found.amount) is float
    return found


def as_json(
    pairs: Pairs,
    separators: tuple[str, str] = (",", ":"),
    *,
    escape: bool = False,
    surrogates: str = "surrogatepass",
) -> bytes:
    """An object with these fields in this order, names as often as they come."""
    between, colon = separators
    body = between.join(
        json.dumps(name) + colon + json.dumps(value, ensure_ascii=escape, separators=separators)
        for name, value in pairs
    )
    return f"{{{body}}}".encode("utf-8", surrogates)


@given(records, st.booleans(), SEPARATORS, st.sampled_from(["USD", "INR"]), st.booleans())
def test_the_door_agrees_with_the_rules(
    record: dict[str, object], escape: bool, separators: tuple[str, str], currency: str, bare: bool
) -> None:
    # Start from a good record, so that most examples get past the first rules.
    fields = GOOD | record
    if bare:
        del fields["currency"]
    assert_agrees(as_json(list(fields.items()), separators, escape=escape), currency)


others = st.tuples(
    st.sampled_from([*GOOD, "schema_version", "Z", "note", "counterparty_id", "event_time"]),
    st.one_of(
        st.sampled_from(
            [1, 99, "1", 1.0, True, None, 12.5, "USD", "2026-03-01T12:00:00Z", "2026-03-01t12:00:00.33z", ":null",
             ":", ",", "x:null", {"schema_version": 1}, {"amount": 5, "ip": None}, ["a", {"b": "c"}], [], {}, "\\", '"']
        ),
        st.text(max_size=3),
    ),
)  # fmt: skip


@given(st.lists(others, max_size=4), st.randoms(use_true_random=False), SEPARATORS)
@example([("schema_version", 1)], None, (",", ":"))
@example([("amount", 3.0)], None, (",", ":"))
@example([("Z", 1)], None, (",", ":"))
def test_repeated_unknown_and_versioned_fields_are_judged_alike(
    more: Pairs, random: object, separators: tuple[str, str]
) -> None:
    pairs = [*GOOD.items(), *more]
    if random is not None:
        random.shuffle(pairs)  # type: ignore[attr-defined]
    found = assert_agrees(as_json(pairs, separators))
    names = [name for name, _ in pairs]
    if len(set(names)) < len(names):
        assert isinstance(found, str)


@given(st.text(st.sampled_from("0129-:.,TtZzW +"), min_size=8, max_size=34), st.booleans())
@example("2026-W09-7T12:00:00.123456Z", True)
@example("20260301T120000.1234567890Z", True)
@example("2026-03-01T12:00:00.33z", False)
@example("2026-03-01T12:00:00.1234567Z", False)
def test_times_are_read_alike(time: str, last: bool) -> None:
    fields = {name: value for name, value in GOOD.items() if name != "event_time"}
    pairs = (
        [*fields.items(), ("event_time", time)]
        if last
        else [("event_time", time), ("Zx", 1), *fields.items()]
    )
    assert_agrees(as_json(pairs))


@given(
    st.datetimes(datetime(1989, 1, 1), datetime(2031, 1, 1)),
    st.sampled_from(["Z", "+00:00", "+05:30", "-0800", ""]),
)
def test_every_instant_is_read_alike(time: datetime, zone: str) -> None:
    assert_agrees(as_json([*(GOOD | {"event_time": time.isoformat() + zone}).items()]))


@given(st.binary(max_size=200))
def test_random_bytes_raise_nothing_but_record_errors(line: bytes) -> None:
    [result] = admit([line], TOKENISER)
    assert isinstance(result, RecordError)


@given(st.data())
def test_damaged_records_raise_nothing_but_record_errors(data: st.DataObject) -> None:
    line = bytearray(as_json([*GOOD.items()]))
    for _ in range(data.draw(st.integers(1, 3))):
        line[data.draw(st.integers(0, len(line) - 1))] = data.draw(st.integers(0, 255))
    assert_agrees(bytes(line))


def test_results_come_one_a_line_in_order() -> None:
    lines = [as_json([*(GOOD | {"transaction_id": str(n), "amount": n}).items()]) for n in range(5)]
    results = at_the_door(lines)
    assert results == [by_the_reference(line) for line in lines]
    assert isinstance(results[0], str)
    assert [one.transaction_id for one in results if isinstance(one, Transaction)] == ["1", "2", "3", "4"]
    assert admit([], TOKENISER) == []


def test_nothing_personal_is_left_in_clear() -> None:
    line = as_json([*(GOOD | {"counterparty_id": "4929999988887777"}).items()])
    [one] = admit([line], TOKENISER, latest=LATEST)
    assert isinstance(one, Transaction)
    shown = repr(one)
    assert not [
        name for name in ("4929123412341234", "4929999988887777", "d1'", "203.0.113.7") if name in shown
    ]
    assert one.counterparty_id == TOKENISER.token("account", "4929999988887777")
    assert one.merchant_id == "m1"


@pytest.mark.parametrize("version", [SCHEMA_VERSION, "1", None])
def test_our_schema_version_is_read(version: object) -> None:
    assert isinstance(assert_agrees(as_json([("schema_version", version), *GOOD.items()])), Transaction)


@pytest.mark.parametrize("version", [99, 0, "99", 1.5, True, [], "x"])
def test_other_schema_versions_are_refused(version: object) -> None:
    found = assert_agrees(as_json([*GOOD.items(), ("schema_version", version)]))
    assert isinstance(found, str)
    assert found.startswith("schema_version: ")


def test_an_over_long_record_is_refused_unread() -> None:
    found = assert_agrees(as_json([*GOOD.items(), ("note", "x" * LONGEST_RECORD)]))
    assert isinstance(found, str)
    assert "at most" in found


@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")])
def test_a_currency_that_is_named_stays_and_one_that_is_not_is_the_door_s(
    separators: tuple[str, str],
) -> None:
    for more in ({}, {"note": None}):
        named = assert_agrees(as_json([*(GOOD | {"currency": "USD"} | more).items()], separators), "INR")
        left_out = [(name, value) for name, value in (GOOD | more).items() if name != "currency"]
        unnamed = assert_agrees(as_json(left_out, separators), "INR")
        assert isinstance(named, Transaction)
        assert isinstance(unnamed, Transaction)
        assert (named.currency, unnamed.currency) == ("USD", "INR")


def plain_rows(lines: list[bytes]) -> list[int]:
    """The records that need no second look."""
    bounds = (to_micros(EARLIEST_TIME), to_micros(LATEST))
    return [*rewrite(lines, TOKENISER.memory, "USD", bounds).ends()]


@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": "), (" , ", " : ")])
def test_usual_records_need_no_second_look(separators: tuple[str, str]) -> None:
    usual: list[dict[str, object]] = [
        {},
        {"event_time": "2026-03-01T12:00:00.123456Z", "counterparty_id": "c1", "merchant_id": None},
        {"event_time": "2026-03-01 12:00:00.5+00:00", "amount": 7, "longitude": -0.5, "latitude": 0},
        {"schema_version": 1, "note": "a b", "retry": False, "load": 0.25, "of": None, "": 3},
        {"merchant_id": "Café न", "account_id": "अ", "channel": "a b"},
        {"account_id": "x" * 88, "device_id": "x" * 89, "ip": "x" * 128},
    ]
    lines = [as_json([*(GOOD | one).items()], separators) for one in usual]
    lines += [as_json([*reversed(GOOD.items())], separators), lines[0] + b"\r\n"]
    assert plain_rows(lines) == [*range(len(lines))]
    for line in lines:
        assert isinstance(assert_agrees(line), Transaction)


whole = as_json([*GOOD.items()])
pieces = st.one_of(
    records.map(lambda record: as_json([*(GOOD | record).items()])),
    st.integers(0, len(whole)).map(lambda cut: whole[:cut]),
    st.integers(0, len(whole)).map(lambda cut: whole[cut:]),
    st.integers(0, 99).map(lambda n: as_json([*(GOOD | {"account_id": f"n{n}", "ip": f"é{n}"}).items()])),
    st.sampled_from(
        [b"", b"\n", b"{", b"}", b'"', b"{}", b",", whole + whole, whole + b"\n" + whole, whole[:-1] + b",}"]
    ),
)


@given(st.lists(pieces, max_size=8))
@example([whole[:-1], b"}", whole])
@example([whole[:40], whole[40:], whole])
@example([whole, as_json([*(GOOD | {"amount": -1}).items()]), whole])
@example([whole, as_json([*(GOOD | {"event_time": "2026-02-30T12:00:00Z"}).items()])])
def test_a_record_is_judged_alike_in_any_company(lines: list[bytes]) -> None:
    assert at_the_door(lines) == [by_the_reference(line) for line in lines]


@pytest.mark.parametrize("default", ["", "usd", "US", "€€€", "EURO"])
def test_a_currency_that_is_none_never_stands_in(default: str) -> None:
    named = as_json([*GOOD.items()])
    unnamed = as_json([(name, value) for name, value in GOOD.items() if name != "currency"])
    assert isinstance(assert_agrees(named, default), Transaction)
    assert isinstance(assert_agrees(unnamed, default), str)
