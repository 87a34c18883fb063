"""From decisions and rings to alerts: a ring raises one alert that grows, a lone account one of its own."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Self

import msgspec

from fraud.alert import Alert, AlertState, Severity, Subject
from fraud.decision import Reason
from fraud.ring import NodeKind, Ring, RingMember
from graph.rings import RingChange, RingState, TieKind

__all__ = ["AlertDesk", "moment", "ring_record"]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
GROWTH = 1.25
"""An account's alert is raised again when its suspicious money has grown by a quarter."""

MOST_EVIDENCE = 200

SEVERITY_STEPS: tuple[tuple[float, Severity], ...] = (
    (100.0, Severity.CRITICAL),
    (25.0, Severity.HIGH),
    (5.0, Severity.MEDIUM),
)
"""Expected loss in multiples of the cost of a review, and how pressing that is."""

ROLES = {
    TieKind.DEVICE: (NodeKind.DEVICE, "shared device"),
    TieKind.IP: (NodeKind.IP, "shared address"),
    TieKind.MERCHANT: (NodeKind.MERCHANT, "merchant in common"),
    TieKind.ACCOUNT: (NodeKind.ACCOUNT, "receiver in common"),
}


def moment(time: int) -> datetime:
    """µs since 1970 as a time in UTC."""
    return EPOCH + timedelta(microseconds=time)


def ring_record(ring: RingState) -> Ring:
    """The ring as it is kept in the record."""
    return Ring(
        ring_id=ring.ring_id,
        version=ring.version,
        kind=ring.kind,
        score=ring.score,
        members=_members(ring),
        first_alert_time=moment(ring.first_reported or ring.last_seen),
        last_seen=moment(ring.last_seen),
        money=ring.money,
        transaction_ids=tuple(ring.evidence),
    )


def _members(ring: RingState) -> tuple[RingMember, ...]:
    receivers = {tie.token for tie in ring.ties if tie.kind is TieKind.ACCOUNT}
    members = [
        RingMember(
            account, NodeKind.ACCOUNT, "receiver in common" if account in receivers else "payer",
            member.score, moment(member.joined),
        )
        for account, member in ring.accounts.items()
    ]  # fmt: skip
    for tie, since in ring.ties.items():
        if tie.kind is not TieKind.ACCOUNT:
            kind, role = ROLES[tie.kind]
            members.append(RingMember(tie.token, kind, role, ring.score, moment(since)))
    return tuple(members)


@dataclass(slots=True)
class _AccountCase:
    opened: int
    version: int = 0
    raised_money: float = 0.0
    score: float = 0.0
    reasons: tuple[Reason, ...] = ()
    """Of its highest-scored transaction: what tells most, not what came last."""
    evidence: dict[str, float] = field(default_factory=dict)


class AlertDesk:
    """Keeps which alerts are open and says when one is to be raised, raised again, or closed into a ring's."""

    def __init__(self, review_cost: float) -> None:
        self._unit = max(review_cost, 0.01)
        self._cases: dict[str, _AccountCase] = {}
        self._ring_alerts: dict[str, Alert] = {}
        self._in_ring: dict[str, str] = {}

    def to_bytes(self) -> bytes:
        """Which alerts are open, to go on from in another process."""
        return msgspec.msgpack.encode((self._cases, self._ring_alerts, self._in_ring))

    @classmethod
    def from_bytes(cls, content: bytes, review_cost: float) -> Self:
        """A desk that goes on where the one that wrote ``content`` stood. Raises msgspec.DecodeError."""
        desk = cls(review_cost)
        known = tuple[dict[str, _AccountCase], dict[str, Alert], dict[str, str]]
        desk._cases, desk._ring_alerts, desk._in_ring = msgspec.msgpack.decode(content, type=known)
        return desk

    def on_ring(self, change: RingChange, reasons: tuple[Reason, ...]) -> list[Alert]:
        """The ring's alert in its new state, and closing states of the alerts that it takes over."""
        ring = change.ring
        record = ring_record(ring)
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
        )
        closed = [self._close_account(account, ring) for account in ring.accounts if account in self._cases]
        closed += [
            self._close_ring(ring_id, ring) for ring_id in change.absorbed if ring_id in self._ring_alerts
        ]
        self._ring_alerts[ring.ring_id] = alert
        self._in_ring.update(dict.fromkeys(ring.accounts, ring.ring_id))
        return [*(one for one in closed if one is not None), alert]

    def on_suspicion(
        self,
        account: str,
        transaction_id: str,
        time: int,
        score: float,
        amount: float,
        reasons: tuple[Reason, ...],
    ) -> Iterable[Alert]:
        """An account's own alert, unless a ring's speaks for it or it has not grown enough to be raised again."""
        if account in self._in_ring:
            return ()
        case = self._cases.setdefault(account, _AccountCase(time))
        case.evidence[transaction_id] = amount
        if score > case.score:
            case.score, case.reasons = score, reasons
        money = sum(case.evidence.values())
        if case.version and money < GROWTH * case.raised_money:
            return ()
        case.version += 1
        case.raised_money = money
        return (self._account_alert(account, case, time, case.reasons),)

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
        case = self._cases.pop(account)
        if case.version == 0:
            return None
        case.version += 1
        alert = self._account_alert(account, case, ring.last_seen, (_joined(ring),))
        return msgspec.structs.replace(alert, state=AlertState.CLOSED)

    def _close_ring(self, ring_id: str, ring: RingState) -> Alert:
        last = self._ring_alerts.pop(ring_id)
        return msgspec.structs.replace(
            last, version=last.version + 1, state=AlertState.CLOSED, reasons=(_joined(ring), *last.reasons)
        )

    def _severity(self, expected_loss: float) -> Severity:
        multiple = expected_loss / self._unit
        return next((severity for step, severity in SEVERITY_STEPS if multiple >= step), Severity.LOW)


def _joined(ring: RingState) -> Reason:
    return Reason("ring", f"Now part of {ring.ring_id}, whose alert goes on")


def _ring_reason(ring: RingState) -> Reason:
    held_by = {
        TieKind.DEVICE: "a device that few others use",
        TieKind.IP: "an address that few others use",
        TieKind.MERCHANT: "a merchant where a large part of the recent payers is suspicious",
        TieKind.ACCOUNT: "a receiver of suspicious transfers",
    }
    kinds = [kind for kind in TieKind if any(tie.kind is kind for tie in ring.ties)]
    text = f"{len(ring.accounts)} accounts are tied by " + " and ".join(held_by[kind] for kind in kinds)
    return Reason("ring", text, float(len(ring.accounts)))
