from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, MetaData, Table, func, select

from fraud.alert import Alert, AlertState, Severity, Subject
from fraud.case import JOINED, CaseState, CaseStep, Disposition, Relation
from fraud.case_queue import CaseFilter
from fraud.case_tables import cases as case_table
from fraud.cases import Cases
from fraud.database import open_engine, writing
from fraud.errors import SettingsError
from fraud.record import Record
from fraud.record_tables import alerts
from fraud.ring import RingStatus
from fraud.schema import REVISIONS
from fraud.schema_upgrade import upgrade
from tests.fraud.payments import ring
from tests.fraud.worked_cases import ANN, account_alert, closed, raise_alerts, ring_alert

EVERY = CaseFilter(states=tuple(CaseState))


@pytest.fixture
def record(record_url: str) -> Iterator[Record]:
    record = Record.open(record_url)
    yield record
    record.close()


def names(cases: Cases, chosen: CaseFilter = EVERY) -> list[str]:
    return sorted(one.case_id for one in cases.queue(chosen).rows)


def steps(cases: Cases, name: str) -> list[CaseStep]:
    return [event.step for event in cases.events(name)]


def test_an_alert_opens_a_case_with_a_due_date(record: Record) -> None:
    before = datetime.now(UTC)
    raise_alerts(record, ring_alert())
    cases = Cases(record)
    one = cases.case("C-000001")
    assert one is not None
    assert (one.state, one.assignee, one.version) == (CaseState.OPEN, None, 1)
    assert (one.subject, one.subject_id, one.kind) == (Subject.RING, "r1", "shared_device")
    assert (one.score, one.money, one.size) == (0.9, 1234.5, 4)
    assert one.at_risk == pytest.approx(0.9 * 1234.5)
    assert before <= one.opened_at <= datetime.now(UTC)
    assert one.due_at - one.opened_at == timedelta(hours=24)
    assert cases.case_of(Subject.RING, "r1") == one
    assert cases.evidence_ids("C-000001") == ["t1", "t2", "t3"]
    assert steps(cases, "C-000001") == [CaseStep.OPENED]
    assert cases.case("C-000002") is None
    assert cases.case("nonsense") is None


