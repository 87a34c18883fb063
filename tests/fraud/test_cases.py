from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from fraud.access import Person
from fraud.alert import AlertState, Severity, Subject
from fraud.audit_trail import entries, verify
from fraud.case import REASON_CODES, Case, CaseState, CaseStep, Disposition, Relation
from fraud.case_queue import UNASSIGNED, CaseFilter, CaseSort, Snoozed
from fraud.cases import Cases
from fraud.database import writing
from fraud.errors import CaseMoved, Forbidden, InputError, StoreError
from fraud.label import Label
from fraud.record import Record
from fraud.record_acts import acts_after
from fraud.ring import RingStep
from fraud.settings import CaseSettings
from tests.fraud.payments import START, decision, ring
from tests.fraud.worked_cases import (
    ADA,
    ANN,
    BEN,
    EVE,
    SUE,
    account_alert,
    hire,
    pay,
    raise_alerts,
    ring_alert,
)

ONE = "C-000001"
TOMORROW = datetime.now(UTC) + timedelta(days=1)
FRAUD = Disposition.CONFIRMED_FRAUD


@pytest.fixture
def record(record_url: str) -> Iterator[Record]:
    record = Record.open(record_url)
    hire(record)
    yield record
    record.close()


@pytest.fixture
def cases(record: Record) -> Cases:
    """One open case of the ring r1, whose evidence is t65, t70 (held) and t10 (approved)."""
    pay(record, [10, 65, 70])
    raise_alerts(record, ring_alert(transaction_ids=("t10", "t65", "t70")), rings=[ring()])
    return Cases(record, CaseSettings())


def four_eyes(record: Record, amount: float = 1_000.0) -> Cases:
    return Cases(record, CaseSettings(four_eyes_amount=amount))


def refused(match: str, act: Callable[[], object], kind: type[Exception] = CaseMoved) -> None:
    with pytest.raises(kind, match=match):
        act()


def now(cases: Cases, name: str = ONE) -> Case:
    one = cases.case(name)
    assert one is not None
    return one


def alert_state(record: Record) -> AlertState:
    kept = record.alert("ring-r1")
    assert kept is not None
    return kept.state


def test_one_takes_a_case_and_the_other_is_told_who_has_it(cases: Cases, record: Record) -> None:
    taken = cases.take(ONE, ANN, 1)
    assert (taken.state, taken.assignee, taken.version) == (CaseState.IN_PROGRESS, "ann", 2)
    assert alert_state(record) is AlertState.IN_REVIEW
    with pytest.raises(CaseMoved, match="C-000001: ann has it; look at it again") as told:
        cases.take(ONE, BEN, 1)
    assert told.value.assignee == "ann"
    refused("ann has it", lambda: cases.take(ONE, BEN, 2))
    assert cases.take(ONE, ANN, 2) == taken
    assert [event.step for event in cases.events(ONE)] == [CaseStep.OPENED, CaseStep.TAKEN]


def test_many_race_for_one_case_and_one_gets_it(cases: Cases, record: Record) -> None:
    people = [ANN, BEN, SUE, ADA] * 3
    start = threading.Barrier(len(people))
    won: list[str] = []
    told: list[str | None] = []

    def run(person: Person) -> None:
        start.wait()
        try:
            won.append(cases.take(ONE, person, 1).assignee or "")
        except CaseMoved as error:
            told.append(error.assignee)

    racers = [threading.Thread(target=run, args=(person,)) for person in people]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    assert len(won) == 1
    assert told == won * (len(people) - 1)
    assert now(cases).assignee == won[0]
    assert verify(record.engine).number == 1


def test_a_case_is_assigned_released_and_taken_away_by_who_may(cases: Cases) -> None:
    given = cases.assign(ONE, ANN, 1, "ben")
    assert (given.assignee, given.state) == ("ben", CaseState.IN_PROGRESS)
    refused("ben has it", lambda: cases.assign(ONE, ANN, given.version, "ann"))
    refused("ben has it", lambda: cases.release(ONE, ANN, given.version))
    moved = cases.assign(ONE, SUE, given.version, "ann")
    assert moved.assignee == "ann"
    free = cases.release(ONE, ANN, moved.version)
    assert (free.assignee, free.state) == (None, CaseState.OPEN)
    for nobody in ("eve", "zoe", ""):
        refused("nobody who may work", lambda to=nobody: cases.assign(ONE, ANN, free.version, to), InputError)
    assert now(cases) == free


