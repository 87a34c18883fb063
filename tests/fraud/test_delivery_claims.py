from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from fraud.alert import AlertState, Severity
from fraud.alert_intake import Intake
from fraud.channel_config import Updates
from fraud.channels.channel import Receipt
from fraud.database import writing
from fraud.deliveries import Deliveries
from fraud.delivery import DeliveryState
from fraud.delivery_claims import Claim, Claims
from fraud.delivery_receipts import settle
from fraud.pace import Rate
from fraud.record import Record
from tests.fraud.alert_world import NOW, alert, config

LEASE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)


@pytest.fixture
def record(record_url: str) -> Iterator[Record]:
    record = Record.open(record_url)
    yield record
    record.close()


def fill(record: Record, rings: int, channel: str = "hook", severity: Severity = Severity.HIGH) -> None:
    record.write_batch(
        [], [], alerts=[alert(ring=f"ring-{i:03}-{severity.value}", severity=severity) for i in range(rings)]
    )
    contacts = [] if channel == "hook" else ["asha"]
    Intake(record.engine, config(routes=[{"name": "one", "channels": [channel], "contacts": contacts}])).take(
        NOW
    )


def claims(record: Record, owner: str = "a", channel: str = "hook", **options: object) -> Claims:
    return Claims(record.engine, channel, owner, lease=LEASE, **options)  # type: ignore[arg-type]


def claimed(of: Claims, now: datetime = NOW) -> Claim:
    claim = of.next(now)
    assert claim is not None
    return claim


def of_state(record: Record, state: DeliveryState) -> int:
    return sum(number for (_, found), number in Deliveries(record.engine).counts().items() if found is state)


def test_many_dispatchers_send_each_delivery_once(record: Record) -> None:
    fill(record, 24)

    def work(owner: str) -> list[str]:
        mine, sent = claims(record, owner), []
        while claim := mine.next(NOW):
            mine.taken(claim, Receipt(), NOW)
            sent += claim.keys
        return sent

    with ThreadPoolExecutor(4) as pool:
        sent = [key for keys in pool.map(work, "abcd") for key in keys]
    assert len(sent) == len(set(sent)) == 24
    assert of_state(record, DeliveryState.SENT) == 24


def test_the_worst_goes_first(record: Record) -> None:
    fill(record, 1, severity=Severity.LOW)
    fill(record, 1, severity=Severity.CRITICAL)
    assert claimed(claims(record)).alerts[0].severity is Severity.CRITICAL


def test_a_claim_that_ran_out_is_uncertain_and_the_same_message(record: Record) -> None:
    fill(record, 1)
    first = claimed(claims(record, "dead"))
    assert not first.uncertain
    other = claims(record, "alive")
    assert other.next(NOW + LEASE - SECOND) is None
    again = claimed(other, NOW + LEASE)
    assert again.uncertain
    assert (again.message_id, again.keys, again.since) == (first.message_id, first.keys, NOW)
    assert again.attempt == 2
    # The one that was taken for dead has no say any more.
    claims(record, "dead").taken(first, Receipt(), NOW + LEASE)
    assert of_state(record, DeliveryState.SENDING) == 1
    other.taken(again, Receipt("p", delivered=True), NOW + LEASE)
    (one,) = Deliveries(record.engine).newest()
    assert (one.state, one.provider_id, one.attempts) == (DeliveryState.DELIVERED, "p", 2)


def test_what_failed_waits_and_what_is_given_up_is_retried_by_a_person(record: Record) -> None:
    fill(record, 1)
    mine = claims(record)
    mine.again(claimed(mine), "busy", NOW + LEASE, NOW)
    assert mine.next(NOW + LEASE - SECOND) is None
    again = claimed(mine, NOW + LEASE)
    assert not again.uncertain
    mine.given_up(again, "no such number", NOW)
    assert mine.next(NOW + timedelta(days=9)) is None
    deliveries = Deliveries(record.engine)
    (one,) = deliveries.newest(DeliveryState.FAILED)
    assert one.error == "no such number"
    assert deliveries.retry(channel="mail") == 0
    assert deliveries.retry(alert_id="ring-other") == 0
    assert deliveries.retry(channel="hook", alert_id=one.alert_id) == 1
    once_more = claimed(mine, datetime.now(UTC) + LEASE)
    assert (once_more.attempt, once_more.message_id) == (1, again.message_id)


def test_an_uncertain_try_comes_back_as_uncertain(record: Record) -> None:
    fill(record, 1)
    mine = claims(record)
    mine.again(claimed(mine), "broke off", NOW + LEASE, NOW, uncertain=True)
    assert mine.next(NOW + LEASE - SECOND) is None
    assert claimed(mine, NOW + LEASE).uncertain


