"""The ring desk's memory of suspicions and rings as bytes, every dictionary in its order."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from graph.ring_identity import Identities
from graph.ring_state import Evidence, RingState
from graph.suspects import Suspect, Tie
from graph.suspicious_graph import SuspiciousGraph

__all__ = ["decode", "encode"]


class _Thing(msgspec.Struct, array_like=True):
    tie: Tie
    users: float
    users_at: int
    marks: list[tuple[str, list[tuple[str, int]]]]


class _Ring(msgspec.Struct, array_like=True):
    state: RingState
    ties: list[tuple[Tie, int]]
    evidence: list[tuple[str, Evidence]]


class _Memory(msgspec.Struct, array_like=True):
    newest: int
    late: int
    suspects: list[tuple[str, list[Suspect]]]
    things: list[_Thing]
    ties_of: list[tuple[str, list[Tie]]]
    marked: list[tuple[str, list[tuple[Tie, str]]]]
    ageing: list[tuple[int, str, str, str]]
    rings: list[_Ring]
    merged: list[tuple[str, str]]


def encode(graph: SuspiciousGraph, identities: Identities, late: int) -> bytes:
    """All that the two know."""
    memory = _Memory(
        newest=graph.newest,
        late=late,
        suspects=[(account, list(known.values())) for account, known in graph.suspects.items()],
        things=[
            _Thing(tie, one.users, one.users_at, [(a, list(m.items())) for a, m in one.marks.items()])
            for tie, one in graph.things.items()
        ],
        ties_of=[(account, list(ties)) for account, ties in graph.ties_of.items()],
        marked=list(graph.marked.items()),
        ageing=graph.ageing,
        rings=[
            _Ring(replace(ring, ties={}, evidence={}), list(ring.ties.items()), list(ring.evidence.items()))
            for ring in identities.rings.values()
        ],
        merged=list(identities.merged.items()),
    )
    return msgspec.msgpack.encode(memory)


def decode(content: bytes, graph: SuspiciousGraph, identities: Identities) -> int:
    """Bring back what ``encode`` wrote into two that know nothing; returns the count of late ones.

    Raises msgspec.DecodeError.
    """
    memory = msgspec.msgpack.decode(content, type=_Memory)
    graph.newest = memory.newest
    graph.suspects = {
        account: {one.transaction_id: one for one in known} for account, known in memory.suspects
    }
    for thing in memory.things:
        graph.restore(thing.tie, thing.users, thing.users_at, {a: dict(marks) for a, marks in thing.marks})
    graph.ties_of = {account: dict.fromkeys(ties) for account, ties in memory.ties_of}
    graph.marked = dict(memory.marked)
    graph.ageing = memory.ageing
    for one in memory.rings:
        one.state.ties, one.state.evidence = dict(one.ties), dict(one.evidence)
        identities.rings[one.state.ring_id] = one.state
        identities.ring_of.update(dict.fromkeys(one.state.accounts, one.state))
    identities.merged = dict(memory.merged)
    return memory.late
