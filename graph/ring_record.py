"""A ring as it is kept on record: members with their roles, evidence edges, history."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fraud.ring import NodeKind, Ring, RingEdge, RingMember, RingStatus
from graph.ring_identity import moment
from graph.ring_roles import merchants_colluding, roles
from graph.ring_state import RingState
from graph.suspects import Tie, TieKind

__all__ = ["MOST_MEMBERS", "ring_record"]

MOST_MEMBERS = 5_000
"""Members that a record names, those that joined first."""
MOST_EDGES = 300
"""Evidence edges that a record holds, those that moved most."""

NODE_KINDS = {
    TieKind.DEVICE: NodeKind.DEVICE,
    TieKind.IP: NodeKind.IP,
    TieKind.MERCHANT: NodeKind.MERCHANT,
    TieKind.ACCOUNT: NodeKind.ACCOUNT,
}


def ring_record(ring: RingState) -> Ring:
    """The ring as it is now; its history holds what happened since the report before."""
    evidence = sorted(ring.evidence.items(), key=lambda one: (one[1].time, one[0]))
    merged = RingStatus.MERGED if ring.merged_into is not None else ring.standing.status
    return Ring(
        ring_id=ring.ring_id,
        version=ring.version,
        kind=ring.kind,
        score=ring.score,
        members=tuple(_members(ring)),
        first_alert_time=moment(ring.first_reported or ring.last_seen),
        last_seen=moment(ring.last_seen),
        money=ring.money,
        transaction_ids=tuple(transaction_id for transaction_id, _ in evidence),
        first_seen=moment(ring.first_seen),
        at_risk=ring.at_risk,
        accounts=len(ring.accounts),
        truncated=ring.truncated,
        status=merged,
        decided_by=ring.standing.owner,
        suppressed_until=ring.standing.until,
        merged_into=ring.merged_into,
        split_from=ring.split_from,
        edges=_edges(ring),
        history=tuple(ring.events),
    )


def _members(ring: RingState) -> Iterator[RingMember]:
    part = roles(ring)
    accounts = list(ring.accounts.items())[:MOST_MEMBERS]
    for account, member in accounts:
        yield RingMember(account, NodeKind.ACCOUNT, part[account], member.score, moment(member.joined))
    colluding = set(merchants_colluding(ring))
    for tie, since in list(ring.ties.items())[:MOST_MEMBERS]:
        if tie.kind in (TieKind.DEVICE, TieKind.IP, TieKind.MERCHANT):
            yield RingMember(
                tie.token, NODE_KINDS[tie.kind], _role(tie, colluding), ring.score, moment(since)
            )


def _role(tie: Tie, colluding: set[str]) -> str:
    if tie.kind is TieKind.MERCHANT:
        return "colluding merchant" if tie.token in colluding else "merchant in common"
    return "shared device" if tie.kind is TieKind.DEVICE else "shared address"


@dataclass(slots=True)
class _Sum:
    transactions: int = 0
    amount: float = 0.0
    score: float = 0.0
    first: int = 1 << 62
    last: int = 0


def _edges(ring: RingState) -> tuple[RingEdge, ...]:
    """Who paid whom and who used what, summed; what ties the ring first, then what moved most."""
    sums: dict[tuple[str, Tie], _Sum] = {}
    for one in ring.evidence.values():
        for tie in (one.target, *one.things):
            if tie is not None:
                edge = sums.setdefault((one.account, tie), _Sum())
                edge.transactions += 1
                edge.amount += one.amount
                edge.score = max(edge.score, one.score)
                edge.first, edge.last = min(edge.first, one.time), max(edge.last, one.time)

    def order(key: tuple[str, Tie]) -> tuple[bool, float, str, Tie]:
        tie = key[1]
        return (tie not in ring.ties and tie.token not in ring.accounts, -sums[key].amount, *key)

    return tuple(
        RingEdge(
            account, tie.token, NODE_KINDS[tie.kind], sums[account, tie].transactions, sums[account, tie].amount,
            sums[account, tie].score, moment(sums[account, tie].first), moment(sums[account, tie].last),
        )
        for account, tie in sorted(sums, key=order)[:MOST_EDGES]
    )  # fmt: skip
