from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator

import pytest
from sqlalchemy import func, select

from fraud.audit_tables import audit_trail
from fraud.audit_trail import verify
from fraud.case import CaseState, CaseStep
from fraud.case_queue import CaseFilter
from fraud.case_tables import case_events, case_labels, cases
from fraud.cases import Cases
from fraud.record import Record
from fraud.record_acts import acts_after
from tests.fraud.payments import ring
from tests.fraud.worked_cases import account_alert, pay, raise_alerts, ring_alert

EVERY = CaseFilter(states=tuple(CaseState))
UNVERSIONED = {CaseStep.COMMENT.value, CaseStep.ATTACHED.value, CaseStep.RELATED.value, CaseStep.OPENED.value}


@pytest.fixture
def record(record_url: str) -> Iterator[Record]:
    record = Record.open(record_url)
    yield record
    record.close()


TAKER = """
import json, sys
from fraud.access import Person, Role
from fraud.cases import Cases
from fraud.errors import CaseMoved
from fraud.record import Record

record = Record.open(sys.argv[1])
cases, me = Cases(record), Person(sys.argv[2], sys.argv[2], Role.ANALYST)
print("ready", flush=True)
sys.stdin.readline()
for number in range(1, 13):
    try:
        print(json.dumps([number, cases.take(f"C-{number:06d}", me, 1).assignee]), flush=True)
    except CaseMoved as moved:
        print(json.dumps([number, moved.assignee]), flush=True)
"""


def test_of_processes_that_race_for_cases_one_gets_each_and_the_others_are_told(
    record: Record, record_url: str
) -> None:
    raise_alerts(record, *(account_alert(f"x_{i}") for i in range(12)))
    takers = [
        subprocess.Popen(
            [sys.executable, "-c", TAKER, record_url, name],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ},
        )
        for name in ("ann", "ben", "cid")
    ]  # fmt: skip
    for taker in takers:
        assert taker.stdout is not None
        assert taker.stdout.readline() == "ready\n"
    for taker in takers:
        assert taker.stdin is not None
        taker.stdin.write("go\n")
        taker.stdin.flush()
    told = [[json.loads(line) for line in taker.communicate(timeout=200)[0].splitlines()] for taker in takers]
    assert [taker.returncode for taker in takers] == [0, 0, 0]
    owners = {one.case_id: one.assignee for one in Cases(record).queue(EVERY).rows}
    for said in told:
        assert {f"C-{number:06d}": owner for number, owner in said} == owners
    assert verify(record.engine).number == 12


WORKER = """
import sys
from fraud.access import Person, Role
from fraud.case import CaseState, Disposition
from fraud.cases import Cases
from fraud.record import Record

record = Record.open(sys.argv[1])
cases, me = Cases(record), Person("ann", "Ann", Role.ANALYST)
while True:
    for one in cases.cases(["C-000001", "C-000002"]).values():
        name, version = one.case_id, one.version
        if one.state is CaseState.CLOSED:
            cases.reopen(name, me, version, "again")
        elif one.state is CaseState.OPEN:
            cases.take(name, me, version)
        else:
            cases.comment(name, me, "so it is")
            cases.attach(name, me, "note.txt", "text/plain", b"so it is")
            cases.dispose(name, me, version, Disposition.CONFIRMED_FRAUD, "collusion")
        print("done", flush=True)
"""


def test_kill_nine_leaves_every_act_whole(record: Record, record_url: str) -> None:
    pay(record, [65, 70])
    raise_alerts(record, ring_alert(transaction_ids=("t65", "t70")), rings=[ring()])
    raise_alerts(record, account_alert("x_1", transaction_ids=("t65",)))
    acknowledged = 0
    for after in (1, 6, 4, 9):
        command = [sys.executable, "-c", WORKER, record_url]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ}) as worker:
            assert worker.stdout is not None
            for _ in range(after):
                acknowledged += worker.stdout.readline() == "done\n"
            os.kill(worker.pid, signal.SIGKILL)
            acknowledged += sum(line == "done\n" for line in worker.stdout)
        check_whole(record)
    with record.engine.connect() as connection:
        entries = connection.execute(select(func.count()).select_from(audit_trail)).scalar_one()
    assert entries >= acknowledged


def check_whole(record: Record) -> None:
    """What each act writes in many places is in all of them."""
    with record.engine.connect() as connection:
        events = connection.execute(select(case_events).order_by(case_events.c.number)).all()
        audited = connection.execute(select(audit_trail.c.act, audit_trail.c.subject)).all()
        rows = connection.execute(select(cases)).all()
        labels = connection.execute(select(case_labels.c.case_number, case_labels.c.decided_at)).all()
    verify(record.engine)
    by_people = Counter((row.case_number, row.step) for row in events if row.by)
    words = {"case.reopen": "reopened", "case.take": "taken", "case.comment": "comment", "case.attach": "attached",
             "case.dispose": "disposed"}  # fmt: skip
    assert by_people == Counter((int(row.subject[-6:]), words[row.act]) for row in audited)
    for row in rows:
        moves = [
            event for event in events if event.case_number == row.number and event.step not in UNVERSIONED
        ]
        assert row.version == 1 + len(moves)
        last = moves[-1].step if moves else "opened"
        assert row.state == {"opened": "open", "disposed": "closed"}.get(last, "in_progress")
        waiting = [label for label in labels if label.case_number == row.number]
        assert len(waiting) == ({1: 2, 2: 1}[row.number] if row.state == "closed" else 0)
        assert all(label.decided_at == row.closed_at for label in waiting)
    told = Counter(act.act.step.value for act in acts_after(record.engine, 0))
    assert (
        told
        == Counter({"closed": by_people[1, "disposed"], "reopened": by_people[1, "reopened"]}) - Counter()
    )
    assert Cases(record).queue(EVERY).total == 2
