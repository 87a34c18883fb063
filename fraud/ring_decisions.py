"""What people decide about a ring on its own page: put on record for the ring desk, and in the audit trail."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import insert

from fraud.access import Permission, Person, require
from fraud.alert import Subject
from fraud.audit_trail import append
from fraud.cases import Cases
from fraud.database import store_errors, writing
from fraud.errors import InputError
from fraud.record_acts import act_row
from fraud.record_reader import RecordReader
from fraud.record_tables import ring_acts
from fraud.ring import RingStep
from fraud.ring_act import RingAct

__all__ = ["decide_ring"]


def decide_ring(
    record: RecordReader,
    cases: Cases,
    ring_id: str,
    by: Person,
    step: RingStep,
    reason: str,
    until: datetime | None = None,
) -> None:
    """Suppress a ring until a moment of event time, close it or reopen it; its case goes along.

    The ring desk takes it in with its next batch. Raises Forbidden, InputError for what can be mended (an open case is
    closed by deciding it, not here), CaseMoved, StoreUnavailable.
    """
    require(by, Permission.SUPPRESS)
    said = " ".join(reason.split())
    if not said:
        raise InputError("reason: say why, in a few words")
    case = cases.case_of(Subject.RING, ring_id)
    if case is not None and case.is_open and step is RingStep.CLOSED:
        raise InputError(
            f"{ring_id}: its case {case.case_id} is open; decide that, and the ring is closed with it"
        )
    if case is not None and case.is_open and step is RingStep.SUPPRESSED and until is not None:
        cases.suppress(case.case_id, by, case.version, until, said)
        return
    if case is not None and not case.is_open and step is RingStep.REOPENED:
        cases.reopen(case.case_id, by, case.version, said)
        return
    act = RingAct(ring_id, step, by.name, said, until)
    detail = {"reason": said} | ({"until": until.isoformat()} if until else {})
    with store_errors("write"), record.engine.connect() as connection, writing(connection):
        connection.execute(insert(ring_acts).values(act_row(act)))
        append(connection, by, f"ring.{ACTS[step]}", f"ring {ring_id}", detail)


ACTS = {RingStep.SUPPRESSED: "suppress", RingStep.CLOSED: "close", RingStep.REOPENED: "reopen"}
