"""Labels of cases on the stream: out to their topic, and known once this worker has read them in the ledger."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from aiokafka.errors import KafkaError

from fraud.errors import ServiceError
from fraud.label import Label
from fraud.transaction import Transaction
from stream.follower import ledger_end
from stream.messages import label_message
from stream.worker import Worker

__all__ = ["LabelPublisher"]

PATIENCE = 30.0
PAUSE = 0.02


class LabelPublisher:
    """A worker as the door of labels; see ``stream.case_labels``."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    async def send(self, labels: Sequence[Label]) -> None:
        """On their topic when it returns; raises ServiceError where the broker does not take them."""
        topic, producer = self._worker.topics.labels, self._worker.producer
        try:
            sent = [
                await producer.send(topic, label_message(one), key=one.transaction_id.encode())
                for one in labels
            ]
            await asyncio.gather(*sent)
        except KafkaError as error:
            raise ServiceError(f"broker: does not take labels now ({error})") from error

    async def catch_up(self) -> bool:
        """Wait until the state has come to where the ledger ends now; False when that takes too long."""
        loop = asyncio.get_running_loop()
        until = loop.time() + PATIENCE
        try:
            end = await ledger_end(self._worker.settings)
        except KafkaError as error:
            raise ServiceError(f"broker: does not say where the ledger ends ({error})") from error
        while self._worker.position < end:
            if loop.time() > until:
                return False
            await asyncio.sleep(PAUSE)
        return True

    async def look(self, payments: Sequence[Transaction]) -> list[float] | None:
        """What the engine says of them."""
        return await self._worker.look(payments)