@pytest.mark.parametrize("disposition", list(Disposition))
def test_a_decision_closes_a_case_and_tells_the_ring_desk(
    cases: Cases, record: Record, disposition: Disposition
) -> None:
    code = next(iter(REASON_CODES[disposition]))
    done = cases.dispose(ONE, ANN, 1, disposition, code, "as the bank said")
    assert (done.state, done.disposition, done.reason_code) == (CaseState.CLOSED, disposition, code)
    assert (done.assignee, done.decided_by) == ("ann", "ann")
    assert done.closed_at is not None
    assert alert_state(record) is AlertState.CLOSED
    acts = acts_after(record.engine, 0)
    assert [(act.act.ring_id, act.act.step, act.act.by) for act in acts] == [("r1", RingStep.CLOSED, "ann")]
    assert cases.queue().total == 0
    refused("closed by ann", lambda: cases.dispose(ONE, BEN, 1, disposition, code))
    refused("closed by ann", lambda: cases.take(ONE, BEN, done.version))


def test_a_code_of_another_disposition_is_refused(cases: Cases) -> None:
    refused("none of collusion", lambda: cases.dispose(ONE, ANN, 1, FRAUD, "travel"), InputError)
    assert now(cases).version == 1


def test_a_confirmed_fraud_labels_what_was_held(cases: Cases) -> None:
    done = cases.dispose(ONE, ANN, 1, FRAUD, "collusion")
    waiting = cases.waiting_labels()
    assert [(one.transaction_id, one.is_fraud, one.case_id) for one in waiting] == [
        ("t65", True, ONE),
        ("t70", True, ONE),
    ]
    assert {one.decided_at for one in waiting} == {done.closed_at}
    cases.labels_sent([waiting[0].key], START)
    assert cases.waiting_labels() == waiting[1:]
    cases.labels_sent([one.key for one in waiting], START)
    assert cases.waiting_labels() == []
    assert cases.labels(ONE) == waiting


def test_a_person_chooses_the_frauds(cases: Cases) -> None:
    refused(
        "'t99' is not in the evidence",
        lambda: cases.dispose(ONE, ANN, 1, FRAUD, "collusion", fraud_transactions=["t10", "t99"]),
        InputError,
    )
    cases.dispose(ONE, ANN, 1, FRAUD, "collusion", fraud_transactions=["t10", "t70"])
    assert [one.transaction_id for one in cases.waiting_labels()] == ["t10", "t70"]


def test_a_false_positive_says_that_nothing_was_fraud(cases: Cases) -> None:
    cases.dispose(ONE, ANN, 1, Disposition.FALSE_POSITIVE, "travel")
    labels = [(one.transaction_id, one.is_fraud) for one in cases.waiting_labels()]
    assert labels == [("t10", False), ("t65", False), ("t70", False)]
    assert {type(one.decided_at) for one in cases.waiting_labels()} == {datetime}
    made = [
        Label(one.transaction_id, one.is_fraud, one.decided_at, "investigator")
        for one in cases.waiting_labels()
    ]
    assert len(made) == 3


def test_other_decisions_say_nothing_of_transactions(cases: Cases) -> None:
    refused(
        "says nothing about single",
        lambda: cases.dispose(ONE, ANN, 1, Disposition.SUSPICIOUS, "watch", fraud_transactions=["t10"]),
        InputError,
    )
    cases.dispose(ONE, ANN, 1, Disposition.SUSPICIOUS, "watch")
    assert cases.waiting_labels() == []


def test_a_large_fraud_needs_a_second_person(cases: Cases, record: Record) -> None:
    careful = four_eyes(record)
    waits = careful.dispose(ONE, SUE, 1, FRAUD, "collusion")
    assert (waits.state, waits.disposition, waits.closed_at) == (CaseState.AWAITING_APPROVAL, FRAUD, None)
    assert careful.waiting_labels() == []
    assert acts_after(record.engine, 0) == []
    refused("you decided it", lambda: careful.approve(ONE, SUE, waits.version), InputError)
    refused("does not permit approve", lambda: careful.approve(ONE, BEN, waits.version), Forbidden)
    refused("waiting for approval", lambda: careful.take(ONE, BEN, waits.version))
    done = careful.approve(ONE, ADA, waits.version, "seen")
    assert (done.state, done.decided_by) == (CaseState.CLOSED, "sue")
    assert [one.decided_at for one in careful.waiting_labels()] == [done.closed_at] * 2
    assert [act.act.step for act in acts_after(record.engine, 0)] == [RingStep.CLOSED]
    refused("closed by sue", lambda: careful.approve(ONE, ADA, waits.version))


