"""What the ring desk knows of one suspicious transaction: who paid, how suspicious it is, and what it touches."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

__all__ = ["Pattern", "Suspect", "Tie", "TieKind"]


class TieKind(StrEnum):
    """What may tie accounts together."""

    DEVICE = "device"
    IP = "ip"
    MERCHANT = "merchant"
    ACCOUNT = "account"
    """A receiver of transfers; the accounts that pay it are tied to it and so to each other."""
    PAYER = "payer"
    """A sender of transfers, likewise."""
    PATTERN = "pattern"
    """A structural finding: all accounts in it."""


@dataclass(frozen=True, slots=True, order=True)
class Tie:
    """One device, address, merchant, account that pays or is paid, or structural pattern."""

    kind: TieKind
    token: str


@dataclass(frozen=True, slots=True)
class Suspect:
    """A suspicious transaction, and how many accounts share each thing that it touches."""

    transaction_id: str
    time: int
    """µs since 1970 UTC"""
    score: float
    amount: float
    account: str
    touches: tuple[tuple[Tie, float], ...]
    """Each thing touched, with the number of accounts that use it (recently, or ever where that is few)."""
    new_device: bool = False
    """Whether the account used this device for the first time."""
    ring: float | None = None
    """How probable it is that a ring makes it, by the model; None where that has learned of no ring."""

    @property
    def of_ring(self) -> float:
        """What it weighs as evidence for a ring, a probability: that of a fraud where nothing else is known."""
        return self.score if self.ring is None else self.ring


class Pattern(NamedTuple):
    """A structural finding as a tie: the same token for the same pattern as it grows."""

    tie: Tie
    accounts: tuple[str, ...]
    evidence: float
    """For each account, in nats."""
