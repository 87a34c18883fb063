"""What a ring is and who does what in it, read off its ties and the way its money goes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from graph.finding import FindingKind
from graph.layout import HOUR
from graph.ring_policy import RingPolicy
from graph.ring_state import RingState
from graph.suspects import Tie, TieKind
from graph.suspicious_graph import SuspiciousGraph

__all__ = ["kind_of", "merchants_colluding", "roles", "victims_of"]

HUB = 3
"""Members that an account pays or is paid by to be more than one of many."""
OF_FINDING = {
    FindingKind.CYCLE: "round_trip",
    FindingKind.SCATTER_GATHER: "scatter_gather",
    FindingKind.GATHER_SCATTER: "scatter_gather",
    FindingKind.FAN_IN: "mule_fan_in",
    FindingKind.FAN_OUT: "mule_fan_out",
    FindingKind.DENSE_BLOCK: "merchant_block",
    FindingKind.SHARED_ATTRIBUTE: "shared_device",
}
OF_TIE = {
    TieKind.DEVICE: "shared_device",
    TieKind.IP: "shared_address",
    TieKind.MERCHANT: "merchant_block",
    TieKind.ACCOUNT: "mule_fan_in",
    TieKind.PAYER: "mule_fan_out",
}
COLLUDING = 0.5
"""Share of a ring's accounts that must have paid a merchant for it to be one of them."""


def kind_of(ring: RingState, graph: SuspiciousGraph) -> str:
    """Named after what ties most of its accounts; an attack where most of them are victims of one device's owner."""
    if ring.is_attack:
        return "account_attack"
    held: dict[str, set[str]] = {}
    for tie in ring.ties:
        accounts = {account for account in graph.marked_by(tie) if account in ring.accounts}
        held.setdefault(_named(tie), set()).update(accounts, {tie.token} & ring.accounts.keys())
    if not held:
        return "transfer_group"
    both = held.get("mule_fan_in", set()) & held.get("mule_fan_out", set())
    if len(both) >= HUB:
        held["scatter_gather"] = (
            held.get("scatter_gather", set()) | held["mule_fan_in"] | held["mule_fan_out"]
        )
    order = ["round_trip", "scatter_gather", "shared_device", "mule_fan_in", "mule_fan_out", "merchant_block"]
    return max(held, key=lambda name: (len(held[name]), -order.index(name) if name in order else -len(order)))


def _named(tie: Tie) -> str:
    if tie.kind is TieKind.PATTERN:
        return OF_FINDING[FindingKind(tie.token.split(":", 1)[0])]
    return OF_TIE[tie.kind]


def victims_of(ring: RingState, graph: SuspiciousGraph, policy: RingPolicy) -> frozenset[str]:
    """Accounts that were robbed through a device of the ring: it was new to them, and gone again within hours."""
    longest = policy.visit_hours * HOUR
    victims = set()
    for account in ring.accounts:
        visits = [
            one
            for one in graph.suspects.get(account, {}).values()
            if any(tie.kind is TieKind.DEVICE and tie in ring.ties for tie, _ in one.touches)
        ]
        times = [one.time for one in visits]
        if visits and any(one.new_device for one in visits) and max(times) - min(times) < longest:
            victims.add(account)
    return frozenset(victims)


def roles(ring: RingState) -> dict[str, str]:
    """The part of each account, from the suspicious money it sends to and takes from the others.

    An organiser sends to or collects from several members and is on one side only; a mule takes from members, and
    perhaps passes on; a payer pays others, a member does neither.
    """
    sends: dict[str, set[str]] = {}
    takes: dict[str, set[str]] = {}
    for one in ring.evidence.values():
        if (
            one.target is not None
            and one.target.kind is TieKind.ACCOUNT
            and one.target.token in ring.accounts
        ):
            sends.setdefault(one.account, set()).add(one.target.token)
            takes.setdefault(one.target.token, set()).add(one.account)
    pays = Counter(one.account for one in ring.evidence.values())
    found = {}
    for account in ring.accounts:
        out, into = len(sends.get(account, ())), len(takes.get(account, ()))
        if account in ring.victims:
            found[account] = "victim"
        elif max(out, into) >= HUB and min(out, into) == 0:
            found[account] = "organiser"
        elif into:
            found[account] = "mule"
        else:
            found[account] = "payer" if pays[account] else "member"
    return found


def merchants_colluding(ring: RingState) -> Iterable[str]:
    """Merchants that a good part of the ring's accounts paid."""
    payers: dict[str, set[str]] = {}
    for one in ring.evidence.values():
        if one.target is not None and one.target.kind is TieKind.MERCHANT and one.target in ring.ties:
            payers.setdefault(one.target.token, set()).add(one.account)
    least = COLLUDING * len(ring.accounts)
    return [merchant for merchant, accounts in payers.items() if len(accounts) >= least]
