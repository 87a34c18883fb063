"""Alerts: what an investigator is asked to look at, a ring or a single account.

One subject raises one alert that grows: its ``alert_id`` follows from the subject, its ``version`` from the
number of updates. ``idempotency_key`` names one state of one alert, so that recording or sending it twice can
be seen.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec

from fraud.decision import Reason
from fraud.ring import RingMember

__all__ = ["Alert", "AlertState", "Severity", "Subject"]


class Subject(StrEnum):
    """What an alert is about."""

    RING = "ring"
    ACCOUNT = "account"


class Severity(StrEnum):
    """How pressing an alert is, mildest first."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """0 for the mildest."""
        return list(Severity).index(self)


class AlertState(StrEnum):
    """Where an alert stands with the investigators."""

    OPEN = "open"
    IN_REVIEW = "in_review"
    CLOSED = "closed"


class Alert(msgspec.Struct, frozen=True):
    """One state of one alert.

    ``subject_id`` is the ring id or the account token; ``kind`` the pattern ("shared_device",
    "card_testing"); ``money`` the sum of the suspicious amounts in the house currency; ``transaction_ids``
    the evidence, oldest first; ``opened_at`` the event time of version 1; ``first_seen`` and ``last_seen``
    span the evidence; ``reopened``: it was closed or suppressed, and is to be looked at again.
    """

    alert_id: str
    version: int
    subject: Subject
    subject_id: str
    kind: str
    severity: Severity
    score: float
    money: float
    members: tuple[RingMember, ...]
    reasons: tuple[Reason, ...]
    opened_at: datetime
    first_seen: datetime
    last_seen: datetime
    transaction_ids: tuple[str, ...] = ()
    state: AlertState = AlertState.OPEN
    reopened: bool = False

    @property
    def idempotency_key(self) -> str:
        """The same for the same state of the same alert, wherever and however often it is made."""
        return f"{self.alert_id}:{self.version}"

    @property
    def top_reason(self) -> str:
        """The strongest reason in plain words, or an empty text."""
        return self.reasons[0].text if self.reasons else ""

    @staticmethod
    def id_for(subject: Subject, subject_id: str) -> str:
        """The alert id of a subject."""
        return f"{subject.value}-{subject_id}"
