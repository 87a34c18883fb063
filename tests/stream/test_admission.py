"""What a door makes of several partitions at once is what it makes of each by itself."""

from __future__ import annotations

import json

from fraud.tokens import Tokeniser
from stream.admission import Portion, admit_portions, admit_transactions, in_turns

KEY = b"k" * 32


def record(number: int, **other: object) -> bytes:
    fields = {
        "transaction_id": f"t{number}",
        "event_time": "2026-03-01T12:00:00.000000Z",
        "account_id": f"C{number % 3}",
        "amount": 10.5 + number,
        "merchant_id": "shop",
        "device_id": f"dev-{number % 2}",
        **other,
    }
    return json.dumps({name: value for name, value in fields.items() if value is not None}).encode()


def portions() -> list[Portion]:
    """With offsets that have gaps, a partition of refused records alone, and one of a single record."""
    return [
        (2, [(10, record(0)), (11, record(1, amount="much")), (14, record(2, device_id=None))]),
        (0, [(7, b"{"), (8, b"")]),
        (5, [(0, record(3, counterparty_id="C9", merchant_id=None))]),
    ]


def test_each_partition_has_the_entry_that_it_has_alone() -> None:
    together = admit_portions("transactions", portions(), Tokeniser(KEY), "USD")
    alone = [
        admit_transactions("transactions", partition, records, Tokeniser(KEY), "USD")
        for partition, records in portions()
    ]
    assert together == alone
    assert [(one.partition, one.start, one.stop) for one in together] == [(2, 10, 15), (0, 7, 9), (5, 0, 1)]
    assert [list(one.offsets) for one in together] == [[10, 14], [], [0]]
    assert [[letter.position for letter in one.letters] for one in together] == [[11], [7, 8], []]
    assert together[2].transactions[0].counterparty_id == Tokeniser(KEY).token("account", "C9")


def test_of_nothing_there_is_nothing() -> None:
    assert admit_portions("transactions", [], Tokeniser(KEY), "USD") == []


def test_partitions_of_a_backlog_take_turns() -> None:
    portions = [
        (0, [(n, b"") for n in range(1_000)]),
        (1, [(n, b"") for n in range(5, 9)]),
        (2, [(7, b"")] * 600),
    ]
    given = list(in_turns(portions, 512))
    assert all(0 < sum(len(records) for _, records in some) <= 512 for some in given)
    for partition, records in portions:
        assert [one for some in given for p, part in some if p == partition for one in part] == records
    assert [p for p, _ in given[0]] == [0, 1, 2]
    assert list(in_turns([], 512)) == []
    assert list(in_turns([(3, [(1, b"")])], 512)) == [[(3, [(1, b"")])]]
