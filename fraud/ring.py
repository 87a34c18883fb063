"""Rings: groups of accounts, merchants, devices and addresses that act together."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec

__all__ = ["NodeKind", "Ring", "RingMember"]


class NodeKind(StrEnum):
    """Kinds of node in the payment graph."""

    ACCOUNT = "account"
    MERCHANT = "merchant"
    DEVICE = "device"
    IP = "ip"


class RingMember(msgspec.Struct, frozen=True):
    """One member of a ring; ``role`` is its part in it ("payer", "mule", "colluding merchant", "shared device")."""

    member_id: str
    kind: NodeKind
    role: str
    score: float
    joined_at: datetime


class Ring(msgspec.Struct, frozen=True):
    """A ring as of ``last_seen``.

    ``ring_id`` stays the same while the ring grows; ``version`` counts its states from 1, so that of two
    records of one ring the higher version is the newer. ``transaction_ids`` is the evidence: the transactions
    that tie the members together, oldest first. ``first_alert_time`` is the event time at which the ring was
    first reported.
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
