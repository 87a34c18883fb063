"""The whole ledger once more: what one engine that owns every partition decides, without interruption."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from fraud.progress import stage
from fraud.settings import Settings
from models.scorer import Scorer
from stream.engine import Decided, Engine
from stream.follower import LedgerFollower, decode_all
from stream.snapshots import Snapshots
from stream.state import state_from

__all__ = ["replay_ledger"]

PATIENCE = 5.0
MOST_PARTITIONS = 1_000
"""As many as the settings allow."""


async def replay_ledger(settings: Settings, scorer: Scorer) -> AsyncGenerator[Decided, None]:
    """What comes of the ledger as it stands at the call, in its order, from the seed on where there is one."""
    engine = Engine(state_from(Snapshots(settings.home / "state").seed(), settings), scorer)
    engine.own(dict.fromkeys(range(MOST_PARTITIONS), 0))
    follower = LedgerFollower(settings)
    await follower.start()
    try:
        await follower.seek(engine.state.position)
        end = await follower.end()
        with stage("Replay the ledger", total=end) as advance:
            while engine.state.position < end:
                messages = await follower.take(PATIENCE)
                taken = await asyncio.to_thread(engine.take, decode_all(messages))
                for decided in taken.decided:
                    yield decided
                advance(len(messages))
    finally:
        await follower.stop()
