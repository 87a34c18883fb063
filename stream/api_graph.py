"""Routes into the graph: what surrounds a transaction or an account."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from fraud.record_rows import DecidedTransaction
from fraud.ring import NodeKind
from graph.store import GraphStore
from graph.subgraph import GraphEdge, GraphNode, NodeKey, Subgraph
from stream.api_access import Caller, require
from stream.api_answers import neighbourhood
from stream.api_keys import Scope
from stream.api_parts import PartsOf, checked, json_answer
from stream.api_problems import ProblemError
from stream.api_schema import problems, result

__all__ = ["router"]

router = APIRouter(prefix="/v1", tags=["graph"])

MayRead = Annotated[Caller, Depends(require(Scope.READ))]
Hops = Annotated[int, Query(ge=1, le=2, description="How far from the middle")]
Limit = Annotated[int, Query(ge=1, le=1_000, description="Nodes, at most")]

_TOKEN = re.compile(r"a_[a-z2-7]{26}")
_FOUND = result("Neighbourhood", "Nodes, and what ties them")


@router.get(
    "/transactions/{transaction_id:path}/neighbourhood",
    summary="What surrounds a transaction",
    description="Around its payer, and what its payee, device and address touch directly.",
    response_model=None,
    responses={200: _FOUND, **problems(404)},
)
async def around_transaction(
    transaction_id: str, parts: PartsOf, caller: MayRead, hops: Hops = 2, limit: Limit = 200
) -> Response:
    """The neighbourhood of a transaction's ends."""
    wanted = checked("transaction_id", transaction_id)
    found = await asyncio.to_thread(parts.record.transactions, [wanted])
    if not found:
        raise ProblemError(404, "no such transaction on record")
    payer, *others = _ends(found[0])

    def ask(store: GraphStore) -> Subgraph:
        middle = store.around(payer.kind, payer.node_id, hops=hops, limit=limit)
        return _merged((middle, *(store.around(one.kind, one.node_id, hops=1) for one in others)), limit)

    return _answer(await parts.graph.ask(ask), "the graph store does not hold this transaction yet")


@router.get(
    "/accounts/{account:path}/neighbourhood",
    summary="What surrounds an account",
    description="The account is named by its token, or by the identifier that its transactions come with.",
    response_model=None,
    responses={200: _FOUND, **problems(404)},
)
async def around_account(
    account: str, parts: PartsOf, caller: MayRead, hops: Hops = 2, limit: Limit = 200
) -> Response:
    """The neighbourhood of an account."""
    wanted = checked("account_id", account)
    token = wanted if _TOKEN.fullmatch(wanted) else parts.tokeniser.token("account", wanted)
    found = await parts.graph.ask(lambda store: store.around(NodeKind.ACCOUNT, token, hops=hops, limit=limit))
    return _answer(found, "the graph store holds no such account")


def _ends(one: DecidedTransaction) -> list[NodeKey]:
    ends = (
        (NodeKind.ACCOUNT, one.account_id),
        (NodeKind.ACCOUNT, one.counterparty_id),
        (NodeKind.MERCHANT, one.merchant_id),
        (NodeKind.DEVICE, one.device_id),
        (NodeKind.IP, one.ip),
    )
    return [NodeKey(kind, name) for kind, name in ends if name is not None]


def _merged(parts: Iterable[Subgraph], limit: int) -> Subgraph:
    """All of the parts, the first ones first, cut where it grows too large."""
    nodes: dict[NodeKey, GraphNode] = {}
    edges: dict[tuple[NodeKey, NodeKey, str], GraphEdge] = {}
    cut: set[NodeKey] = set()
    for part in parts:
        cut |= part.cut
        for node in part.nodes:
            nodes.setdefault(node.key, node)
        edges |= {(edge.source, edge.target, edge.type): edge for edge in part.edges}
    kept = dict(list(nodes.items())[:limit])
    inside = (edge for edge in edges.values() if edge.source in kept and edge.target in kept)
    return Subgraph(tuple(kept.values()), tuple(inside), frozenset(cut & kept.keys()))


def _answer(found: Subgraph, absent: str) -> Response:
    if not found.nodes:
        raise ProblemError(404, absent)
    return json_answer(neighbourhood(found))
