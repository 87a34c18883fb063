"""From decisions and rings to alerts: a ring raises one alert that grows, a lone account one of its own."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Self

import msgspec

from fraud.alert import Alert, AlertState, Severity, Subject
from fraud.decision import Reason
from fraud.ring import NodeKind, Ring, RingMember, RingStatus
from graph.ring_identity import moment
from graph.ring_state import RingState
from graph.rings import RingChange
from graph.suspects import Suspect, TieKind

__all__ = ["AlertDesk", "moment"]

GROWTH = 1.25
"""An account's alert is raised again when its suspicious money has grown by a quarter."""

MOST_EVIDENCE = 200

SEVERITY_STEPS: tuple[tuple[float, Severity], ...] = (
    (100.0, Severity.CRITICAL),
    (25.0, Severity.HIGH),
    (5.0, Severity.MEDIUM),
)
"""Expected loss in multiples of the cost of a review, and how pressing that is."""


@dataclass(slots=True)
class _AccountCase:
    opened: int
    version: int = 0
    raised_money: float = 0.0
    score: float = 0.0
    reasons: tuple[Reason, ...] = ()
    """Of its highest-scored transaction: what tells most, not what came last."""
    evidence: dict[str, float] = field(default_factory=dict)
    closed: bool = False
    """Whether a ring's alert took it over; then its evidence began anew."""


class AlertDesk:
    """Keeps which alerts are open and says when one is to be raised, raised again, or closed into a ring's."""

    def __init__(self, review_cost: float) -> None:
        self._unit = max(review_cost, 0.01)
        self._cases: dict[str, _AccountCase] = {}

    def to_bytes(self) -> bytes:
        """Which alerts are open, to go on from in another process."""
        return msgspec.msgpack.encode(self._cases)

    @classmethod
    def from_bytes(cls, content: bytes, review_cost: float) -> Self:
        """A desk that goes on where the one that wrote ``content`` stood. Raises msgspec.DecodeError."""
        desk = cls(review_cost)
        desk._cases = msgspec.msgpack.decode(content, type=dict[str, _AccountCase])
        return desk

    def on_ring(self, change: RingChange, record: Ring, reasons: tuple[Reason, ...]) -> list[Alert]:
        """The ring's alert in its new state, after closing states of the account alerts that it takes over.

        It is closed while the ring is closed, suppressed, or merged into another.
        """
        ring = change.ring
        if record.merged_into is not None:
            reasons = (Reason("ring", f"Now part of {record.merged_into}, whose alert goes on"),)
        alert = Alert(
            alert_id=Alert.id_for(Subject.RING, ring.ring_id),
            version=ring.version,
            subject=Subject.RING,
            subject_id=ring.ring_id,
            kind=ring.kind,
            severity=self._severity(ring.score * ring.money),
            score=ring.score,
            money=ring.money,
            members=record.members,
            reasons=(_ring_reason(ring), *reasons),
            opened_at=record.first_alert_time,
            first_seen=moment(ring.first_seen),
            last_seen=moment(ring.last_seen),
            transaction_ids=record.transaction_ids[-MOST_EVIDENCE:],
            state=AlertState.OPEN if record.status is RingStatus.OPEN else AlertState.CLOSED,
            reopened=change.reopened,
        )
        taken_over = [account for account in ring.accounts if account in self._cases]
        closed = [self._close_account(account, ring) for account in taken_over]
        return [*(one for one in closed if one is not None), alert]

    def on_suspicion(self, suspect: Suspect, reasons: tuple[Reason, ...]) -> Iterable[Alert]:
        """The alert of an account for which no ring's speaks, unless it has not grown enough to be raised again."""
        account = suspect.account
        case = self._cases.setdefault(account, _AccountCase(suspect.time))
        case.evidence[suspect.transaction_id] = suspect.amount
        if suspect.score > case.score:
            case.score, case.reasons = suspect.score, reasons
        money = sum(case.evidence.values())
        if case.version and money < GROWTH * case.raised_money:
            return ()
        case.version += 1
        case.raised_money = money
        reopened, case.closed = case.closed, False
        alert = self._account_alert(account, case, suspect.time, case.reasons)
        return (msgspec.structs.replace(alert, reopened=reopened),)

    def _account_alert(
        self, account: str, case: _AccountCase, time: int, reasons: tuple[Reason, ...]
    ) -> Alert:
        money = sum(case.evidence.values())
        return Alert(
            alert_id=Alert.id_for(Subject.ACCOUNT, account),
            version=case.version,
            subject=Subject.ACCOUNT,
            subject_id=account,
            kind="suspicious_account",
            severity=self._severity(case.score * money),
            score=case.score,
            money=money,
            members=(RingMember(account, NodeKind.ACCOUNT, "payer", case.score, moment(case.opened)),),
            reasons=reasons,
            opened_at=moment(case.opened),
            first_seen=moment(case.opened),
            last_seen=moment(time),
            transaction_ids=tuple(case.evidence)[-MOST_EVIDENCE:],
        )

    def _close_account(self, account: str, ring: RingState) -> Alert | None:
        case = self._cases[account]
        if case.version == 0 or case.closed:
            return None
        case.version += 1
        joined = Reason("ring", f"Now part of {ring.ring_id}, whose alert goes on")
        alert = self._account_alert(account, case, ring.last_seen, (joined,))
        self._cases[account] = _AccountCase(case.opened, case.version, closed=True)
        return msgspec.structs.replace(alert, state=AlertState.CLOSED)

    def _severity(self, expected_loss: float) -> Severity:
        multiple = expected_loss / self._unit
        return next((severity for step, severity in SEVERITY_STEPS if multiple >= step), Severity.LOW)


def _ring_reason(ring: RingState) -> Reason:
    held_by = {
        TieKind.DEVICE: "a device that few others use",
        TieKind.IP: "an address that few others use",
        TieKind.MERCHANT: "a merchant where a large part of the recent payers is suspicious",
        TieKind.ACCOUNT: "a receiver of suspicious transfers",
        TieKind.PAYER: "a sender of suspicious transfers",
        TieKind.PATTERN: "a pattern of payments between them",
    }
    kinds = [kind for kind in TieKind if any(tie.kind is kind for tie in ring.ties)]
    text = f"{len(ring.accounts)} accounts are tied by " + " and ".join(held_by[kind] for kind in kinds)
    return Reason("ring", text, float(len(ring.accounts)))
