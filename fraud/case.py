"""Cases: one ring or account under investigation, from its first alert to the decision that people make of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

import msgspec

from fraud.alert import Severity, Subject
from fraud.errors import InputError

__all__ = [
    "JOINED",
    "REASON_CODES",
    "Attachment",
    "Case",
    "CaseEvent",
    "CaseLabel",
    "CaseState",
    "CaseStep",
    "Disposition",
    "RelatedCase",
    "Relation",
    "case_id",
    "case_number",
]


class CaseState(StrEnum):
    """Where a case stands."""

    OPEN = "open"
    """Waits for somebody to take it."""
    IN_PROGRESS = "in_progress"
    AWAITING_APPROVAL = "awaiting_approval"
    """Decided, and a second person is to confirm it."""
    CLOSED = "closed"


class Disposition(StrEnum):
    """What a case turned out to be."""

    CONFIRMED_FRAUD = "confirmed_fraud"
    SUSPICIOUS = "suspicious"
    FALSE_POSITIVE = "false_positive"
    VALUABLE_ALERT = "valuable_alert"
    """No fraud of this subject, but the alert led to something worth knowing."""
    INCONCLUSIVE = "inconclusive"


REASON_CODES: Mapping[Disposition, Mapping[str, str]] = MappingProxyType(
    {
        Disposition.CONFIRMED_FRAUD: {
            "collusion": "accounts act together",
            "account_takeover": "somebody else acts for the account",
            "mule_account": "the account passes stolen money on",
            "card_testing": "stolen cards are tried out",
            "merchant_fraud": "the merchant takes part",
            "synthetic_identity": "the holder does not exist",
            "first_party": "the holder means not to pay",
            "other_fraud": "another kind of fraud",
        },
        Disposition.SUSPICIOUS: {
            "watch": "to be watched further",
            "reported": "reported to the authority",
            "holder_unreachable": "the holder could not be asked",
        },
        Disposition.FALSE_POSITIVE: {
            "holder_confirmed": "the holder confirmed the payments",
            "shared_by_household": "a household or an office shares the device or address",
            "usual_business": "usual for this business",
            "travel": "the holder travels",
            "wrong_data": "the data were wrong",
        },
        Disposition.VALUABLE_ALERT: {
            "led_elsewhere": "led to another case",
            "prevented": "stopped before money moved",
            "policy_breach": "a breach of terms, not a fraud",
        },
        Disposition.INCONCLUSIVE: {
            "too_little_evidence": "too little to decide by",
            "out_of_time": "not decided in time",
        },
    }
)
"""Why, in a code that can be counted, by disposition; and what the code means."""

JOINED = "joined"
"""The reason code of a case that a ring's case took over."""


class CaseStep(StrEnum):
    """What can happen to a case."""

    OPENED = "opened"
    GREW = "grew"
    """A newer state of its alert joined it."""
    REOPENED = "reopened"
    TAKEN = "taken"
    ASSIGNED = "assigned"
    RELEASED = "released"
    COMMENT = "comment"
    ATTACHED = "attached"
    DISPOSED = "disposed"
    APPROVED = "approved"
    REFUSED = "refused"
    SNOOZED = "snoozed"
    WOKEN = "woken"
    RELATED = "related"
    SUPPRESSED = "suppressed"
    CLOSED = "closed"
    """By the software: its alert was taken over, or its ring closed elsewhere."""
    DELIVERY = "delivery"
    """A message about its alert, as its channel has it."""


class Relation(StrEnum):
    """How two cases belong together."""

    EARLIER = "earlier"
    """An earlier case of the same subject."""
    JOINED = "joined"
    """A ring's case took over that of one of its accounts, or of another ring."""
    LINKED = "linked"
    """Somebody said so."""


class Case(msgspec.Struct, frozen=True):
    """A case as it stands.

    ``subject``, ``subject_id``, ``kind``, ``severity``, ``score``, ``money`` (suspicious amounts in the house
    currency), ``size`` (members) and ``top_reason`` are those of the newest state of its alert (``alert_version``);
    ``at_risk`` is money times score. ``first_seen`` and ``last_seen`` span the evidence in event time; all other times
    are of the clock on the wall. ``disposition`` and ``reason_code`` are proposals by ``decided_by`` while the case
    awaits approval. ``version`` counts what people, or the end of its alert, changed: an act names the version that
    it was decided by. A case closed without a disposition was closed by the software, ``reason_code`` says why.
    """

    case_id: str
    alert_id: str
    alert_version: int
    subject: Subject
    subject_id: str
    kind: str
    severity: Severity
    score: float
    money: float
    at_risk: float
    size: int
    top_reason: str
    state: CaseState
    assignee: str | None
    disposition: Disposition | None
    reason_code: str | None
    decided_by: str | None
    opened_at: datetime
    first_seen: datetime
    last_seen: datetime
    due_at: datetime
    snoozed_until: datetime | None
    snoozed_by: str | None
    snooze_reason: str | None
    closed_at: datetime | None
    updated_at: datetime
    version: int

    @property
    def is_open(self) -> bool:
        """Whether there is still something to do."""
        return self.state is not CaseState.CLOSED

    def is_overdue(self, now: datetime) -> bool:
        """Whether it should have been closed by now."""
        return self.is_open and self.due_at < now

    def is_snoozed(self, now: datetime) -> bool:
        """Whether it is out of the queue for a time."""
        return self.is_open and self.snoozed_until is not None and self.snoozed_until > now


class CaseEvent(msgspec.Struct, frozen=True):
    """One line of a case's history; ``by`` is empty where nobody did it, ``detail`` says what cannot be read off."""

    at: datetime
    step: CaseStep
    by: str
    text: str
    detail: dict[str, str] = {}


class Attachment(msgspec.Struct, frozen=True):
    """A file of evidence, without its content; ``sha256`` is the content's, in hexadecimal."""

    attachment_id: int
    case_id: str
    name: str
    media_type: str
    size: int
    sha256: str
    by: str
    at: datetime


class RelatedCase(msgspec.Struct, frozen=True):
    """Another case, and how it belongs to this one."""

    case: Case
    relation: Relation
    by: str
    at: datetime


class CaseLabel(msgspec.Struct, frozen=True):
    """What a closed case says about one transaction: it goes out as a label, once; ``key`` names it."""

    key: int
    case_id: str
    transaction_id: str
    is_fraud: bool
    decided_at: datetime


def case_id(number: int) -> str:
    """The name of a case: ``C-000123``."""
    return f"C-{number:06d}"


def case_number(name: str) -> int:
    """The number in a name; raises InputError where it is none."""
    found = re.fullmatch(r"C-(\d{6,18})", name, re.ASCII)
    if found is None:
        raise InputError(f"case: {name[:40]!r} is no case; they are called C-000123")
    return int(found[1])