def test_due_dates_follow_the_settings(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RINGFENCE_CASES__DUE_HOURS_HIGH", "2.5")
    raise_alerts(record, ring_alert())
    one = Cases(record).case("C-000001")
    assert one is not None
    assert one.due_at - one.opened_at == timedelta(hours=2.5)
    monkeypatch.setenv("RINGFENCE_CASES__DUE_HOURS_HIGH", "0")
    with pytest.raises(SettingsError, match="CASES__DUE_HOURS_HIGH"):
        raise_alerts(record, ring_alert(ring("r2")))
    assert Cases(record).case("C-000002") is None


def test_the_next_alert_joins_the_open_case(record: Record) -> None:
    raise_alerts(record, ring_alert())
    cases = Cases(record)
    taken = cases.take("C-000001", ANN, 1)
    later = ring_alert(ring(version=2, accounts=5), money=2000.0, transaction_ids=("t3", "t4"))
    raise_alerts(record, later)
    one = cases.case("C-000001")
    assert one is not None
    assert (one.state, one.assignee, one.version) == (CaseState.IN_PROGRESS, "ann", taken.version)
    assert (one.alert_version, one.money, one.size) == (2, 2000.0, 6)
    assert one.due_at == taken.due_at
    assert cases.evidence_ids("C-000001") == ["t1", "t2", "t3", "t4"]
    assert names(cases) == ["C-000001"]
    assert steps(cases, "C-000001") == [CaseStep.OPENED, CaseStep.TAKEN, CaseStep.GREW]


def test_a_rise_of_severity_wakes_a_case_and_brings_its_due_date_forward(record: Record) -> None:
    raise_alerts(record, ring_alert())
    cases = Cases(record)
    snoozed = cases.snooze("C-000001", ANN, 1, datetime.now(UTC) + timedelta(days=3), "asked the bank")
    raise_alerts(record, ring_alert(ring(version=2)))
    still = cases.case("C-000001")
    assert still is not None
    assert still.snoozed_until == snoozed.snoozed_until
    raise_alerts(record, ring_alert(ring(version=3), Severity.CRITICAL))
    woken = cases.case("C-000001")
    assert woken is not None
    assert woken.snoozed_until is None
    assert woken.due_at < snoozed.due_at
    assert CaseStep.WOKEN in steps(cases, "C-000001")


def test_an_alert_after_the_closing_opens_a_related_case(record: Record) -> None:
    raise_alerts(record, account_alert("a_1"))
    cases = Cases(record)
    cases.dispose("C-000001", ANN, 1, Disposition.INCONCLUSIVE, "too_little_evidence")
    raise_alerts(record, account_alert("a_1", 2))
    later = cases.case_of(Subject.ACCOUNT, "a_1")
    assert later is not None
    assert (later.case_id, later.state, later.alert_version) == ("C-000002", CaseState.OPEN, 2)
    assert [(one.case.case_id, one.relation) for one in cases.related("C-000002")] == [
        ("C-000001", Relation.EARLIER)
    ]
    kept = record.alert("account-a_1")
    assert kept is not None
    assert kept.state is AlertState.OPEN


def test_an_alert_that_is_to_be_looked_at_again_reopens_its_case(record: Record) -> None:
    raise_alerts(record, ring_alert())
    cases = Cases(record)
    done = cases.dispose("C-000001", ANN, 1, Disposition.FALSE_POSITIVE, "shared_by_household")
    raise_alerts(record, ring_alert(ring(version=2), reopened=True))
    again = cases.case("C-000001")
    assert again is not None
    assert (again.state, again.assignee, again.disposition, again.closed_at) == (
        CaseState.OPEN,
        None,
        None,
        None,
    )
    assert again.version == done.version + 1
    assert again.due_at > done.due_at
    assert names(cases) == ["C-000001"]


def test_a_ring_takes_over_the_cases_of_its_accounts(record: Record) -> None:
    raise_alerts(record, account_alert("a_0"), account_alert("a_1"), account_alert("a_9"))
    cases = Cases(record)
    mine = cases.take("C-000002", ANN, 1)
    group = ring("r1", accounts=3)
    raise_alerts(record, closed(account_alert("a_0", 2)), ring_alert(group), rings=[group])
    assert names(cases, CaseFilter()) == ["C-000003", "C-000004"]
    taken_over = cases.case("C-000002")
    assert taken_over is not None
    assert (taken_over.state, taken_over.reason_code, taken_over.disposition) == (
        CaseState.CLOSED,
        JOINED,
        None,
    )
    assert taken_over.version == mine.version + 1
    related = {one.case.case_id: one.relation for one in cases.related("C-000004")}
    assert related == {"C-000001": Relation.JOINED, "C-000002": Relation.JOINED}


def test_an_account_raised_and_taken_over_in_one_batch_is_related(record: Record) -> None:
    group = ring("r1")
    first = account_alert("a_1")
    raise_alerts(record, first, closed(account_alert("a_1", 2)), ring_alert(group), rings=[group])
    cases = Cases(record)
    of_account = cases.case_of(Subject.ACCOUNT, "a_1")
    of_ring = cases.case_of(Subject.RING, "r1")
    assert of_account is not None
    assert of_ring is not None
    assert (of_account.state, of_account.reason_code) == (CaseState.CLOSED, JOINED)
    assert [one.case.case_id for one in cases.related(of_ring.case_id)] == [of_account.case_id]


def test_a_merged_ring_hands_its_case_over(record: Record) -> None:
    small, large = ring("r1"), ring("r2", accounts=6)
    raise_alerts(record, ring_alert(small), ring_alert(large), rings=[small, large])
    merged = msgspec.structs.replace(ring("r1", version=2), status=RingStatus.MERGED, merged_into="r2")
    raise_alerts(record, closed(ring_alert(merged)), ring_alert(ring("r2", version=2)), rings=[merged])
    cases = Cases(record)
    assert [one.subject_id for one in cases.queue().rows] == ["r2"]
    related = cases.related("C-000002")
    assert [(one.case.case_id, one.relation) for one in related] == [("C-000001", Relation.JOINED)]


@pytest.mark.parametrize(
    ("status", "code"),
    [(RingStatus.CLOSED, "ring_closed"), (RingStatus.SUPPRESSED, "ring_suppressed"), (None, "alert_closed")],
)
def test_a_ring_decided_about_elsewhere_closes_its_case(
    record: Record, status: RingStatus | None, code: str
) -> None:
    raise_alerts(record, ring_alert())
    decided = ring("r1", version=2)
    if status is not None:
        decided = msgspec.structs.replace(decided, status=status, decided_by="sue")
    raise_alerts(record, closed(ring_alert(decided)), rings=[decided] if status is not None else [])
    cases = Cases(record)
    one = cases.case("C-000001")
    assert one is not None
    assert (one.state, one.reason_code, one.disposition) == (CaseState.CLOSED, code, None)
    assert cases.events("C-000001")[-1].by == ("sue" if status is not None else "")


def test_a_decision_that_waits_for_approval_outlives_its_alert(
    record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RINGFENCE_CASES__FOUR_EYES_AMOUNT", "100")
    raise_alerts(record, account_alert("a_1"))
    cases = Cases(record)
    cases.dispose("C-000001", ANN, 1, Disposition.CONFIRMED_FRAUD, "mule_account")
    raise_alerts(record, ring_alert(ring("r1")), closed(account_alert("a_1", 2)))
    one = cases.case("C-000001")
    assert one is not None
    assert one.state is CaseState.AWAITING_APPROVAL


def whole(record: Record) -> dict[str, tuple[object, ...]]:
    cases = Cases(record)
    return {
        one.case_id: (
            msgspec.structs.replace(one, opened_at=one.last_seen, due_at=one.last_seen, updated_at=one.last_seen,
                                    closed_at=None),
            tuple(cases.evidence_ids(one.case_id)),
            tuple(steps(cases, one.case_id)),
            tuple(other.case.case_id for other in cases.related(one.case_id)),
        )
        for one in cases.queue(EVERY).rows
    }  # fmt: skip


def story() -> list[Alert]:
    """Alerts as the desk raises them: accounts grow, a ring takes two over, grows, is closed and comes back."""
    group = ring("r1", accounts=2)
    return [
        account_alert("a_0"),
        account_alert("a_1"),
        account_alert("a_0", 2),
        account_alert("a_5"),
        closed(account_alert("a_0", 3)),
        closed(account_alert("a_1", 2)),
        ring_alert(group),
        ring_alert(ring("r1", version=2, accounts=3)),
        closed(ring_alert(ring("r1", version=3, accounts=3))),
        account_alert("a_1", 3, reopened=True),
        ring_alert(ring("r1", version=4, accounts=3), Severity.CRITICAL, reopened=True),
        account_alert("a_5", 2),
    ]


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 12), st.integers(1, 5)), max_size=12))
def test_whatever_comes_again_the_cases_are_the_same(repeats: list[tuple[int, int]]) -> None:
    """Each batch of the story once, with stretches of what was before it given again in between."""
    with tempfile.TemporaryDirectory() as folder:
        once = Record.open(f"sqlite:///{folder}/once.sqlite3")
        again = Record.open(f"sqlite:///{folder}/again.sqlite3")
        told = story()
        for at, one in enumerate(told):
            raise_alerts(once, one)
            raise_alerts(again, one)
            for start, length in repeats:
                if start + length <= at + 1:
                    raise_alerts(again, *told[start : start + length])
        assert whole(again) == whole(once)
        once.close()
        again.close()


