"""The graph store behind the HTTP interface: opened when first asked for, by threads of its own.

A store that is down or slow holds up nobody but those who ask for neighbourhoods.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TypeVar

from fraud.errors import ServiceError, StoreUnavailable
from fraud.record_reader import RecordReader
from fraud.settings import Settings
from graph.kept import Kept
from graph.opening import open_graph_store
from graph.store import GraphStore
from graph.write_behind import WriteBehind

__all__ = ["GraphDoor"]

Result = TypeVar("Result")

THREADS = 4
PAUSE = 5.0
"""Seconds after a failure before the store is asked again."""

CLOSING_SECONDS = 2.0


class GraphDoor:
    """Asks the graph store that the settings name.

    With ``follow`` this process also brings the store up to the record, as there is no other to do so; with a server
    elsewhere that is the task of ``python -m fraud graph follow``.
    """

    def __init__(self, settings: Settings, record: RecordReader, *, follow: bool) -> None:
        self._settings = settings
        self._record = record
        self._follow = follow and settings.graph.uri is None
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="graph")
        self._stack = ExitStack()
        self._lock = threading.Lock()
        self._store: GraphStore | None = None
        self._failed_at = -PAUSE
        self._reason = ""

    async def ask(self, question: Callable[[GraphStore], Result]) -> Result:
        """The answer of the store; raises StoreUnavailable while it cannot be asked."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._ask, question)

    def close(self) -> None:
        """Leave the store; an embedded one ends when nobody else uses it."""
        self._threads.shutdown(cancel_futures=True)
        self._stack.close()

    def _ask(self, question: Callable[[GraphStore], Result]) -> Result:
        # Each try at a store that is down takes seconds, and there are few threads to wait in.
        if time.monotonic() - self._failed_at < PAUSE:
            raise StoreUnavailable(self._reason)
        try:
            return question(self._open())
        except (ServiceError, StoreUnavailable) as error:
            self._failed_at, self._reason = time.monotonic(), str(error)
            raise StoreUnavailable(self._reason) from error

    def _open(self) -> GraphStore:
        with self._lock:
            if self._store is None:
                self._store = self._opened()
            return self._store

    def _opened(self) -> GraphStore:
        store = self._stack.enter_context(open_graph_store(self._settings))
        if self._follow:
            behind = WriteBehind(self._record, store, keep=Kept.of(self._settings.graph)).start()
            self._stack.callback(behind.close, CLOSING_SECONDS)
        return store