def test_a_refused_decision_goes_back(cases: Cases, record: Record) -> None:
    careful = four_eyes(record)
    waits = careful.dispose(ONE, ANN, 1, FRAUD, "collusion")
    refused("say why", lambda: careful.refuse(ONE, SUE, waits.version, " "), InputError)
    back = careful.refuse(ONE, SUE, waits.version, "who says so?")
    assert (back.state, back.assignee, back.disposition, back.decided_by) == (
        CaseState.IN_PROGRESS, "ann", None, None,
    )  # fmt: skip
    again = careful.dispose(ONE, ANN, back.version, FRAUD, "collusion", fraud_transactions=["t70"])
    careful.approve(ONE, SUE, again.version)
    assert [one.transaction_id for one in careful.waiting_labels()] == ["t70"]


def test_small_frauds_and_other_decisions_need_no_second_person(cases: Cases, record: Record) -> None:
    assert four_eyes(record, 5_000.0).dispose(ONE, ANN, 1, FRAUD, "collusion").state is CaseState.CLOSED
    raise_alerts(record, account_alert("a_9", money=9_999.0))
    careful = four_eyes(record)
    done = careful.dispose("C-000002", ANN, 1, Disposition.FALSE_POSITIVE, "travel")
    assert done.state is CaseState.CLOSED


def test_a_snoozed_case_leaves_the_queue_for_a_time(cases: Cases, record: Record) -> None:
    asleep = cases.snooze(ONE, ANN, 1, TOMORROW, "asked the bank")
    assert (asleep.snoozed_until, asleep.snoozed_by, asleep.snooze_reason) == (
        TOMORROW,
        "ann",
        "asked the bank",
    )
    assert cases.queue().total == 0
    assert cases.queue(CaseFilter(snoozed=Snoozed.ONLY)).total == 1
    assert cases.queue(CaseFilter(snoozed=Snoozed.SHOWN)).total == 1
    assert (cases.counts().snoozed, cases.counts().open) == (1, 0)
    assert cases.next_worst() is None
    cases.wake(ONE, BEN, asleep.version)
    assert cases.queue().total == 1
    refused("changed since", lambda: cases.wake(ONE, BEN, asleep.version + 1))
    with record.engine.connect() as connection, writing(connection):
        connection.execute(text("UPDATE cases SET snoozed_until = 1000000, snoozed_by = 'ann'"))
    assert cases.queue().total == 1


@pytest.mark.parametrize(
    "until", [datetime(2026, 1, 1, tzinfo=UTC), datetime.now(UTC) + timedelta(days=400), datetime(2030, 1, 1)]
)
def test_a_snooze_needs_an_end_ahead_and_a_reason(cases: Cases, until: datetime) -> None:
    refused("until: ", lambda: cases.snooze(ONE, ANN, 1, until, "later"), InputError)
    refused("reason: say why", lambda: cases.snooze(ONE, ANN, 1, TOMORROW, ""), InputError)


def test_a_ring_is_suppressed_by_who_may(cases: Cases, record: Record) -> None:
    refused("permit suppress", lambda: cases.suppress(ONE, ANN, 1, TOMORROW, "a club"), Forbidden)
    done = cases.suppress(ONE, SUE, 1, TOMORROW, "a chess club,\nmeets on Fridays")
    assert (done.state, done.reason_code, done.disposition) == (CaseState.CLOSED, "ring_suppressed", None)
    acts = [act.act for act in acts_after(record.engine, 0)]
    assert [(act.step, act.until, act.by) for act in acts] == [(RingStep.SUPPRESSED, TOMORROW, "sue")]
    assert acts[0].reason == "C-000001: a chess club, meets on Fridays"
    raise_alerts(record, account_alert("a_9"))
    refused("only rings", lambda: cases.suppress("C-000002", SUE, 1, TOMORROW, "x"), InputError)


