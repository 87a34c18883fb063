"""Waiting for a store that cannot be reached: what was decided stays in hand, and the door holds back meanwhile."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import suppress
from typing import TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_exponential

from fraud.errors import StoreUnavailable

__all__ = ["patiently"]

log = logging.getLogger(__name__)

Result = TypeVar("Result")

FIRST_PAUSE = 0.2
LONGEST_PAUSE = 10.0


async def patiently(call: Callable[[], Result], executor: Executor | None = None) -> Result:
    """The result of ``call`` in a thread, tried again for as long as the store says that it is unavailable.

    What is written is the same each time and idempotent, so a try that got through unseen does no harm.
    """
    loop = asyncio.get_running_loop()
    with suppress(StoreUnavailable):
        return await loop.run_in_executor(executor, call)
    tries = AsyncRetrying(
        retry=retry_if_exception_type(StoreUnavailable),
        wait=wait_exponential(multiplier=FIRST_PAUSE, max=LONGEST_PAUSE),
        before_sleep=_say,
    )
    async for attempt in tries:
        with attempt:
            return await loop.run_in_executor(executor, call)
    raise AssertionError("unreachable: the tries have no end")


def _say(state: RetryCallState) -> None:
    if state.outcome is not None and state.attempt_number in (1, 10, 100):
        log.warning("nothing goes into the record for now, trying on: %s", state.outcome.exception())
