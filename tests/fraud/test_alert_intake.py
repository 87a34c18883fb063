from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from fraud.access import Person, Role
from fraud.alert import Alert, AlertState, Severity
from fraud.alert_config import AlertConfig
from fraud.alert_intake import Intake, unrouted
from fraud.cases import Cases
from fraud.channels.channel import Receipt
from fraud.deliveries import Deliveries
from fraud.delivery_claims import Claims
from fraud.outbox import deliver
from fraud.record import Record
from tests.fraud.alert_world import NOW, alert, config

MINUTE = timedelta(minutes=1)


@pytest.fixture
def record(record_url: str) -> Iterator[Record]:
    record = Record.open(record_url)
    yield record
    record.close()


def routed_to(channel: str, **route: Any) -> AlertConfig:
    contacts = {} if channel == "hook" else {"contacts": ["asha"]}
    return config(routes=[{"name": "one", "channels": [channel], **contacts, **route}])


def raise_and_route(record: Record, of: AlertConfig, *states: Alert, after: timedelta = timedelta(0)) -> None:
    record.write_batch([], [], alerts=states)
    Intake(record.engine, of).take(NOW + after)


def send(record: Record, channel: str, after: timedelta = timedelta(0)) -> list[int]:
    """Send what is due, and say the versions of the first alert of each message."""
    claims = Claims(record.engine, channel, "test", lease=MINUTE)
    sent = []
    while claim := claims.next(NOW + after):
        claims.taken(claim, Receipt(), NOW + after)
        sent.append(claim.alerts[0].version)
    return sent


def states(record: Record, ring: str = "ring-ring-ab12cd") -> list[tuple[int, str]]:
    return [(one.version, one.state.value) for one in Deliveries(record.engine).deliveries_of(ring)]


def test_each_state_is_routed_once(record: Record) -> None:
    of = routed_to("hook")
    raise_and_route(record, of, alert(1), alert(2))
    assert states(record) == [(1, "waiting"), (2, "waiting")]
    raise_and_route(record, of, alert(1), alert(2))
    assert states(record) == [(1, "waiting"), (2, "waiting")]
    assert unrouted(record.engine) == 0
    assert send(record, "hook") == [1, 2]
    assert send(record, "hook") == []


def test_the_outbox_folder_and_the_routes_do_not_hide_states_from_each_other(
    record: Record, tmp_path: Path
) -> None:
    raise_and_route(record, routed_to("hook"), alert(1))
    assert deliver(record, tmp_path) == 1
    record.write_batch([], [], alerts=[alert(2)])
    assert deliver(record, tmp_path) == 1
    assert unrouted(record.engine) == 1
    Intake(record.engine, routed_to("hook")).take(NOW)
    assert states(record) == [(1, "waiting"), (2, "waiting")]
    assert deliver(record, tmp_path) == 0


def test_a_backlog_can_be_skipped(record: Record) -> None:
    record.write_batch([], [], alerts=[alert(1)])
    assert Intake(record.engine, routed_to("hook")).skip(NOW) == 1
    raise_and_route(record, routed_to("hook"), alert(2))
    assert states(record) == [(2, "waiting")]


def test_mail_tells_the_newest_state_and_no_flood(record: Record) -> None:
    of = routed_to("mail")
    raise_and_route(record, of, alert(1), alert(2), alert(3))
    assert states(record) == [(1, "superseded"), (2, "superseded"), (3, "waiting")]
    assert send(record, "mail") == [3]
    raise_and_route(record, of, alert(4), after=MINUTE)
    raise_and_route(record, of, alert(5), after=2 * MINUTE)
    assert send(record, "mail", 14 * MINUTE) == []
    assert send(record, "mail", 15 * MINUTE) == [5]
    assert states(record)[3:] == [(4, "superseded"), (5, "sent")]


def test_mail_tells_a_rise_at_once(record: Record) -> None:
    of = routed_to("mail")
    raise_and_route(record, of, alert(1))
    assert send(record, "mail") == [1]
    raise_and_route(record, of, alert(2), after=MINUTE)
    raise_and_route(record, of, alert(3, severity=Severity.CRITICAL), after=MINUTE)
    assert send(record, "mail", MINUTE) == [3]


