"""Rings: groups of accounts, merchants, devices and addresses that act together."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec

__all__ = ["NodeKind", "Ring", "RingEdge", "RingEvent", "RingMember", "RingStatus", "RingStep"]


class NodeKind(StrEnum):
    """Kinds of node in the payment graph."""

    ACCOUNT = "account"
    MERCHANT = "merchant"
    DEVICE = "device"
    IP = "ip"


class RingStatus(StrEnum):
    """Where a ring stands with the investigators."""

    OPEN = "open"
    SUPPRESSED = "suppressed"
    CLOSED = "closed"
    MERGED = "merged"


class RingStep(StrEnum):
    """What can happen to a ring."""

    FOUNDED = "founded"
    JOINED = "joined"
    LEFT = "left"
    MERGED = "merged"
    SPLIT = "split"
    SUPPRESSED = "suppressed"
    CLOSED = "closed"
    REOPENED = "reopened"


class RingEvent(msgspec.Struct, frozen=True):
    """One entry of a ring's history; ``number`` counts from 1 within the ring.

    ``members`` names at most some of those who joined or left, ``count`` says how many did. ``ring_id`` is the other
    ring of a merger or a split, ``by`` whoever decided it, empty where the ring desk did.
    """

    number: int
    time: datetime
    step: RingStep
    reason: str
    count: int = 0
    members: tuple[str, ...] = ()
    ring_id: str | None = None
    by: str = ""


class RingEdge(msgspec.Struct, frozen=True):
    """Suspicious payments from one member to another party, or its use of a device or address, summed."""

    source: str
    target: str
    kind: NodeKind
    """Of the target."""
    transactions: int
    amount: float
    score: float
    """Highest of the payments."""
    first_seen: datetime
    last_seen: datetime


class RingMember(msgspec.Struct, frozen=True):
    """One member of a ring; ``role`` is its part in it ("payer", "mule", "colluding merchant", "shared device")."""

    member_id: str
    kind: NodeKind
    role: str
    score: float
    joined_at: datetime


class Ring(msgspec.Struct, frozen=True):
    """A ring as of ``last_seen``.

    ``ring_id`` stays the same while the ring grows; ``version`` counts its states from 1, so that of two records of one
    ring the higher version is the newer. ``transaction_ids`` is the evidence: the transactions that tie the members
    together, oldest first, the newest where there are very many; ``edges`` sums them. ``first_alert_time`` is the event
    time at which the ring was first reported. ``money`` has moved in suspicious payments; ``at_risk`` is the part of it
    that is expected to be fraud, each amount times its score.

    ``truncated``: the ring is too large to be looked at as a whole; ``accounts`` counts all its accounts, ``members``
    may name only some. A merged ring points to the one that goes on; one that was split off points back. A suppression
    has an owner (``decided_by``) and an end. ``history`` holds the steps since the version before; the record adds them
    up.
    """

    ring_id: str
    version: int
    kind: str
    score: float
    members: tuple[RingMember, ...]
    first_alert_time: datetime
    last_seen: datetime
    money: float
    transaction_ids: tuple[str, ...] = ()
    first_seen: datetime | None = None
    at_risk: float = 0.0
    accounts: int = 0
    truncated: bool = False
    status: RingStatus = RingStatus.OPEN
    decided_by: str = ""
    suppressed_until: datetime | None = None
    merged_into: str | None = None
    split_from: str | None = None
    edges: tuple[RingEdge, ...] = ()
    history: tuple[RingEvent, ...] = ()
