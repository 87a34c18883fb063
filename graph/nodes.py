"""Names of nodes: token to node number, kind by kind, with numbers used again after eviction."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from graph.layout import ACCOUNT, NODE, NODE_KINDS, PAYEE

__all__ = ["NodeIndex"]

TWIN = {ACCOUNT: PAYEE, PAYEE: ACCOUNT}


class NodeIndex:
    """Gives every token a node number and prepares its record in ``nodes``.

    ``nodes`` is reserved once at the capacity that the memory budget allows; the operating system hands out its
    pages as they are first written, so memory follows use and nothing is copied when the graph grows.
    """

    def __init__(self, capacity: int) -> None:
        self.nodes: NDArray[np.void] = np.zeros(capacity, dtype=NODE)
        self.numbers: list[dict[str, int]] = [{} for _ in NODE_KINDS]
        self.tokens: list[str | None] = []
        self.free: list[int] = []

    def __len__(self) -> int:
        return len(self.tokens) - len(self.free)

    @property
    def room(self) -> int:
        """Nodes that may still be added before something has to be evicted."""
        return len(self.nodes) - len(self)

    def intern(self, kind: int, token: str) -> int:
        """Number of the node, made on first sight."""
        number = self.numbers[kind].get(token)
        return self._add(kind, token) if number is None else number

    def find(self, kind: int, token: str) -> int:
        """Number of the node, −1 when it is not known."""
        return self.numbers[kind].get(token, -1)

    def _add(self, kind: int, token: str) -> int:
        if self.free:
            number = self.free.pop()
            self.nodes[number] = np.zeros((), dtype=NODE)
            self.tokens[number] = token
        else:
            number = len(self.tokens)
            self.tokens.append(token)
        self.numbers[kind][token] = number
        node = self.nodes[number]
        node["kind"] = kind
        node["alive"] = 1
        node["hash"] = zlib.crc32(token.encode())
        self._link_twin(kind, token, number)
        return number

    def _link_twin(self, kind: int, token: str, number: int) -> None:
        other = TWIN.get(kind)
        twin = None if other is None else self.numbers[other].get(token)
        if twin is not None:
            self.nodes[number]["twin"] = twin + 1
            self.nodes[twin]["twin"] = number + 1

    def evict(self, numbers: NDArray[np.int64]) -> None:
        """Forget nodes; their numbers are given to later newcomers."""
        for number in numbers.tolist():
            token = self.tokens[number]
            if token is None:
                continue
            node = self.nodes[number]
            del self.numbers[int(node["kind"])][token]
            if node["twin"] > 0:
                self.nodes[int(node["twin"]) - 1]["twin"] = 0
            node["alive"] = 0
            self.tokens[number] = None
            self.free.append(number)

    def restore(self, tokens: Sequence[str | None], free: Sequence[int]) -> None:
        """Rebuild the names after ``nodes`` has been read from a snapshot."""
        self.tokens = list(tokens)
        self.free = list(free)
        self.numbers = [{} for _ in NODE_KINDS]
        kinds = self.nodes["kind"][: len(self.tokens)].tolist()
        for number, (kind, token) in enumerate(zip(kinds, self.tokens, strict=True)):
            if token is not None:
                self.numbers[kind][token] = number