def test_only_one_case_of_an_alert_is_open_even_when_writers_race(record: Record) -> None:
    start = threading.Barrier(4)
    failures: list[Exception] = []

    def write(worker: int) -> None:
        own = Record.open(record.engine.url.render_as_string(hide_password=False))
        try:
            start.wait()
            for i in range(12):
                raise_alerts(
                    own, account_alert(f"x_{i % 3}", i + 1), ring_alert(ring(f"r{(i + worker) % 3}", i + 1))
                )
        except Exception as error:
            failures.append(error)
        finally:
            own.close()

    workers = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert failures == []
    page = Cases(record).queue(EVERY)
    assert page.total == len({one.alert_id for one in page.rows}) == 6


def copied(source: Engine, target: Engine, name: str) -> None:
    """Rows of a table, as they are, into the same table of another record."""
    there = Table(name, MetaData(), autoload_with=target)
    with source.connect() as connection:
        rows = [
            dict(row._mapping)
            for row in connection.execute(select(Table(name, MetaData(), autoload_with=source)))
        ]
    with target.connect() as connection, writing(connection):
        connection.execute(there.insert(), rows)


def test_alerts_from_before_there_were_cases_get_theirs(
    record: Record, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    group = ring("r1")
    raise_alerts(record, ring_alert(group), account_alert("a_7"), closed(account_alert("a_8")), rings=[group])
    on_sqlite = record.engine.dialect.name == "sqlite"
    url = (
        f"sqlite:///{tmp_path}/old.sqlite3"
        if on_sqlite
        else request.getfixturevalue("postgres").new_database()
    )
    engine = open_engine(url)
    upgrade(engine, REVISIONS[0])
    for name in ("batches", "rings", "alerts"):
        copied(record.engine, engine, name)
    assert upgrade(engine) == REVISIONS[0]
    engine.dispose()
    old = Record.open(url)
    cases = Cases(old)
    assert {(one.subject_id, one.state) for one in cases.queue(EVERY).rows} == {
        ("r1", CaseState.OPEN),
        ("a_7", CaseState.OPEN),
    }
    assert [cases.evidence_ids(one.case_id) != [] for one in cases.queue().rows] == [True, True]
    raise_alerts(old, ring_alert(group))
    assert cases.queue(EVERY).total == 2
    old.close()


WRITER = """
import sys
from fraud.record import Record
from fraud.record_tables import alerts
from tests.fraud.payments import ring
from tests.fraud.worked_cases import account_alert, raise_alerts, ring_alert

record = Record.open(sys.argv[1])
version = int(sys.argv[2])
while True:
    group = ring("r1", version)
    raise_alerts(record, account_alert(f"x_{version}"), ring_alert(group), rings=[group])
    print(version, flush=True)
    version += 1
"""


def test_kill_nine_leaves_a_case_for_every_alert_and_none_twice(record_url: str) -> None:
    version = 1
    for after in (1, 5, 3):
        command = [sys.executable, "-c", WRITER, record_url, str(max(1, version - 2))]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ}) as writer:
            assert writer.stdout is not None
            acknowledged = [int(writer.stdout.readline()) for _ in range(after)]
            os.kill(writer.pid, signal.SIGKILL)
            acknowledged += [int(line) for line in writer.stdout if line.endswith("\n")]
        version = acknowledged[-1] + 1
        record = Record.open(record_url)
        with record.engine.connect() as connection:
            newest = func.max(case_table.c.alert_version)
            pairs = connection.execute(select(case_table.c.alert_id, newest).group_by(case_table.c.alert_id))
            of_cases = {row[0]: row[1] for row in pairs}
            count = connection.execute(select(func.count()).select_from(case_table)).scalar_one()
            states = connection.execute(select(alerts.c.alert_id, alerts.c.version))
            of_alerts = {row.alert_id: row.version for row in states}
        assert of_cases == of_alerts
        assert count == len(of_alerts)
        assert of_alerts["ring-r1"] >= acknowledged[-1]
        record.close()
