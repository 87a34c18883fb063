"""Search: whole names anywhere, beginnings where they are kept, identifiers in clear by their tokens alone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from fraud.decision import Decision, Outcome
from fraud.record import Record
from fraud.search import Found, FoundKind, Search
from fraud.tokens import Tokeniser
from fraud.transaction import Transaction
from fraud.trend_rollup import TrendRollup
from tests.dashboard.world import fill

TOKENS = Tokeniser(b"0123456789abcdef0123456789abcdef")
AT = datetime(2026, 4, 1, tzinfo=UTC)


@pytest.fixture
def record(record_url: str) -> Iterator[Record]:
    record = Record.open(record_url)
    fill(record)
    one = Transaction(
        transaction_id="odd-1",
        event_time=AT,
        account_id=TOKENS.token("account", "DE89 3704 0044"),
        amount=12.0,
        merchant_id="50%_off",
        device_id=TOKENS.token("device", "iPhone 7"),
    )
    record.write_batch([one], [Decision("odd-1", AT, 0.1, Outcome.APPROVE, "v")])
    TrendRollup(record).catch_up()
    yield record
    record.close()


def found(record: Record, text: str) -> set[tuple[FoundKind, str]]:
    return {(one.kind, one.name) for one in Search(record, TOKENS).find(text)}


def test_whole_names(record: Record) -> None:
    assert found(record, "tx-00600") == {(FoundKind.TRANSACTION, "tx-00600")}
    assert (FoundKind.MERCHANT, "grey-imports") in found(record, " grey-imports ")
    account = record.transactions(["tx-00600"])[0].account_id
    assert (FoundKind.ACCOUNT, account) in found(record, account)
    (paid,) = Search(record, None).find("tx-00600")
    assert paid.account == account


def test_beginnings(record: Record) -> None:
    assert {(FoundKind.RING, "ring-cycle"), (FoundKind.RING, "ring-device")} <= found(record, "ring-")
    assert (FoundKind.MERCHANT, "grey-imports") in found(record, "grey-i")
    member = record.ring_members("ring-device")[0].member_id
    assert any(name == member for _, name in found(record, member[:8]))


def test_cases_by_name_and_number(record: Record) -> None:
    assert (FoundKind.CASE, "C-000001") in found(record, "c-000001")
    assert (FoundKind.CASE, "C-000001") in found(record, "C-000001")


def test_an_identifier_in_clear_is_looked_up_by_its_token(record: Record) -> None:
    (by_token,) = Search(record, TOKENS).find("DE89 3704 0044")
    assert by_token.by_token
    assert by_token.kind is FoundKind.ACCOUNT
    assert "DE89" not in by_token.name + by_token.detail
    assert [one.kind for one in Search(record, TOKENS).find("iPhone 7")] == [FoundKind.DEVICE]
    assert Search(record, None).find("DE89 3704 0044") == []


@pytest.mark.parametrize("text", ["", "x", "%", "__", "%%", "' OR 1=1 --", "r_ng-", "x" * 500, "RING-"])
def test_no_character_is_special(record: Record, text: str) -> None:
    assert Search(record, TOKENS).find(text) == []


def test_a_name_of_special_characters_is_found(record: Record) -> None:
    assert (FoundKind.MERCHANT, "50%_off") in found(record, "50%")
    assert Found(FoundKind.MERCHANT, "50%_off").name in {name for _, name in found(record, "50%_")}
