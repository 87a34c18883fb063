"""What keeps one caller from taking the service from the others: rates a key, sizes of bodies."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable

from fastapi import Request

from stream.api_problems import ProblemError

__all__ = ["Rates", "read_body", "read_json"]

MOST_BUCKETS = 10_000


class Rates:
    """A token bucket a caller: ``rate`` requests a second, a second's worth at once."""

    def __init__(self, rate: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._size = max(1.0, rate)
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, caller: str) -> None:
        """Count a request; raises ProblemError when the caller has to wait."""
        now = self._clock()
        tokens, since = self._buckets.pop(caller, (self._size, now))
        tokens = min(self._size, tokens + (now - since) * self._rate)
        granted = tokens >= 1
        self._buckets[caller] = (tokens - granted, now)
        if len(self._buckets) > MOST_BUCKETS:
            self._buckets.popitem(last=False)
        if not granted:
            wait = math.ceil((1 - tokens) / self._rate)
            raise ProblemError(
                429, f"more than {self._rate:g} requests a second", headers={"Retry-After": str(wait)}
            )


async def read_json(request: Request, most: int) -> bytes:
    """The body of a request that says it is JSON, up to ``most`` bytes. Raises ProblemError."""
    return await read_body(request, most, "application/json")


async def read_body(request: Request, most: int, wanted: str) -> bytes:
    """The body of a request that says it is of a kind, up to ``most`` bytes. Raises ProblemError."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != wanted:
        raise ProblemError(415, f"send the body as {wanted}", headers={"Accept": wanted})
    too_large = ProblemError(413, f"the body is larger than {most} bytes")
    declared = request.headers.get("content-length", "0")
    if declared.isdigit() and int(declared) > most:
        raise too_large
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise too_large
    return bytes(body)