def test_a_closed_case_is_reopened(cases: Cases, record: Record) -> None:
    done = cases.dispose(ONE, ANN, 1, FRAUD, "collusion")
    refused("say why", lambda: cases.reopen(ONE, BEN, done.version, ""), InputError)
    again = cases.reopen(ONE, BEN, done.version, "a new witness")
    assert (again.state, again.assignee, again.disposition, again.closed_at) == (
        CaseState.IN_PROGRESS, "ben", None, None,
    )  # fmt: skip
    assert cases.waiting_labels() == []
    assert alert_state(record) is AlertState.IN_REVIEW
    assert [act.act.step for act in acts_after(record.engine, 0)] == [RingStep.CLOSED, RingStep.REOPENED]
    refused("you have it", lambda: cases.reopen(ONE, BEN, again.version, "twice"))


def test_only_the_newest_case_of_a_subject_is_reopened(cases: Cases, record: Record) -> None:
    raise_alerts(record, account_alert("a_9"))
    done = cases.dispose("C-000002", ANN, 1, Disposition.INCONCLUSIVE, "out_of_time")
    raise_alerts(record, account_alert("a_9", 2))
    refused("C-000003 is the newer", lambda: cases.reopen(done.case_id, ANN, done.version, "hm"), InputError)


def test_comments_are_no_race(cases: Cases) -> None:
    cases.comment(ONE, BEN, "  looks odd\r\nto me ")
    cases.take(ONE, ANN, 1)
    cases.comment(ONE, BEN, "still")
    said = [(event.by, event.text) for event in cases.events(ONE) if event.step is CaseStep.COMMENT]
    assert said == [("ben", "looks odd\nto me"), ("ben", "still")]
    assert now(cases).version == 2
    for bad in ("", " \n ", "a\0b", "a\x1b[2J", "x" * 5_000, "\ud800"):
        refused("comment: ", lambda bad=bad: cases.comment(ONE, BEN, bad), InputError)


def test_evidence_is_attached_with_its_hash(cases: Cases, record: Record) -> None:
    receipt = record.receipt("t70")
    assert receipt is not None
    content = receipt.to_bytes()
    cases.attach(ONE, ANN, "receipt of t70.bin", "application/octet-stream", content)
    (file,) = cases.attachments(ONE)
    assert (file.name, file.size, file.by) == ("receipt of t70.bin", len(content), "ann")
    assert file.sha256 == hashlib.sha256(content).hexdigest()
    assert cases.attachment(file.attachment_id) == (file, content)
    assert cases.attachment(99) is None
    assert file.sha256 in entries(record.engine, act="case.attach")[0].detail
    with record.engine.connect() as connection, writing(connection):
        connection.execute(text("UPDATE case_attachments SET content = :other"), {"other": b"forged"})
    refused("was altered", lambda: cases.attachment(file.attachment_id), StoreError)


def test_attachments_have_bounds(cases: Cases, record: Record) -> None:
    small = Cases(record, CaseSettings(attachment_bytes=1_024))
    for name, content in (("a", b""), ("a", b"x" * 1_025), ("", b"x"), ("a\nb", b"x")):
        refused(
            "attachment|file name",
            lambda n=name, c=content: small.attach(ONE, ANN, n, "text/plain", c),
            InputError,
        )
    assert small.attachments(ONE) == []


def test_cases_are_related_by_people(cases: Cases, record: Record) -> None:
    raise_alerts(record, account_alert("a_9"))
    cases.relate(ONE, ANN, "C-000002")
    cases.relate("C-000002", BEN, ONE)
    for name, other in ((ONE, "C-000002"), ("C-000002", ONE)):
        (found,) = cases.related(name)
        assert (found.case.case_id, found.relation, found.by) == (other, Relation.LINKED, "ann")
        assert [event.detail for event in cases.events(name) if event.step is CaseStep.RELATED] == [
            {"other": other}
        ]
    for nothing in (ONE, "C-000099", "no"):
        refused("case|other", lambda other=nothing: cases.relate(ONE, ANN, other), InputError)


