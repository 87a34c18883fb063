"""Brings the write-ahead log of a SQLite record into its file beside the writing, not in its way.

Left to itself, SQLite does so within the commit that finds the log long, and whoever waits for that commit waits for
some tens of megabytes to reach the disk.
"""

from __future__ import annotations

import logging
import threading
from typing import Any, Self

from sqlalchemy import Engine, event
from sqlalchemy.exc import DBAPIError

__all__ = ["Checkpoints"]

log = logging.getLogger(__name__)

PAUSE_SECONDS = 0.5
TRIES = 4
"""While it works the log grows, so it goes over what was added; each time that is less."""

LONGEST_LOG = 16_384
"""Pages (128 MiB) from which on a commit brings the log in itself: the writing is faster than we are."""


class Checkpoints:
    """A thread that does so for as long as the block lasts; on PostgreSQL, which does it alone, nothing."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="checkpoints", daemon=True)

    def __enter__(self) -> Self:
        """Begin."""
        if self._engine.dialect.name == "sqlite":
            event.listen(self._engine, "connect", _leave_it_to_us)
            # Connections from before would go on as they were.
            self._engine.dispose()
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End; what is left in the log is brought in by whoever closes the record last."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(PAUSE_SECONDS):
            try:
                self._bring_in()
            except DBAPIError as error:
                # The writer meets the same, and says so where somebody waits for it.
                log.warning("the record's log stays as long as it is: %s", error.orig)

    def _bring_in(self) -> None:
        with self._engine.connect() as connection:
            for _ in range(TRIES):
                _, pages, brought_in = connection.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)").one()
                if pages == brought_in:
                    return


def _leave_it_to_us(connection: Any, _: object) -> None:
    connection.execute(f"PRAGMA wal_autocheckpoint = {LONGEST_LOG}")
