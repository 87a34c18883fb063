"""A read that many people ask for at once and that may be a few seconds old: made once for all of them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

__all__ = ["KeptRead"]

Value = TypeVar("Value")


class KeptRead(Generic[Value]):
    """Keeps what ``read`` gave for so many seconds; safe to share between threads. An error is not kept."""

    def __init__(self, read: Callable[[], Value], seconds: float) -> None:
        self._read = read
        self._seconds = seconds
        self._lock = threading.Lock()
        self._kept: tuple[float, Value] | None = None

    def get(self, *, fresh: bool = False) -> Value:
        """The value, read anew when it is too old or a ``fresh`` one is asked for."""
        with self._lock:
            if fresh or self._kept is None or time.monotonic() - self._kept[0] > self._seconds:
                self._kept = (time.monotonic(), self._read())
            return self._kept[1]