def test_many_are_done_at_once_and_the_others_said(cases: Cases, record: Record) -> None:
    raise_alerts(record, *(account_alert(f"x_{i}") for i in range(4)))
    cases.take("C-000003", BEN, 1)
    chosen = {one.case_id: 1 for one in cases.queue().rows}
    outcome = cases.bulk(chosen, lambda name, version: cases.take(name, ANN, version))
    assert {one.case_id for one in outcome.done} == chosen.keys() - {"C-000003"}
    assert dict(outcome.refused) == {"C-000003": "C-000003: ben has it; look at it again"}
    refused(
        "permit", lambda: cases.bulk(chosen, lambda name, version: cases.take(name, EVE, version)), Forbidden
    )


def acts_of(cases: Cases, by: Person) -> list[Callable[[], object]]:
    return [
        lambda: cases.take(ONE, by, 1),
        lambda: cases.assign(ONE, by, 1, "ben"),
        lambda: cases.release(ONE, by, 1),
        lambda: cases.comment(ONE, by, "x"),
        lambda: cases.attach(ONE, by, "x", "text/plain", b"x"),
        lambda: cases.dispose(ONE, by, 1, FRAUD, "collusion"),
        lambda: cases.approve(ONE, by, 1),
        lambda: cases.refuse(ONE, by, 1, "no"),
        lambda: cases.snooze(ONE, by, 1, TOMORROW, "x"),
        lambda: cases.wake(ONE, by, 1),
        lambda: cases.suppress(ONE, by, 1, TOMORROW, "x"),
        lambda: cases.reopen(ONE, by, 1, "x"),
        lambda: cases.relate(ONE, by, "C-000002"),
    ]


def test_a_viewer_may_do_nothing(cases: Cases, record: Record) -> None:
    before = now(cases)
    for act in acts_of(cases, EVE):
        refused("viewer does not permit", act, Forbidden)
    assert now(cases) == before
    assert verify(record.engine).number == 0


def test_every_act_is_in_the_audit_trail(cases: Cases, record: Record) -> None:
    taken = cases.take(ONE, ANN, 1)
    cases.comment(ONE, ANN, "odd")
    cases.dispose(ONE, ANN, taken.version, FRAUD, "collusion", "sure")
    trail = entries(record.engine, subject="case C-000001")
    assert [(one.by, one.act) for one in reversed(trail)] == [
        ("ann", "case.take"),
        ("ann", "case.comment"),
        ("ann", "case.dispose"),
    ]
    assert '"disposition":"confirmed_fraud"' in trail[0].detail
    assert '"text":"sure"' in trail[0].detail
    assert verify(record.engine).number == 3


def test_an_act_and_its_audit_entry_are_there_together_or_not_at_all(cases: Cases, record: Record) -> None:
    with record.engine.connect() as connection, writing(connection):
        connection.execute(text("ALTER TABLE audit_trail RENAME TO elsewhere"))
    refused("audit_trail", lambda: cases.take(ONE, ANN, 1), StoreError)
    assert now(cases).version == 1
    assert [event.step for event in cases.events(ONE)] == [CaseStep.OPENED]


