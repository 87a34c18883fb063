"""The Faust application: ``faust -A stream.app worker`` and ``python -m fraud worker`` run this.

Faust is the worker: command line, group membership, assignment, commits, sensors, the agents for labels and for the
ring desk. Transactions go by whole fetches to ``stream.worker``; docs/streaming.md says why, and why each setting below
is what it is.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterable, Iterable
from functools import partial
from typing import Any, NoReturn

import faust
from faust.types import EventT
from mode import CrashingSupervisor

from fraud.errors import RingfenceError
from fraud.exits import FAILED, exit_status
from fraud.settings import Settings, StreamSettings
from stream.broker import Topics, security
from stream.desk_seat import Placed, events_done_with
from stream.fetching import LeavingOutTransport
from stream.goodbye import leave, leave_within
from stream.runtime import Runtime

__all__ = ["StreamApp", "create_app"]

log = logging.getLogger(__name__)

TAKEN = 1_000
"""Labels or messages to the desk that an agent takes at once."""

TEND_SECONDS = 2.0

GOODBYE_SECONDS = 10.0
"""Within which Faust and its Kafka client are to end once all of ours has."""

WITHIN, DESK_WITHIN = 0.05, 0.5
"""Seconds that an agent waits for more of them. What the desk brings up is written where the decisions are: the less
often, the less they wait."""


class StreamApp(faust.App):
    """Faust's application with our worker inside: started before the first fetch, drained after the last."""

    runtime: Runtime

    async def on_first_start(self) -> None:
        """Load the model and connect; what keeps the worker from starting ends the process."""
        await super().on_first_start()
        try:
            await self.runtime.start()
        except Exception as error:
            _end(error)
        self.add_future(self._watch())

    async def _watch(self) -> None:
        """A worker that cannot go on ends the process; whoever supervises it starts it anew."""
        try:
            await self.runtime.failed()
        except Exception as error:
            _end(error)


def _end(error: Exception) -> NoReturn:
    """End at once, as by a kill, but with one line that says why: nothing is lost by it.

    Faust's own way out of a crash has many lines and may hang, and a worker that lingers keeps its partitions from
    others.
    """

    def fail() -> NoReturn:
        raise error

    if isinstance(error, RingfenceError):
        status = exit_status(fail)
    else:
        log.error("the worker stops for a fault of ours", exc_info=error)
        status = FAILED
    leave(status)


def create_app(settings: Settings) -> StreamApp:
    """The application, not started; nothing is connected or loaded before its worker starts."""
    stream, topics = settings.stream, Topics.named(settings.stream.prefix)
    app = StreamApp(
        stream.group,
        broker=[f"kafka://{address}" for address in stream.broker.split(",")],
        broker_credentials=_credentials(stream),
        datadir=settings.home / "faust",
        store="memory://",
        # The tables of Faust are not used: no changelogs, no leader topic to keep them.
        topic_disable_leader=True,
        topic_allow_declare=False,
        # A batch is acknowledged by us when it is in the record, so Faust must neither wait for nor guess it.
        stream_wait_empty=False,
        agent_supervisor=CrashingSupervisor,
        broker_commit_interval=0.5,
        # Within six seconds of a kill the partitions move; with Faust's defaults a restarted worker stood for thirty.
        broker_session_timeout=6,
        broker_heartbeat_interval=2,
        broker_rebalance_timeout=10,
        # A leader of the group that could not learn of the topics gives nobody anything; Faust asks in five minutes.
        consumer_metadata_max_age_ms=5_000,
        consumer_group_instance_id=stream.instance,
        consumer_auto_offset_reset="earliest",
        web_enabled=False,
        worker_redirect_stdouts=False,
    )
    app.runtime = Runtime(settings)
    app.transport = LeavingOutTransport(app.conf.broker_consumer, app, loop=app.loop)
    app.transport.door = app.runtime
    app.topics.add(app.topic(topics.transactions, value_serializer="raw", key_serializer="raw"))
    signals: tuple[tuple[Any, Any], ...] = (
        (app.on_partitions_assigned, app.runtime.on_assigned),
        (app.on_partitions_revoked, app.runtime.on_revoked),
        (app.on_before_shutdown, partial(_shut_down, app.runtime)),
    )
    for signal, handler in signals:
        signal.connect(handler)
    _add_agents(app, topics)
    return app


async def _shut_down(runtime: Runtime, app: Any, *arguments: Any, **_: Any) -> None:
    """Faust's signal: nothing is fetched any more."""
    await runtime.shut_down()
    leave_within(GOODBYE_SECONDS)


def _credentials(stream: StreamSettings) -> Any:
    said = security(stream)
    if stream.user and stream.password:
        return faust.SASLCredentials(
            username=stream.user,
            password=stream.password.get_secret_value(),
            mechanism="SCRAM-SHA-512",
            ssl_context=said.get("ssl_context"),
        )
    return faust.SSLCredentials(context=said["ssl_context"]) if stream.tls else None


def _add_agents(app: StreamApp, topics: Topics) -> None:
    """Agents acknowledge by hand, after the write: ``take`` acknowledges even what the agent failed on."""
    labels = app.topic(topics.labels, value_serializer="raw", key_serializer="raw")
    scored = app.topic(topics.scored, value_serializer="raw", key_serializer="raw")

    every: Any = app.timer(TEND_SECONDS)
    every(app.runtime.desk.tend)

    @app.agent(labels, concurrency=1, supervisor_strategy=CrashingSupervisor, name="labels")
    async def take_labels(stream: Any) -> AsyncIterable[None]:
        """Labels into the ledger and the record."""
        async for taken in stream.noack_take(TAKEN, within=WITHIN):
            events = _current(app, taken)
            if events:
                await app.runtime.take_labels(events)
            for event in events:
                if _is_current(app, event):
                    await stream.ack(event)
            yield

    @app.agent(scored, concurrency=1, supervisor_strategy=CrashingSupervisor, name="ring-desk")
    async def take_scored(stream: Any) -> AsyncIterable[None]:
        """Suspicions to the ring desk; acknowledged when its saved memory has come past them."""
        waiting: list[Placed] = []
        async for taken in stream.noack_take(TAKEN, within=DESK_WITHIN):
            placed, saved = await app.runtime.desk.take(partial(_current, app, taken))
            waiting += placed
            waiting = [one for one in waiting if _is_current(app, one[1])]
            done = events_done_with(waiting, saved)
            for event in done:
                await stream.ack(event)
            waiting = waiting[len(done) :]
            yield


def _current(app: StreamApp, events: Iterable[EventT[bytes]]) -> list[EventT[bytes]]:
    return [event for event in events if _is_current(app, event)]


def _is_current(app: StreamApp, event: EventT[bytes]) -> bool:
    """Whether an event was fetched since the last rebalance; others come again, to us or to another worker.

    Faust drops the others from its queues, but not from what an agent has taken together.
    """
    current: bool = event.message.generation_id == app.consumer_generation_id
    return current


def __getattr__(name: str) -> StreamApp:
    """``app``, made from the environment when Faust's command line asks for it, not at import."""
    if name == "app":
        return create_app(Settings.load())
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
