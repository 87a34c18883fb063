"""The door of a worker: takes whole fetches of source records, appends what it admits to the ledger."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from aiokafka import AIOKafkaProducer
from aiokafka.structs import RecordMetadata

from fraud.settings import Settings
from fraud.tokens import Tokeniser
from stream.admission import Portion, admit_portions, in_turns
from stream.broker import Topics
from stream.ledger import Entry, Source, encode_entry

__all__ = ["Intake"]

ENTRY_ROWS = 512
"""Records of a ledger entry, and of what is admitted at once, at most."""


class Intake:
    """Appends to the ledger what comes from the partitions that this worker owns, and holds back when it lags.

    ``appended`` is told the ledger offset of each entry, and the entry as it was encoded, in the order of the ledger.
    """

    def __init__(
        self,
        settings: Settings,
        producer: AIOKafkaProducer,
        tokeniser: Tokeniser,
        appended: Callable[[int, bytes], None],
    ) -> None:
        self._topics = Topics.named(settings.stream.prefix)
        self._producer = producer
        self._tokeniser = tokeniser
        self._appended = appended
        self._currency = settings.currency
        self._most = settings.stream.in_flight
        self._next: dict[Source, int] = {}
        self._in_flight: dict[Source, deque[tuple[int, int]]] = {}
        self._waiting_rows = 0
        self._room = asyncio.Event()
        self._room.set()
        self._sent: set[asyncio.Future[RecordMetadata]] = set()
        self.failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Fails when the ledger did not take an entry."""

    def own(self, settled: Mapping[Source, int]) -> None:
        """Take in these sources from now on, each from an offset; all that was under way is forgotten."""
        self._next = dict(settled)
        self._in_flight = {source: deque() for source in settled}
        self._waiting_rows = 0
        self._room.set()

    @property
    def waiting(self) -> int:
        """Rows appended to the ledger that are not settled yet."""
        return self._waiting_rows

    async def accept(self, portions: Sequence[Portion]) -> None:
        """Admit records of transactions partitions and send them to the ledger.

        Returns before the ledger has them: what it has comes back through it, in the order sent. Records below what
        was accepted before are passed over, as is a partition that this worker does not own. Waits first while too
        many rows are under way.
        """
        for some in in_turns(portions, ENTRY_ROWS):
            await self._room.wait()
            for entry in self.admit(self._expected(some)):
                self._note(entry)
                await self.append(entry)
            # Nothing above waits while all goes well, and what was decided meanwhile is to go out.
            await asyncio.sleep(0)

    def _expected(self, portions: Sequence[Portion]) -> list[Portion]:
        expected: list[Portion] = []
        for partition, records in portions:
            begin = self._next.get(("transactions", partition))
            if begin is not None and records[-1][0] >= begin:
                expected.append((partition, [one for one in records if one[0] >= begin]))
        return expected

    def admit(self, portions: Sequence[Portion]) -> list[Entry]:
        """What the door makes of records of transactions partitions, an entry each."""
        return admit_portions(self._topics.transactions, portions, self._tokeniser, self._currency)

    async def append(self, entry: Entry) -> None:
        """Send an entry to the ledger, after those sent before."""
        message = encode_entry(entry)
        sent: asyncio.Future[RecordMetadata] = await self._producer.send(self._topics.ledger, message)
        self._sent.add(sent)
        sent.add_done_callback(partial(self._acknowledged, message))

    def _acknowledged(self, message: bytes, sent: asyncio.Future[RecordMetadata]) -> None:
        self._sent.discard(sent)
        if sent.cancelled():
            return
        error = sent.exception()
        if error is None:
            self._appended(sent.result().offset, message)
        elif not self.failure.done():
            self.failure.set_exception(error)

    def settle(self, settled: Mapping[Source, int]) -> None:
        """Note that everything below these offsets is in the record; makes room for more."""
        for source, offset in settled.items():
            under_way = self._in_flight.get(source)
            while under_way and under_way[0][0] <= offset:
                self._waiting_rows -= under_way.popleft()[1]
        if self._waiting_rows < self._most:
            self._room.set()

    def _note(self, entry: Entry) -> None:
        self._next[entry.source] = entry.stop
        self._in_flight[entry.source].append((entry.stop, entry.stop - entry.start))
        self._waiting_rows += entry.stop - entry.start
        if self._waiting_rows >= self._most:
            self._room.clear()
