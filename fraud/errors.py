"""Every error that Ringfence raises on purpose.

RingfenceError
├── InputError            a file, record or argument that the caller can mend
│   ├── RecordError       one bad record: it goes to the dead letters, the rest goes on
│   ├── Conflict          a record whose id stands for other content already
│   │   └── CaseMoved     a case that somebody changed since it was read
│   └── SettingsError     a setting that is missing or out of range
├── ArtefactError         a model artefact that is damaged, mismatched or from another feature set
├── StoreError            a store (SQL or graph) refused or lost a write
│   └── StoreUnavailable  the store cannot be reached now; the same call may succeed later
├── Forbidden             a person whose role does not permit an act
├── ServiceError          a local service (embedded graph, broker) did not start or stopped
├── DeliveryFailed        a channel did not take a message now; the same may be tried later
│   ├── DeliveryRefused   it will not take it later either
│   └── DeliveryUncertain whether it has taken it is not known
└── AuditFailed           the record does not hold what the ledger gives, or the audit trail was altered
"""

from __future__ import annotations

__all__ = [
    "ArtefactError",
    "AuditFailed",
    "CaseMoved",
    "Conflict",
    "DeliveryFailed",
    "DeliveryRefused",
    "DeliveryUncertain",
    "InputError",
    "RecordError",
    "RingfenceError",
    "ServiceError",
    "SettingsError",
    "StoreError",
    "StoreUnavailable",
]


class RingfenceError(Exception):
    """Root of all deliberate errors; its text is one line fit to show to a user."""


class InputError(RingfenceError):
    """Input that the caller can mend; the command line prints it and exits with 2."""


class RecordError(InputError):
    """One record breaks a rule.

    ``field`` names the column, ``reason`` says what is wrong with it and what would be right,
    the value already masked where it is personal.
    """

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


class Conflict(InputError):
    """A record comes under an id that stands for other content already."""


class CaseMoved(Conflict):
    """An act on a case came too late: somebody else has it, or changed it since it was read.

    ``assignee`` is who has it now, None for nobody.
    """

    def __init__(self, case_id: str, assignee: str | None, what: str) -> None:
        super().__init__(f"{case_id}: {what}; look at it again")
        self.case_id = case_id
        self.assignee = assignee


class SettingsError(InputError):
    """A setting is missing, contradictory or out of range."""


class ArtefactError(RingfenceError):
    """A model artefact cannot be trusted: damaged, incomplete, or made for other features."""


class StoreError(RingfenceError):
    """A store refused an operation for good."""


class StoreUnavailable(StoreError):
    """A store cannot be reached at the moment; trying again later is sensible."""


class Forbidden(RingfenceError):
    """A person asked for what their role does not permit."""

    def __init__(self, name: str, role: str, permission: str) -> None:
        super().__init__(
            f"{name}: the role {role} does not permit {permission}; ask an admin for the role that does"
        )
        self.permission = permission


class ServiceError(RingfenceError):
    """A local service process did not become ready or stopped by itself."""


class DeliveryFailed(RingfenceError):
    """A channel did not take a message now; ``retry_after`` are the seconds that it asks to be left alone for."""

    def __init__(self, reason: str, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class DeliveryRefused(DeliveryFailed):
    """A channel refuses a message for good: trying the same again is no use."""


class DeliveryUncertain(DeliveryFailed):
    """A connection broke after a message was handed over and before it was answered for."""


class AuditFailed(RingfenceError):
    """The record does not hold what a replay of the ledger gives, or the audit trail does not hold."""
