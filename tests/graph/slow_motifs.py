"""The motifs once more, slow and plain: every transfer ever, searched afresh with networkx for each transaction.

Written from the definitions: a window is a filter, a temporal cycle a simple cycle of networkx whose transfers come
in the order of its nodes. Of the kernels only the tuned constants and the stated bounds are taken.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import networkx as nx

from graph.finding import FindingKind
from graph.kernels.motif_fans import REACH
from graph.kernels.motif_features import KEPT
from graph.kernels.motif_found import LEAST_FAN
from graph.kernels.motif_gathers import INTERMEDIARIES, LEAST_WIDTH, RECEIPTS
from graph.motif_layout import LONGEST_CYCLE
from tests.graph.streams import DAY, HOUR, Raw

NAN = math.nan
WINDOW, SHORT, LATENESS, MEMORY = 14 * DAY, DAY, HOUR, 30 * DAY
SLACK = 1e-9
Features = dict[str, float]


@dataclass(eq=False)
class Party:
    """One account, from its first transfer until both its sides are forgotten."""

    token: str
    cycles: list[int] = field(default_factory=list)
    """Times of the transfers that completed a cycle through it."""
    gathers: list[int] = field(default_factory=list)


@dataclass(eq=False)
class Edge:
    """One transfer that was not too late."""

    serial: int
    time: int
    amount: float
    source: Party
    target: Party
    hops: int = 0

    @property
    def key(self) -> tuple[int, int]:
        return self.time, self.serial

    def told(self) -> tuple[str, str, int, float]:
        return self.source.token, self.target.token, self.time, self.amount


Pattern = tuple[FindingKind, int, frozenset[str]]
"""Kind, size and accounts."""


@dataclass(frozen=True)
class Around:
    """Counterparties of both ends of a transfer, the latest to have arrived first, with their transfers."""

    payer_out: dict[Party, list[Edge]]
    payer_in: dict[Party, list[Edge]]
    payee_in: dict[Party, list[Edge]]
    payee_out: dict[Party, list[Edge]]


class SlowMotifs:
    """All transfers, and what is known of the accounts in them."""

    def __init__(self, window: int = WINDOW) -> None:
        self.window = window
        self.parties: dict[str, Party] = {}
        self.edges: list[Edge] = []
        self.late = 0

    @property
    def clock(self) -> int:
        return max(edge.time for edge in self.edges)

    def forget(self, tokens: set[str]) -> None:
        """Keep only accounts of these tokens; the transfers of the others stay."""
        self.parties = {token: party for token, party in self.parties.items() if token in tokens}

    def is_too_late(self, raw: Raw) -> bool:
        return bool(self.edges) and raw.time < self.clock - LATENESS

    def look(self, raw: Raw, names: Sequence[str]) -> Features:
        """All motif columns of a transaction that has not been inserted yet."""
        out = dict.fromkeys(names, NAN)
        payer, payee = self.parties.get(raw.account), self.parties.get(raw.target)
        if payer is not None:
            out |= self._past(payer, raw.time, "account")
        if payee is not None and raw.is_transfer:
            out |= self._past(payee, raw.time, "target")
        if not raw.is_transfer or raw.account == raw.target or self.is_too_late(raw):
            return out
        edge = self._edge(raw)
        self.edges.append(edge)
        out |= self._of_edge(edge)
        self.edges.pop()
        return out

    def insert(self, raw: Raw) -> list[Pattern]:
        """Add a transaction; returns the patterns that it completes or extends, as of now."""
        if not raw.is_transfer or raw.account == raw.target:
            return []
        if self.is_too_late(raw):
            self.late += 1
            return []
        edge = self._edge(raw)
        for party in (edge.source, edge.target):
            self.parties.setdefault(party.token, party)
        self.edges.append(edge)
        edge.hops = self._passing(edge)[2]
        return self._remember(edge)

    def _edge(self, raw: Raw) -> Edge:
        source, target = (self.parties.get(token) or Party(token) for token in (raw.account, raw.target))
        return Edge(len(self.edges), raw.time, raw.amount, source, target)

    def _past(self, party: Party, now: int, role: str) -> Features:
        out: Features = {}
        for name, times in (("cycle", party.cycles), ("gather", party.gathers)):
            latest = [max(times[: i + 1]) for i in range(len(times))]
            present = max([now, *times])
            out[f"{role}_{name}s_30d"] = math.fsum(0.5 ** ((present - one) / MEMORY) for one in latest)
            out[f"{role}_days_since_{name}"] = max(now - max(times), 0) / DAY if times else NAN
        return out

    def _list(self, party: Party, side: int, now: int, reach: int = REACH) -> list[Edge]:
        """Transfers out of or into an account in the window up to ``now``, the latest to have arrived first."""
        own = [edge for edge in self.edges if (edge.source, edge.target)[side] is party][-reach:]
        return [edge for edge in reversed(own) if now - self.window < edge.time <= now]

    def _others(self, party: Party, side: int, now: int) -> dict[Party, list[Edge]]:
        others: dict[Party, list[Edge]] = {}
        for edge in self._list(party, side, now):
            others.setdefault((edge.target, edge.source)[side], []).append(edge)
        return others

    def _around(self, edge: Edge, now: int) -> Around:
        return Around(
            self._others(edge.source, 0, now),
            self._others(edge.source, 1, now),
            self._others(edge.target, 1, now),
            self._others(edge.target, 0, now),
        )

    def _of_edge(self, edge: Edge) -> Features:
        now, around = edge.time, self._around(edge, edge.time)
        out: Features = {}
        for name, others in (
            ("account_fan_out", around.payer_out),
            ("account_fan_in", around.payer_in),
            ("target_fan_in", around.payee_in),
            ("target_fan_out", around.payee_out),
        ):
            out[f"{name}_14d"] = len(others)
            out[f"{name}_1d"] = sum(max(e.time for e in sent) > now - SHORT for sent in others.values())
        out["account_passed_on_14d"] = _share(around.payer_out, around.payer_in)
        out["target_passed_on_14d"] = _share(around.payee_out, around.payee_in)
        out["pass_through_share"], out["pass_through_hours"], out["pass_through_hops"] = self._passing(edge)
        closed = [cycle for cycle in self.cycles(edge) if cycle[-1] is edge]
        out["cycles_closed"] = len(closed)
        out["cycle_length"] = min((len(cycle) for cycle in closed), default=NAN)
        out["cycle_hours"] = min(((edge.time - cycle[0].time) / HOUR for cycle in closed), default=NAN)
        out["cycle_kept_share"] = max((edge.amount / cycle[0].amount for cycle in closed), default=NAN)
        width, source, _ = self._scatter_gather(edge, around, now)
        out["scatter_gather_width"] = width
        first = min((e.time for e in around.payer_in[source]), default=0) if source else 0
        out["scatter_gather_hours"] = (now - first) / HOUR if source else NAN
        out["gather_scatter_width"] = _gather_scatter(around)[0]
        return out

    def _passing(self, edge: Edge) -> tuple[float, float, int]:
        best: Edge | None = None
        for one in self._list(edge.source, 1, edge.time):
            if one.amount >= edge.amount * (1 - SLACK) and (best is None or one.amount < best.amount):
                best = one
        if best is None:
            return NAN, NAN, 0
        share = edge.amount / best.amount
        return share, (edge.time - best.time) / HOUR, best.hops + 1 if share >= KEPT else 0

    def cycles(self, edge: Edge, kept: float = KEPT) -> list[list[Edge]]:
        """Temporal cycles of 3 to 8 transfers through ``edge``, each in order of time."""
        lot = nx.MultiDiGraph()
        for one in self.edges:
            if abs(one.time - edge.time) < self.window:
                lot.add_edge(one.source, one.target, one=one)
        plain = nx.DiGraph(lot)
        found = []
        for nodes in nx.simple_cycles(plain, length_bound=LONGEST_CYCLE):
            if len(nodes) < 3:
                continue
            pairs = list(zip(nodes, nodes[1:] + nodes[:1], strict=True))
            if (edge.source, edge.target) not in pairs:
                continue
            choices = [
                [edge]
                if pair == (edge.source, edge.target)
                else [d["one"] for d in lot[pair[0]][pair[1]].values()]
                for pair in pairs
            ]
            found += list(self._in_order(choices, kept))
        return found

    def _in_order(self, choices: list[list[Edge]], kept: float) -> Iterator[list[Edge]]:
        for chosen in itertools.product(*choices):
            begin = min(range(len(chosen)), key=lambda i: chosen[i].key)
            cycle = list(chosen[begin:] + chosen[:begin])
            steps = list(itertools.pairwise(cycle))
            if cycle[-1].time - cycle[0].time >= self.window or any(a.key > b.key for a, b in steps):
                continue
            if kept and not all(
                kept * a.amount * (1 - SLACK) <= b.amount <= a.amount * (1 + SLACK) for a, b in steps
            ):
                continue
            yield cycle

    def _scatter_gather(self, edge: Edge, around: Around, now: int) -> tuple[int, Party | None, set[Party]]:
        ends = (edge.source, edge.target)
        others = [party for party in around.payee_in if party not in ends][:INTERMEDIARIES]
        best: tuple[int, Party | None, set[Party]] = (0, None, set())
        for source, sent in around.payer_in.items():
            if source is edge.target or min(e.key for e in sent) >= edge.key:
                continue
            via = {
                party
                for party in others
                if any(
                    leg.source is source and leg.key < max(e.key for e in around.payee_in[party])
                    for leg in self._list(party, 1, now, RECEIPTS)
                )
            }
            if via and len(via) + 1 > best[0]:
                best = len(via) + 1, source, via | {edge.source, edge.target, source}
        return best

    def _remember(self, edge: Edge) -> list[Pattern]:
        now, around = self.clock, self._around(edge, self.clock)
        found: list[Pattern] = []
        members: dict[Party, None] = {}
        for cycle in self.cycles(edge):
            members |= dict.fromkeys(e.source for e in cycle)
            found.append((FindingKind.CYCLE, len(cycle), frozenset(e.source.token for e in cycle)))
        for party in members:
            party.cycles.append(edge.time)
        for kind, hub, others in (
            (FindingKind.FAN_IN, edge.target, around.payee_in),
            (FindingKind.FAN_OUT, edge.source, around.payer_out),
        ):
            if len(others) >= LEAST_FAN:
                found.append((kind, len(others), frozenset(p.token for p in (hub, *others))))
        width, source, accounts = self._scatter_gather(edge, around, now)
        if width >= LEAST_WIDTH:
            found.append((FindingKind.SCATTER_GATHER, width, frozenset(p.token for p in accounts)))
            assert source is not None
            for party in (edge.source, edge.target, source):
                party.gathers.append(edge.time)
        across, both = _gather_scatter(around)
        if across >= LEAST_WIDTH:
            accounts = both | {edge.source}
            found.append((FindingKind.GATHER_SCATTER, across, frozenset(p.token for p in accounts)))
        return found


def _share(paid: dict[Party, list[Edge]], got: dict[Party, list[Edge]]) -> float:
    whole = math.fsum(e.amount for sent in got.values() for e in sent)
    return math.fsum(e.amount for sent in paid.values() for e in sent) / whole if whole else NAN


def _gather_scatter(around: Around) -> tuple[int, set[Party]]:
    firsts = {party: min(e.time for e in sent) for party, sent in around.payer_in.items()}
    lasts = {party: max(e.time for e in sent) for party, sent in around.payer_out.items()}
    best, both = 0, set[Party]()
    for parted in sorted(firsts.values()):
        payers = {party for party, first in firsts.items() if first <= parted}
        payees = {party for party, last in lasts.items() if last > parted}
        if min(len(payers), len(payees)) > best:
            best, both = min(len(payers), len(payees)), payers | payees
    return best, both
