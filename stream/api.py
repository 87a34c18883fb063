"""The HTTP interface, ``python -m fraud api``: docs/api.md tells what it answers and how its state stays single."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from typing import Annotated

import typer
import uvicorn
from fastapi import FastAPI

from fraud import __version__
from fraud.channels.twilio_status import open_statuses
from fraud.errors import ServiceError
from fraud.memory_reuse import long_running
from fraud.record import Record
from fraud.settings import Settings
from fraud.tokens import Tokeniser
from stream import api_findings, api_graph, api_health, api_labels, api_score, api_twilio
from stream.api_access import Access
from stream.api_audit import Audit
from stream.api_edge import Edge, Metrics
from stream.api_graph_door import GraphDoor
from stream.api_keys import ApiKeys
from stream.api_limits import Rates
from stream.api_parts import Parts
from stream.api_problems import add_handlers
from stream.api_schema import describe
from stream.deciding import Deciding
from stream.decision_port import DecisionPort

__all__ = ["command", "create_app", "mode_of", "needs_key", "open_parts", "serve"]

THREADS = 12
"""Readers of the record at once; the pool of its connections holds fifteen."""

CLOSING_SECONDS = 20
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
ROUTERS = (
    api_score.router,
    api_labels.router,
    api_graph.router,
    api_findings.router,
    api_health.router,
    api_twilio.router,
)


def create_app(parts: Parts, *, only_loopback: bool) -> FastAPI:
    """The app over its parts; with ``only_loopback`` it answers to names of this machine alone."""
    settings = parts.settings
    is_described = settings.api.docs if settings.api.docs is not None else settings.environment == "local"
    app = FastAPI(
        title="Ringfence",
        version=__version__,
        description="Decisions on payments, and the rings behind them.",
        openapi_url="/openapi.json" if is_described else None,
        # The pages that show a description take their scripts from elsewhere; none is served.
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.parts = parts
    for router in ROUTERS:
        app.include_router(router)
    add_handlers(app)
    describe(app)
    app.add_middleware(Edge, settings=settings.api, metrics=parts.metrics, only_loopback=only_loopback)
    return app


@asynccontextmanager
async def open_parts(settings: Settings, *, needs_key: bool) -> AsyncIterator[Parts]:
    """Everything behind the routes, running; at the end what is under way is finished and the state saved.

    Raises what keeps the service from starting: ServiceError, StoreError, ArtefactError, InputError.
    """
    settings.home.mkdir(parents=True, exist_ok=True)
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(THREADS, thread_name_prefix="api"))
    async with AsyncExitStack() as stack:
        record = Record.open(settings.database_url.get_secret_value())
        stack.callback(record.close)
        port = await stack.enter_async_context(_port(settings, record))
        graph = GraphDoor(settings, record, follow=mode_of(settings) == "embedded")
        stack.callback(graph.close)
        deciding = Deciding(record, port, settings.api.decision_seconds)
        stack.push_async_callback(deciding.drain)
        rates = Rates(settings.api.requests_per_second)
        yield Parts(
            settings=settings,
            record=record,
            tokeniser=Tokeniser.from_settings(settings),
            port=port,
            deciding=deciding,
            access=Access(ApiKeys(record.engine), rates, require_keys=needs_key),
            audit=Audit(record.engine),
            graph=graph,
            metrics=Metrics(),
            twilio=tuple(open_statuses(settings, record.engine)),
        )


async def serve(settings: Settings, listener: socket.socket, ready: Callable[[], None]) -> None:
    """Serve on a bound socket until told to stop (SIGTERM, SIGINT); calls ``ready`` when requests are answered.

    Raises what keeps the service from starting.
    """
    is_closed = needs_key(settings, listener.getsockname()[0])
    async with open_parts(settings, needs_key=is_closed) as parts:
        server = _Server(create_app(parts, only_loopback=not is_closed), ready)
        await server.serve(sockets=[listener])


def mode_of(settings: Settings) -> str:
    """``broker`` or ``embedded``."""
    return settings.api.mode or ("embedded" if settings.environment == "local" else "broker")


def _port(settings: Settings, record: Record) -> AbstractAsyncContextManager[DecisionPort]:
    if mode_of(settings) == "broker":
        from stream.broker_port import broker_port

        return broker_port(settings, record)
    from stream.embedded_port import embedded_port

    return embedded_port(settings, record)


def needs_key(settings: Settings, host: str) -> bool:
    """Whether callers need a key at an address to listen on: everywhere but in local mode on the loopback."""
    return settings.environment != "local" or settings.api.require_keys or host not in LOOPBACK


class _Server(uvicorn.Server):
    """Uvicorn with its own log and banner off: the edge logs, and without paths."""

    def __init__(self, app: FastAPI, ready: Callable[[], None]) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                ws="none",
                lifespan="off",
                timeout_graceful_shutdown=CLOSING_SECONDS,
            )
        )
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and say so."""
        await super().startup(sockets)
        self._ready()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """End in order when asked to, and leave it at that: uvicorn's own would raise the signal once more."""
        before = {one: signal.signal(one, self.handle_exit) for one in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for one, handler in before.items():
                signal.signal(one, handler)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        reason = error.strerror or error
        raise ServiceError(f"api: cannot listen on {host}:{port} ({reason}); try --port 0") from error


def command(
    host: Annotated[
        str | None, typer.Option(help="Address to listen on; default: RINGFENCE_API__HOST, else 127.0.0.1.")
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            min=0, max=65_535, help="Port, 0 for a free one; default: RINGFENCE_API__PORT, else 8060."
        ),
    ] = None,
) -> None:
    """Serve decisions, receipts, rings and alerts over HTTP until stopped; see docs/api.md.

    In local mode it scores in this process (RINGFENCE_API__MODE=broker asks the workers instead) and needs no key on a
    loopback address; elsewhere every caller needs one of `python -m fraud api-key create`.
    """
    settings = Settings.load()
    listener = _listen(host or settings.api.host, settings.api.port if port is None else port)
    address, number = listener.getsockname()[:2]
    name = f"[{address}]" if ":" in address else address

    def ready() -> None:
        long_running()
        typer.echo(f"API: http://{name}:{number} ({mode_of(settings)} mode; Ctrl-C stops it)")

    with listener:
        asyncio.run(serve(settings, listener, ready))
