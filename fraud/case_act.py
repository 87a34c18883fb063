"""One act of a person on one case: checked, carried out, told in the history and in the audit trail, all or nothing."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, insert, select, update

from fraud.access import Person
from fraud.audit_trail import append, hold
from fraud.case import Case, CaseState, CaseStep, case_id, case_number
from fraud.case_history import add_events, event_row, hold_cases
from fraud.case_intake import ALERT_STATES
from fraud.case_reader import read_case
from fraud.case_tables import cases
from fraud.errors import CaseMoved, InputError
from fraud.record_acts import act_row
from fraud.record_tables import alerts, ring_acts
from fraud.ring import RingStep
from fraud.ring_act import RingAct

__all__ = ["CaseAct", "read_text"]

LONGEST_TEXT = 4_000
AUDITED = {
    CaseStep.TAKEN: "take",
    CaseStep.ASSIGNED: "assign",
    CaseStep.RELEASED: "release",
    CaseStep.COMMENT: "comment",
    CaseStep.ATTACHED: "attach",
    CaseStep.DISPOSED: "dispose",
    CaseStep.APPROVED: "approve",
    CaseStep.REFUSED: "refuse",
    CaseStep.SNOOZED: "snooze",
    CaseStep.WOKEN: "wake",
    CaseStep.RELATED: "relate",
    CaseStep.SUPPRESSED: "suppress",
    CaseStep.REOPENED: "reopen",
}


class CaseAct:
    """A case held by one transaction, on behalf of a person of whom it is known that they may do this."""

    def __init__(
        self,
        connection: Connection,
        name: str,
        by: Person,
        version: int | None = None,
    ) -> None:
        """Hold the case; raises InputError where there is no such case, CaseMoved for another version."""
        self.number = case_number(name)
        self.connection = connection
        self.by = by
        self.now = datetime.now(UTC)
        hold_cases(connection)
        hold(connection)
        row = connection.execute(select(cases).where(cases.c.number == self.number)).first()
        if row is None:
            raise InputError(f"case: there is no {name}")
        self.case: Case = read_case(row)
        if version is not None and version != self.case.version:
            raise self.moved()

    def moved(self) -> CaseMoved:
        """The error that says how the case stands now."""
        one = self.case
        if one.state is CaseState.CLOSED:
            what = "closed" + (f" by {one.decided_by}" if one.decided_by else "")
        elif one.state is CaseState.AWAITING_APPROVAL:
            what = f"decided by {one.decided_by} and waiting for approval"
        elif one.assignee is not None:
            what = (
                f"{one.assignee} has it"
                if one.assignee != self.by.name
                else "you have it, and it was changed"
            )
        else:
            what = "it was changed since it was read"
        return CaseMoved(one.case_id, one.assignee, what)

    def expect(self, *states: CaseState) -> None:
        """Raise CaseMoved unless the case stands so."""
        if self.case.state not in states:
            raise self.moved()

    def expect_mine_or_free(self) -> None:
        """Raise CaseMoved where somebody else has the case."""
        if self.case.assignee not in (None, self.by.name):
            raise self.moved()

    def change(self, **values: Any) -> None:
        """Give columns other values, and the case its next version."""
        values |= {"version": self.case.version + 1, "updated_at": self.now}
        self.connection.execute(update(cases).where(cases.c.number == self.number).values(values))
        row = self.connection.execute(select(cases).where(cases.c.number == self.number)).one()
        before, self.case = self.case, read_case(row)
        if ALERT_STATES[before.state] is not ALERT_STATES[self.case.state]:
            state = ALERT_STATES[self.case.state].value
            stands = alerts.c.alert_id == self.case.alert_id
            self.connection.execute(update(alerts).where(stands).values(state=state))

    def tell(self, step: CaseStep, told: str = "", detail: Mapping[str, str] | None = None) -> None:
        """Put a line into the history and one into the audit trail."""
        event = event_row(self.number, self.now, step, told, by=self.by.name, detail=detail)
        add_events(self.connection, [event])
        said = {**(detail or {}), **({"text": told} if told else {}), "version": self.case.version}
        append(self.connection, self.by, f"case.{AUDITED[step]}", f"case {case_id(self.number)}", said)

    def tell_ring_desk(self, step: RingStep, reason: str, until: datetime | None = None) -> None:
        """Let the ring desk know what was decided about the case's ring."""
        act = RingAct(self.case.subject_id, step, self.by.name, reason, until)
        self.connection.execute(insert(ring_acts).values(act_row(act)))


def read_text(field: str, text: str, *, required: bool = False, longest: int = LONGEST_TEXT) -> str:
    """A text that a person wrote, without blanks around it; line breaks may be in it, other control characters not.

    Raises InputError for one that is too long, or missing where one is required.
    """
    text = text.replace("\r\n", "\n").strip()
    if required and not text:
        raise InputError(f"{field}: say why, in a few words")
    if len(text) > longest:
        raise InputError(f"{field}: {len(text):,} characters; write at most {longest:,}")
    if any(unicodedata.category(sign) in ("Cc", "Cs") and sign not in "\n\t" for sign in text):
        raise InputError(f"{field}: holds control characters; take them out")
    return text