def test_a_text_message_comes_at_first_and_when_it_gets_worse(record: Record) -> None:
    of = routed_to("sms")
    for version, severity in enumerate(["medium", "medium", "high", "high", "medium", "critical"], 1):
        raise_and_route(record, of, alert(version, severity=Severity(severity)))
        told = version in (1, 3, 6)
        assert send(record, "sms") == ([version] if told else [])
    raise_and_route(record, of, alert(7, state=AlertState.CLOSED))
    assert send(record, "sms") == []
    raise_and_route(record, of, alert(8, severity=Severity.LOW, reopened=True))
    assert send(record, "sms") == [8]


def test_while_a_case_is_snoozed_only_a_rise_is_told(record: Record) -> None:
    of = routed_to("mail")
    raise_and_route(record, of, alert(1))
    assert send(record, "mail") == [1]
    cases = Cases(record)
    (row,) = cases.queue().rows
    until = datetime.now(UTC) + timedelta(days=1)
    cases.snooze(row.case_id, Person("ann", "Ann", Role.ANALYST), row.version, until, "asked the bank")
    raise_and_route(record, of, alert(2), after=60 * MINUTE)
    assert send(record, "mail", 120 * MINUTE) == []
    raise_and_route(record, of, alert(3, severity=Severity.CRITICAL), after=120 * MINUTE)
    assert send(record, "mail", 120 * MINUTE) == [3]
    raise_and_route(record, of, alert(4, severity=Severity.CRITICAL), after=180 * MINUTE)
    assert send(record, "mail", until - NOW) == [4]


def test_the_end_is_told_to_whom_the_beginning_was(record: Record) -> None:
    of = routed_to("mail")
    raise_and_route(record, of, alert(1))
    assert send(record, "mail") == [1]
    raise_and_route(record, of, alert(2), after=MINUTE)
    raise_and_route(record, of, alert(3, state=AlertState.CLOSED), after=MINUTE)
    assert states(record)[1:] == [(2, "suppressed"), (3, "waiting")]
    assert send(record, "mail", MINUTE) == [3]


def test_what_is_closed_before_anyone_was_told_is_not_told(record: Record) -> None:
    raise_and_route(record, routed_to("mail"), alert(1), alert(2, state=AlertState.CLOSED))
    assert states(record) == [(1, "suppressed")]
    raise_and_route(record, routed_to("hook"), alert(3, state=AlertState.CLOSED))
    assert send(record, "hook") == [3]


def test_what_waits_at_night_is_the_newest_and_comes_in_the_morning(record: Record) -> None:
    of = config(
        quiet={"hours": "11:00-13:00"}, routes=[{"name": "one", "channels": ["mail"], "contacts": ["ben"]}]
    )
    raise_and_route(record, of, alert(1))
    raise_and_route(record, of, alert(2), after=MINUTE)
    raise_and_route(record, of, alert(1, ring="ring-other"), after=2 * MINUTE)
    raise_and_route(record, of, alert(1, ring="ring-worst", severity=Severity.CRITICAL), after=2 * MINUTE)
    assert send(record, "mail", 3 * MINUTE) == [1]
    assert states(record, "ring-ring-worst") == [(1, "sent")]
    claims = Claims(record.engine, "mail", "test", lease=MINUTE)
    assert claims.next(NOW + 59 * MINUTE) is None
    digest = claims.next(NOW + 60 * MINUTE)
    assert digest is not None
    assert {(one.subject_id, one.version) for one in digest.alerts} == {("ring-ab12cd", 2), ("ring-other", 1)}
    assert claims.next(NOW + 60 * MINUTE) is None
    claims.taken(digest, Receipt("p1"), NOW + 60 * MINUTE)
    assert states(record) == [(1, "superseded"), (2, "sent")]
    both = [
        Deliveries(record.engine).deliveries_of(f"ring-{ring}")[-1] for ring in ("ring-ab12cd", "ring-other")
    ]
    assert both[0].message_id == both[1].message_id == digest.message_id