def test_beyond_the_rate_messages_become_one(record: Record) -> None:
    fill(record, 5, "mail")
    mine = claims(record, channel="mail", rates=(None, Rate.parse("2/hour")))
    for i in range(2):
        mine.taken(claimed(mine, NOW + i * SECOND), Receipt(), NOW + i * SECOND)
    assert mine.next(NOW + 2 * SECOND) is None
    assert mine.next(NOW + timedelta(hours=1) - SECOND) is None
    digest = claimed(mine, NOW + timedelta(hours=1))
    assert len(digest.alerts) == 3
    mine.taken(digest, Receipt(), NOW + timedelta(hours=1))
    # The digest is one message; the second of the first hour has just left the window.
    fill(record, 2, "mail", Severity.LOW)
    mine.taken(
        claimed(mine, NOW + timedelta(hours=1, seconds=2)), Receipt(), NOW + timedelta(hours=1, seconds=2)
    )
    assert mine.next(NOW + timedelta(hours=1, seconds=3)) is None


def test_the_rate_of_a_channel_counts_all_recipients(record: Record) -> None:
    record.write_batch([], [], alerts=[alert()])
    Intake(record.engine, config(routes=[{"name": "one", "channels": ["mail"]}])).take(NOW)
    mine = claims(record, channel="mail", rates=(Rate.parse("1/minute"), None))
    mine.taken(claimed(mine), Receipt(), NOW)
    assert mine.next(NOW) is None
    assert claimed(mine, NOW + LEASE).recipient == "ben"


def test_what_was_closed_on_the_desk_is_not_sent(record: Record) -> None:
    fill(record, 2, "mail")
    with record.engine.connect() as connection, writing(connection):
        connection.execute(text("UPDATE alerts SET state = 'closed' WHERE alert_id LIKE 'ring-ring-000%'"))
    mine = claims(record, channel="mail", updates=Updates.NEWEST)
    assert claimed(mine).alerts[0].subject_id.startswith("ring-001")
    assert mine.next(NOW) is None
    assert of_state(record, DeliveryState.SUPPRESSED) == 1


def test_later_messages_answer_the_first(record: Record) -> None:
    fill(record, 1, "mail")
    mine = claims(record, channel="mail")
    first = claimed(mine)
    assert (first.told, first.answers) == (False, None)
    mine.taken(first, Receipt(), NOW)
    for version in (2, 3):
        now = NOW + timedelta(hours=version)
        record.write_batch([], [], alerts=[alert(version, ring="ring-000-high")])
        of = config(routes=[{"name": "one", "channels": ["mail"], "contacts": ["asha"]}])
        Intake(record.engine, of).take(now)
        later = claimed(mine, now)
        assert (later.told, later.answers) == (True, first.message_id)
        mine.taken(later, Receipt(), now)


@pytest.mark.parametrize("told_first", [True, False])
def test_a_receipt_of_the_provider_settles_a_claim_whose_dispatcher_died(
    record: Record, told_first: bool
) -> None:
    fill(record, 1)
    mine = claims(record)
    claim = claimed(mine)
    if told_first:
        mine.taken(claim, Receipt("SM1"), NOW)
    moved = settle(record.engine, claim.message_id, DeliveryState.DELIVERED, NOW + SECOND, provider_id="SM1")
    assert moved == 1
    # Receipts come in any order, and an older one changes nothing.
    assert settle(record.engine, claim.message_id, DeliveryState.SENT, NOW, provider_id="SM1") == 0
    mine.taken(claim, Receipt("other"), NOW + LEASE)
    (one,) = Deliveries(record.engine).newest()
    assert (one.state, one.provider_id) == (DeliveryState.DELIVERED, "SM1")
    assert one.delivered_at == NOW + SECOND
    assert claims(record, "next").next(NOW + 9 * LEASE) is None


moments = st.lists(st.integers(0, 7_200), max_size=30).map(
    lambda seconds: [NOW - one * SECOND for one in sorted(seconds)]
)


@given(sent=moments, count=st.integers(1, 10))
def test_no_window_ever_holds_more_than_the_rate(sent: list[datetime], count: int) -> None:
    rate = Rate(count, timedelta(hours=1))
    free = rate.free_at(sent, NOW)
    assert free >= NOW
    assert sum(one > free - rate.window for one in sent) < count or len(sent) < count
    if free > NOW:
        before = free - SECOND
        assert sum(one > before - rate.window for one in sent) >= count


def test_only_what_is_over_and_done_with_is_forgotten(record: Record) -> None:
    """Four rings: sent and closed, sent and open, given up and closed, sent and closed but lately."""
    fill(record, 4)
    mine = claims(record)
    rings = {}
    for turn, moment in enumerate((NOW, NOW, NOW, NOW + 2 * LEASE)):
        claim = claimed(mine)
        rings[turn] = claim.alerts[0]
        if turn == 2:
            mine.given_up(claim, "gone", moment)
        else:
            mine.taken(claim, Receipt(), moment)
    record.write_batch(
        [],
        [],
        alerts=[
            msgspec.structs.replace(rings[turn], version=2, state=AlertState.CLOSED) for turn in (0, 2, 3)
        ],
    )
    deliveries = Deliveries(record.engine)
    assert deliveries.forget(NOW + LEASE) == 1
    assert [len(deliveries.deliveries_of(rings[turn].alert_id)) for turn in range(4)] == [0, 1, 1, 1]
    assert deliveries.forget(NOW + LEASE) == 0
    assert deliveries.retry() == 1