def test_the_queue_is_filtered_and_sorted(cases: Cases, record: Record) -> None:
    raise_alerts(
        record,
        account_alert("x_1", severity=Severity.CRITICAL, score=0.9, money=50.0),
        account_alert("x_2", severity=Severity.LOW, score=0.2, money=9_000.0),
        ring_alert(ring("r7"), kind="mule_chain", score=0.95),
    )
    cases.take("C-000003", ANN, 1)

    def found(sort: CaseSort = CaseSort.WORST, **chosen: object) -> list[str]:
        return [one.subject_id for one in cases.queue(CaseFilter(**chosen), sort).rows]

    assert found() == ["x_1", "r7", "r1", "x_2"]
    assert found(CaseSort.MONEY)[0] == "x_2"
    assert found(CaseSort.SCORE)[0] == "r7"
    assert found(CaseSort.SUBJECT) == ["r1", "r7", "x_1", "x_2"]
    assert found(severities=(Severity.CRITICAL, Severity.LOW)) == ["x_1", "x_2"]
    assert found(subjects=(Subject.RING,)) == ["r7", "r1"]
    assert found(kinds=("mule_chain",)) == ["r7"]
    assert found(assignee="ann") == ["x_1"]
    assert found(assignee=UNASSIGNED) == ["r7", "r1", "x_2"]
    assert found(states=(CaseState.IN_PROGRESS,)) == ["x_1"]
    assert found(least_score=0.9) == ["x_1", "r7", "r1"]
    assert found(least_money=1_000.0) == ["r7", "r1", "x_2"]
    assert found(text="MULE") == ["r7"]
    assert found(text="x_") == ["x_1", "x_2"]
    assert found(text="c-000004") == ["x_2"]
    assert found(text="accounts paid from this device") == ["x_1", "r7", "r1", "x_2"]
    assert found(text="%") == found(text="' OR 1=1 --") == []
    assert found(overdue=True) == []
    assert found(opened_since=datetime.now(UTC)) == []
    page = cases.queue(sort=CaseSort.MONEY, limit=2, offset=1)
    assert ([one.subject_id for one in page.rows], page.total) == (["r7", "r1"], 4)
    turned = cases.queue(sort=CaseSort.MONEY, ascending=True)
    assert [one.subject_id for one in turned.rows] == ["x_1", "r1", "r7", "x_2"]
    for sort in CaseSort:
        assert sorted(found(sort)) == ["r1", "r7", "x_1", "x_2"]
    counts = cases.counts()
    assert (counts.open, counts.in_progress, counts.overdue, counts.closed) == (3, 1, 0, 0)
    assert dict(counts.by_severity) == {
        Severity.CRITICAL: 1, Severity.HIGH: 2, Severity.MEDIUM: 0, Severity.LOW: 1,
    }  # fmt: skip
    assert dict(counts.by_assignee) == {None: 3, "ann": 1}
    with record.engine.connect() as connection, writing(connection):
        connection.execute(text("UPDATE cases SET due_at = 1000000 WHERE number = 4"))
    assert found(overdue=True) == ["x_2"]
    assert cases.counts().overdue == 1


def test_the_next_worst_case_goes_on_from_the_last(cases: Cases, record: Record) -> None:
    raise_alerts(record, *(account_alert(f"x_{i}", money=100.0 * i) for i in range(1, 4)))
    seen: list[str] = []
    after = None
    for _ in range(4):
        one = cases.next_worst(after)
        assert one is not None
        seen.append(one.subject_id)
        after = one.case_id
    assert seen == ["r1", "x_3", "x_2", "x_1"]
    first = cases.next_worst(after)
    assert first is not None
    assert first.subject_id == "r1"
    cases.take(ONE, ANN, 1)
    again = cases.next_worst()
    assert again is not None
    assert again.subject_id == "x_3"


def test_similar_past_cases_are_the_nearest_with_a_decision(cases: Cases, record: Record) -> None:
    raise_alerts(
        record,
        *(account_alert(f"x_{i}", money=money) for i, money in enumerate((100.0, 5_000.0, 130.0, 110.0))),
        account_alert("x_8", kind="other", money=100.0),
    )
    for number in (3, 4, 5, 6):
        cases.dispose(f"C-{number:06d}", ANN, 1, FRAUD, "mule_account")
    assert [one.subject_id for one in cases.similar_past("C-000002")] == ["x_3", "x_2", "x_1"]
    assert [one.subject_id for one in cases.similar_past("C-000002", limit=1)] == ["x_3"]
    assert cases.similar_past(ONE) == []


def test_evidence_comes_with_what_was_decided(cases: Cases) -> None:
    found = cases.evidence(ONE)
    assert [(one.transaction_id, one.score) for one in found] == [
        ("t10", decision(10).score),
        ("t65", decision(65).score),
        ("t70", decision(70).score),
    ]


def test_an_alert_that_reopens_a_case_takes_no_label_back(cases: Cases, record: Record) -> None:
    cases.dispose(ONE, ANN, 1, Disposition.FALSE_POSITIVE, "travel")
    raise_alerts(record, ring_alert(ring(version=2), money=5_000.0, reopened=True))
    assert len(cases.waiting_labels()) == 3
    careful = four_eyes(record)
    waits = careful.dispose(ONE, ANN, now(cases).version, FRAUD, "collusion", fraud_transactions=["t70"])
    back = careful.refuse(ONE, SUE, waits.version, "no")
    assert len(cases.waiting_labels()) == 3
    again = careful.dispose(ONE, ANN, back.version, FRAUD, "collusion", fraud_transactions=["t70"])
    careful.approve(ONE, SUE, again.version)
    said = [(one.transaction_id, one.is_fraud) for one in cases.waiting_labels()]
    assert said == [("t10", False), ("t65", False), ("t70", False), ("t70", True)]
