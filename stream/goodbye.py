"""A worker that has drained ends, whatever its libraries still wait for."""

from __future__ import annotations

import logging
import os
import threading
from typing import NoReturn

__all__ = ["leave", "leave_within"]

log = logging.getLogger(__name__)


def leave_within(seconds: float) -> None:
    """End the process with status 0 if it has not ended by itself by then; call when there is nothing left to lose.

    Where two workers stop at once, aiokafka's group coordinator may lose its broker while it joins anew, and its
    ``close`` then waits for ever. The group notices by the session time-out that nobody is there.
    """
    timer = threading.Timer(seconds, _leave, [seconds])
    timer.daemon = True
    timer.start()


def leave(status: int) -> NoReturn:
    """End the process at once, as by a kill, but with what it has logged on its way."""
    logging.shutdown()
    os._exit(status)


def _leave(seconds: float) -> None:
    log.warning("drained, but Kafka's client does not end within %g s: leaving without it", seconds)
    leave(0)
