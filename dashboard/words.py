"""Numbers, times and codes as people read them on the pages."""

from __future__ import annotations

from datetime import datetime, timedelta

from fraud.alert import Severity
from fraud.case import CaseState
from fraud.decision import Outcome
from fraud.ring import NodeKind

__all__ = [
    "KIND_WORDS",
    "OUTCOME_COLOURS",
    "SEVERITY_COLOURS",
    "SEVERITY_SIGNS",
    "STATE_SIGNS",
    "age",
    "count",
    "moment",
    "money",
    "pattern",
    "percent",
    "severity",
    "short_id",
    "state",
]

SEVERITY_SIGNS = {
    Severity.LOW: "○",
    Severity.MEDIUM: "●",
    Severity.HIGH: "▲",
    Severity.CRITICAL: "◆",
}
"""A shape beside each severity, so that colour is never the only sign."""

SEVERITY_COLOURS = {
    Severity.LOW: "gray.7",
    Severity.MEDIUM: "blue.8",
    Severity.HIGH: "orange.9",
    Severity.CRITICAL: "red.8",
}
"""Shades on which white text reads well."""

STATE_SIGNS = {
    CaseState.OPEN: "○",
    CaseState.IN_PROGRESS: "◐",
    CaseState.AWAITING_APPROVAL: "◕",
    CaseState.CLOSED: "✓",
}
"""A shape beside each state of a case."""

OUTCOME_COLOURS = {Outcome.APPROVE: "gray.7", Outcome.REVIEW: "orange.9", Outcome.BLOCK: "red.8"}

KIND_WORDS = {
    NodeKind.ACCOUNT: "Account",
    NodeKind.MERCHANT: "Merchant",
    NodeKind.DEVICE: "Device",
    NodeKind.IP: "IP address",
}

LONGEST_ID = 14


def severity(of: Severity) -> str:
    """Sign and word."""
    return f"{SEVERITY_SIGNS[of]} {of.value.capitalize()}"


def state(of: CaseState) -> str:
    """``in_progress`` as ``In progress``."""
    if of is CaseState.AWAITING_APPROVAL:
        return "To approve"
    return of.value.replace("_", " ").capitalize()


def age(of: timedelta) -> str:
    """How long, in its largest unit: ``5 min``, ``3 h``, ``12 d``."""
    minutes = max(int(of.total_seconds()) // 60, 0)
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // (24 * 60)} d"


def money(amount: float, currency: str = "") -> str:
    """Whole units with thousands separated; cents below a hundred."""
    number = f"{amount:,.2f}" if abs(amount) < 100 else f"{amount:,.0f}"
    return f"{number} {currency}".strip()


def percent(share: float) -> str:
    """A probability; the ends stay told apart from 0 and 1."""
    if 0 < share < 0.001:
        return "< 0.1%"
    if 0.999 < share < 1:
        return "> 99.9%"
    return f"{share:.1%}"


def count(number: int, noun: str, nouns: str) -> str:
    """``1 account``, ``1,024 accounts``."""
    return f"{number:,} {noun if number == 1 else nouns}"


def moment(of: datetime | None) -> str:
    """Day and time, UTC."""
    return "–" if of is None else f"{of:%Y-%m-%d %H:%M}"


def pattern(kind: str) -> str:
    """``shared_device`` as ``Shared device``."""
    return kind.replace("_", " ").replace("-", " ").strip().capitalize() or "–"


def short_id(node_id: str, longest: int = LONGEST_ID) -> str:
    """An id that fits: its beginning, where tokens already differ."""
    return node_id if len(node_id) <= longest else f"{node_id[: longest - 1]}…"
