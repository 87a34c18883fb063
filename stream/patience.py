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

__all__ = ["patiently", "tried_again"]

log = logging.getLogger(__name__)

Result = TypeVar("Result")

FIRST_PAUSE = 0.2
LONGEST_PAUSE = 10.0


async def patiently(call: Callable[[], Result], executor: Executor | None = None) -> Result:
    """The result of ``call`` in a thread, tried again for as long as the store says that it is unavailable.

    What is written is the same each time and idempotent, so a try that got through unseen does no harm.
    """
    with suppress(StoreUnavailable):
        return await asyncio.get_running_loop().run_in_executor(executor, call)
    return await tried_again(
        call, executor, error=StoreUnavailable, first_pause=FIRST_PAUSE, longest_pause=LONGEST_PAUSE, say=_say
    )


async def tried_again(
    call: Callable[[], Result],
    executor: Executor | None,
    *,
    error: type[Exception],
    first_pause: float,
    longest_pause: float,
    say: Callable[[RetryCallState], None],
) -> Result:
    """The result of ``call`` in a thread, tried again for as long as it raises ``error``, each pause twice the last.

    ``say`` is called before each pause; pauses are in seconds.
    """
    tries = AsyncRetrying(
        retry=retry_if_exception_type(error),
        wait=wait_exponential(multiplier=first_pause, max=longest_pause),
        before_sleep=say,
    )
    async for attempt in tries:
        with attempt:
            return await asyncio.get_running_loop().run_in_executor(executor, call)
    raise AssertionError("unreachable: the tries have no end")


def _say(state: RetryCallState) -> None:
    if state.outcome is not None and state.attempt_number in (1, 10, 100):
        log.warning("nothing goes into the record for now, trying on: %s", state.outcome.exception())
