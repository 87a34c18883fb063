"""Rings by recomputing everything for every suspicion with networkx: what ``graph.rings`` must agree with."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import networkx as nx

from graph.communities import communities
from graph.layout import DAY
from graph.ring_policy import RingPolicy
from graph.suspects import Suspect, Tie, TieKind
from graph.suspicious_graph import Component

Marks = dict[Tie, dict[str, float]]


@dataclass
class SlowRing:
    """One identity; ``number`` is in the order of founding."""

    number: int
    first_seen: int
    accounts: set[str] = field(default_factory=set)
    split_from: int | None = None


class SlowRings:
    """The whole log, looked at anew after every event."""

    def __init__(self, policy: RingPolicy) -> None:
        self.policy = policy
        self.log: list[Suspect] = []
        self.rings: dict[int, SlowRing] = {}
        self.merged: dict[int, int] = {}
        self.founded = 0

    def observe(self, suspect: Suspect) -> None:
        newest = max([one.time for one in self.log], default=suspect.time)
        if suspect.time < newest - self.policy.lateness_days * DAY:
            return
        self.log.append(suspect)
        live = self.live()
        if suspect in live:
            ring = self.ring_of(suspect.account)
            if ring is not None:
                ring.first_seen = min(ring.first_seen, suspect.time)
        marks = self.marks(live)
        graph = nx.Graph()
        graph.add_nodes_from(account for some in marks.values() for account in some)
        for tie in filter(lambda tie: self.holds(tie, marks, live), marks):
            vertex = tie.token if tie.kind in ("account", "payer") else tie
            graph.add_edges_from((account, vertex) for account in marks[tie])
        self.assign(*self.grouped(graph, marks, live, self.scope(graph, suspect.account)), suspect, live)

    def live(self) -> list[Suspect]:
        newest = max(one.time for one in self.log)
        return [one for one in self.log if one.time >= newest - self.policy.window_days * DAY]

    def marks(self, live: list[Suspect]) -> Marks:
        marks: Marks = {}
        rules = dict(self.policy.ties)
        newest = max(one.time for one in self.log)

        def mark(one: Suspect, tie: Tie, account: str) -> None:
            if one.time + rules[tie.kind].days * DAY >= newest:
                known = marks.setdefault(tie, {})
                weight = min(self.weight(one.score), self.policy.most_tying)
                known[account] = max(known.get(account, -math.inf), weight)

        for one in live:
            for tie, _ in one.touches:
                mark(one, tie, one.account)
                if tie.kind is TieKind.ACCOUNT:
                    mark(one, Tie(TieKind.PAYER, one.account), tie.token)
        return marks

    def weight(self, score: float) -> float:
        odds = score / (1 - score) * (1 - self.policy.base_rate) / self.policy.base_rate
        return round(math.log(self.policy.member_share * odds + 1 - self.policy.member_share), 3)

    def holds(self, tie: Tie, marks: Marks, live: list[Suspect]) -> bool:
        told = [(one.time, users) for one in live for known, users in one.touches if known == tie]
        users = max(told)[1] if told else 0.0
        rule = dict(self.policy.ties)[tie.kind]
        evidence = sum(marks[tie].values()) - self.policy.unmarked * max(users - len(marks[tie]), 0)
        parties = len(marks[tie])
        sends = marks.get(Tie(TieKind.PAYER, tie.token), {}) if tie.kind is TieKind.ACCOUNT else {}
        if self.policy.passing_on and sends:
            parties, evidence = parties + 1, evidence + max(sends.values())
        enough = parties >= max(rule.marked, rule.share * users)
        return enough and round(evidence, 6) >= rule.evidence

    def scope(self, graph: nx.Graph, account: str) -> set[str]:
        """What hangs together with the account, and all members of the rings in it, and so on."""
        scope = {account}
        for _ in range(4):
            rings = [ring for ring in self.rings.values() if ring.accounts & scope]
            starts = scope.union(*(ring.accounts for ring in rings))
            found = set(starts)
            for one in starts & set(graph):
                found |= {
                    vertex for vertex in nx.node_connected_component(graph, one) if isinstance(vertex, str)
                }
            scope = found
            if all(ring in rings for ring in self.rings.values() if ring.accounts & found):
                break
        return scope

    def grouped(
        self, graph: nx.Graph, marks: Marks, live: list[Suspect], scope: set[str]
    ) -> tuple[list[frozenset[str]], set[str]]:
        pull = {kind: rule.pull for kind, rule in self.policy.ties}
        edges = [
            (account, tie, pull[tie.kind] * max(marks[tie][account], 0.001))
            for tie in sorted(marks)
            if self.holds(tie, marks, live)
            for account in sorted(marks[tie])
            if account in scope
        ]
        found = communities(Component(tuple(sorted(scope)), tuple(edges)), self.policy)
        return [accounts for accounts, _ in found], scope

    def ring_of(self, account: str) -> SlowRing | None:
        return next((ring for ring in self.rings.values() if account in ring.accounts), None)

    def assign(
        self, groups: list[frozenset[str]], scope: set[str], cause: Suspect, live: list[Suspect]
    ) -> None:
        touched = [ring for ring in self.rings.values() if ring.accounts & scope]
        before = {account: ring.number for ring in touched for account in ring.accounts}
        heir = {}
        for ring in touched:
            shares = [len(ring.accounts & group) for group in groups]
            if any(shares):
                heir[ring.number] = shares.index(max(shares))
        for number, group in enumerate(groups):
            claims = sorted(
                (self.rings[ring] for ring, place in heir.items() if place == number),
                key=lambda ring: (ring.first_seen, ring.number),
            )
            if claims:
                ring = claims[0]
                for other in claims[1:]:
                    ring.accounts |= other.accounts
                    ring.first_seen = min(ring.first_seen, other.first_seen)
                    self.merged[other.number] = ring.number
                    del self.rings[other.number]
            else:
                first = min((one.time for one in live if one.account in group), default=cause.time)
                ring = SlowRing(self.founded, first)
                parts = {old: sum(before.get(account) == old for account in group) for old in before.values()}
                if parts and max(parts.values()) >= 2:
                    ages = {old.number: old.first_seen for old in touched}
                    ring.split_from = min(parts, key=lambda old: (-parts[old], ages[old], old))
                self.rings[self.founded] = ring
                self.founded += 1
            for other in self.rings.values():
                if other is not ring:
                    other.accounts -= group
            joined = [one.time for one in live if one.account in group - ring.accounts]
            ring.first_seen = min([ring.first_seen, *joined])
            ring.accounts = (ring.accounts - (scope - group)) | group
