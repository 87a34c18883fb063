"""Communities of the suspicious subgraph, by the Leiden algorithm.

V. A. Traag, L. Waltman and N. J. van Eck, From Louvain to Leiden: guaranteeing well-connected communities, Scientific
Reports 9:5233 (2019), in the authors' own ``leidenalg``; the quality is the constant Potts model (Traag, Van Dooren and
Nesterov 2011), in which a group holds together for what it is, whatever else is in the component. The graph is
bipartite, accounts and what ties them; vertices are numbered in sorted order and the seed is fixed, so that the same
component always gives the same communities.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import igraph
import leidenalg

from graph.ring_policy import RingPolicy
from graph.suspects import Tie, TieKind
from graph.suspicious_graph import Component

__all__ = ["Community", "communities"]

SEED = 1
ITERATIONS = 4

Community = tuple[frozenset[str], frozenset[Tie]]
"""Accounts, and what ties them to each other."""
_Vertex = str | Tie


def communities(component: Component, policy: RingPolicy) -> list[Community]:
    """Groups of at least two accounts, the largest first; accounts that hang on too loosely are left out."""
    if not component.edges:
        return []
    ties = {tie for _, tie, _ in component.edges}
    vertices: list[_Vertex] = [*component.accounts, *sorted(tie for tie in ties if _vertex(tie) is tie)]
    group_of = _leiden(vertices, component, policy.resolution)
    _bring_home(group_of, component)
    accounts_of: dict[int, set[str]] = {}
    for account in component.accounts:
        accounts_of.setdefault(group_of[account], set()).add(account)
    inside: dict[int, list[tuple[str, Tie, float]]] = {}
    for edge in component.edges:
        if group_of[edge[0]] == group_of[_vertex(edge[1])]:
            inside.setdefault(group_of[edge[0]], []).append(edge)
    groups = []
    for number, edges in inside.items():
        kept = _held(accounts_of[number], edges, policy.least_pull)
        if len(kept) > 1:
            groups.append((frozenset(kept), frozenset(tie for account, tie, _ in edges if account in kept)))
    return sorted(groups, key=lambda one: (-len(one[0]), sorted(one[0])))


def _vertex(tie: Tie) -> _Vertex:
    """What stands for a tie in the graph: the account where it is one."""
    return tie.token if tie.kind in (TieKind.ACCOUNT, TieKind.PAYER) else tie


def _leiden(vertices: list[_Vertex], component: Component, resolution: float) -> dict[_Vertex, int]:
    number = {vertex: place for place, vertex in enumerate(vertices)}
    graph = igraph.Graph(
        n=len(vertices),
        edges=[(number[account], number[_vertex(tie)]) for account, tie, _ in component.edges],
    )
    found = leidenalg.find_partition(
        graph,
        leidenalg.CPMVertexPartition,
        weights=[weight for _, _, weight in component.edges],
        node_sizes=[int(isinstance(vertex, str)) for vertex in vertices],
        resolution_parameter=resolution,
        n_iterations=ITERATIONS,
        seed=SEED,
    )
    return dict(zip(vertices, found.membership, strict=True))


def _bring_home(group_of: dict[_Vertex, int], component: Component) -> None:
    """Put accounts that were left alone where the tie that pulls them most is: one thing may tie very many."""
    size = Counter(group_of[account] for account in component.accounts)
    pull: dict[str, tuple[float, int]] = {}
    for account, tie, weight in component.edges:
        if size[group_of[account]] == 1:
            home = group_of[_vertex(tie)]
            if home != group_of[account] and weight > pull.get(account, (0.0, 0))[0]:
                pull[account] = (weight, home)
    for account, (_, home) in pull.items():
        group_of[account] = home


def _held(accounts: set[str], edges: Iterable[tuple[str, Tie, float]], least_pull: float) -> set[str]:
    """Accounts that the ties of their group hold closely enough."""
    pull = dict.fromkeys(accounts, 0.0)
    for account, tie, weight in edges:
        pull[account] += weight
        if tie.token in accounts and _vertex(tie) is not tie:
            pull[tie.token] += weight
    return {account for account, total in pull.items() if total >= least_pull}
