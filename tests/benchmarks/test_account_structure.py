from __future__ import annotations

import math

import networkx as nx
import numpy as np
import pytest

from benchmarks.account_structure import STRUCTURE_NAMES, account_structure

ACCOUNTS = 25


def slowly(network: nx.DiGraph[int], account: int) -> dict[str, float]:
    """The columns of one account, from networkx and their words."""
    tied = {one: set(network.successors(one)) | set(network.predecessors(one)) for one in network}
    pairs = nx.Graph([(one, other) for one in tied for other in tied[one]])
    pairs.add_nodes_from(network)
    triangles, clustering = dict(nx.triangles(pairs, tied)), dict(nx.clustering(pairs, tied))  # type: ignore[arg-type]
    partners = tied[account]
    shared = [partners & tied[other] for other in partners]
    twice = [(first, second) for first in network[account] for second in network[first]]
    back = [(first, second) for first in network.pred[account] for second in network.pred[first]]
    ends, starts = [second for _, second in twice], [second for _, second in back]
    return {
        "payees": len(network[account]),
        "payers": len(network.pred[account]),
        "partners": len(partners),
        "mutual": sum(network.has_edge(other, account) for other in network[account]),
        "cycles_of_three": sum(network.has_edge(second, account) for second in ends),
        "cycles_of_four": sum(ends.count(middle) * starts.count(middle) for middle in set(ends)),
        "triangles": triangles[account],
        "clustering": clustering[account],
        "rare_triangles": sum(1.0 / math.log(len(tied[third])) for thirds in shared for third in thirds)
        / 2.0,
        "triangles_by_chance": triangles[account] / max(sum(len(tied[one]) for one in partners), 1),
        "shared_with_one": max(map(len, shared), default=0),
        "partners_triangles": mean([triangles[one] for one in partners]),
        "partners_clustering": mean([clustering[one] for one in partners]),
        "partners_partners": mean([len(tied[one]) for one in partners]),
        "most_triangles_of_a_partner": max((triangles[one] for one in partners), default=0),
    }


def mean(values: list[float]) -> float:
    return float(np.mean(values)) if values else 0.0


@pytest.mark.parametrize("seed", range(3))
def test_columns_are_what_networkx_counts(seed: int) -> None:
    random = np.random.default_rng(seed)
    payer, payee = random.integers(0, ACCOUNTS - 1, (2, 90))
    payer, payee = np.concatenate([payer, payer[:9]]), np.concatenate([payee, payee[:9]])  # some paid again
    network: nx.DiGraph[int] = nx.DiGraph()
    network.add_nodes_from(range(ACCOUNTS))
    network.add_edges_from(
        (one, other) for one, other in zip(payer.tolist(), payee.tolist(), strict=True) if one != other
    )
    columns = account_structure(payer, payee, ACCOUNTS)
    assert columns.shape == (ACCOUNTS, len(STRUCTURE_NAMES))
    for account in range(ACCOUNTS):
        expected = slowly(network, account)
        assert list(expected) == list(STRUCTURE_NAMES)
        assert columns[account] == pytest.approx(list(expected.values()), rel=1e-5)
