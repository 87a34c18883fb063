"""Suppressed and closed rings: what people decide, and when a ring comes back by itself."""

from __future__ import annotations

from fraud.ring import RingStatus, RingStep
from fraud.ring_act import RingAct
from graph.ring_identity import moment, note
from graph.ring_policy import RingPolicy
from graph.ring_state import RingState, Standing

__all__ = ["comes_back", "reopen", "take_act"]

STATUS = {
    RingStep.SUPPRESSED: RingStatus.SUPPRESSED,
    RingStep.CLOSED: RingStatus.CLOSED,
    RingStep.REOPENED: RingStatus.OPEN,
}


def take_act(ring: RingState, act: RingAct, time: int) -> bool:
    """Let a ring stand as a person decided at ``time`` (µs); False where it stood so already."""
    status = STATUS[act.step]
    if status is ring.standing.status is RingStatus.OPEN:
        return False
    ring.standing = Standing(status, act.by, act.until, len(ring.accounts), ring.score)
    note(ring, time, act.step, act.reason, by=act.by)
    return True


def comes_back(ring: RingState, time: int, policy: RingPolicy) -> str | None:
    """Why a suppressed or closed ring is to be reopened now; None while it is to stay as it is, or is open."""
    standing = ring.standing
    if standing.status is RingStatus.OPEN:
        return None
    if standing.until is not None and moment(time) >= standing.until:
        return f"the suppression by {standing.owner} ended"
    if len(ring.accounts) >= (1.0 + policy.reopen_growth) * standing.accounts:
        return f"grown from {standing.accounts} to {len(ring.accounts)} accounts"
    if ring.score >= standing.score + policy.reopen_score:
        return f"scores {ring.score:.2f} after {standing.score:.2f}"
    return None


def reopen(ring: RingState, time: int, reason: str) -> None:
    """Let a ring be open again."""
    ring.standing = Standing()
    note(ring, time, RingStep.REOPENED, reason)
