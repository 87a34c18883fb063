"""Nodes of a kind in the order of their ids: all of them, page by page, or those that begin with a text."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from fraud.ring import NodeKind
from graph.connection import GraphConnection, rows

__all__ = ["id_pages", "ids_beginning"]

PAGE = 500
"""Nodes looked at in one transaction."""


def id_pages(store: GraphConnection, kind: NodeKind, go_on: Callable[[], bool]) -> Iterator[list[str]]:
    """All ids of a kind, while we may go on; each page is asked for when it is wanted."""
    after = ""
    while go_on():
        page = _page(store, kind, after)
        if not page:
            return
        yield page
        after = page[-1]


def ids_beginning(store: GraphConnection, kind: NodeKind, beginning: str, *, limit: int = 20) -> list[str]:
    """Ids of a kind that begin with a text, in their order."""
    name = f"beginning_of_{kind.value}s"
    last = beginning + "\U0010ffff"
    found = store.read(lambda work: rows(work, name, first=beginning, last=last, size=limit))
    return [row["id"] for row in found]


def _page(store: GraphConnection, kind: NodeKind, after: str) -> list[str]:
    name = f"page_of_{kind.value}s"
    found = store.read(lambda work: rows(work, name, after=after, size=PAGE))
    return [row["id"] for row in found]
