"""The investigators' pages as one Dash app, and the command that serves them."""

from __future__ import annotations

import logging
import signal
import socket
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer
import waitress
from dash import Dash
from flask import Response, jsonify

from dashboard.canvas_calls import register_canvas
from dashboard.desk import Desk
from dashboard.guard import Guard
from dashboard.pages import (
    admin,
    case,
    entity,
    model,
    queue,
    ring,
    search,
    trends,
)
from dashboard.safety import check_host, is_loopback, secure
from dashboard.shell import frame
from dashboard.sign_in import SignIn
from dashboard.sign_in_rules import SignInRules
from dashboard.signed_in import SignedIn
from fraud.errors import RingfenceError, ServiceError, StoreError
from fraud.memory_reuse import long_running
from fraud.record import Record
from fraud.record_reader import RecordReader
from fraud.sessions import Sessions
from fraud.settings import Settings
from fraud.tokens import Tokeniser
from fraud.users import Users
from graph.kept import Kept
from graph.opening import open_graph_store
from graph.store import GraphStore
from graph.write_behind import WriteBehind

__all__ = ["command", "create_app", "proxy_options", "serve"]

log = logging.getLogger(__name__)

THREADS = 16
CLOSING_SECONDS = 2.0

PAGES = (
    queue,
    case,
    ring,
    entity,
    search,
    trends,
    model,
    admin,
)


def create_app(
    record: RecordReader,
    graph_store: GraphStore | None,
    *,
    currency: str = "USD",
    only_loopback: bool = True,
    tokeniser: Tokeniser | None = None,
    artefact: Path | None = None,
    rules: SignInRules | None = None,
    settings: Settings | None = None,
) -> Dash:
    """The app over a record and a graph store; without the latter the pages draw what the record knows."""
    rules, settings = rules or SignInRules(), settings or Settings.load()
    app = Dash(
        "dashboard",
        use_pages=True,
        pages_folder="",
        title="Ringfence",
        update_title="",
        suppress_callback_exceptions=True,
        serve_locally=True,
    )
    app.index_string = app.index_string.replace("<html>", '<html lang="en">')
    secure(app, only_loopback=only_loopback, https=rules.https, host=rules.host)
    users, sessions = Users(record.engine), Sessions(record.engine, rules.limits)
    signed_in = SignedIn(app.server, sessions, rules)
    guard = Guard(app, signed_in.person)
    SignIn(guard, users, signed_in, rules)
    desk = Desk(record, graph_store, currency, guard, tokeniser, artefact, settings, rules)
    for page in PAGES:
        page.register(app, desk)
    register_canvas(app, desk)
    # Dash also calls it before its first request is let in: then there may be nobody.
    app.layout = lambda: frame(signed_in.person())
    guard.open_route("/healthz", lambda: _health(desk))
    return app


def serve(settings: Settings, *, host: str | None = None, port: int | None = None) -> None:
    """Open the stores that the settings name and serve the pages until interrupted."""
    host = host or settings.dashboard.host
    port = settings.dashboard.port if port is None else port
    check_host(host, settings)
    rules = SignInRules.from_settings(settings)
    with ExitStack() as stack:
        record = Record.open(settings.database_url.get_secret_value())
        stack.callback(record.close)
        graph_store = _open_graph(settings, record, stack)
        app = create_app(
            record,
            graph_store,
            currency=settings.currency,
            only_loopback=is_loopback(host) and rules.host is None,
            rules=rules,
            settings=settings,
            tokeniser=Tokeniser.from_settings(settings),
            artefact=settings.stream.model or settings.home / "model",
        )
        # A browser asks for more files at once than there are threads; that a few wait is no news.
        logging.getLogger("waitress.queue").setLevel(logging.ERROR)
        listener = stack.enter_context(_listen(host, port))
        server = waitress.create_server(
            app.server, sockets=[listener], threads=THREADS, ident="ringfence", **proxy_options(settings)
        )
        stack.callback(server.close)
        name = f"[{host}]" if ":" in host else host
        typer.echo(f"Dashboard: http://{name}:{server.effective_port}  (Ctrl-C stops it)")
        if not is_loopback(host) and not rules.https:
            log.warning(
                "dashboard: passwords travel to %s without TLS; put a proxy that speaks it in front", host
            )
        # Asked to end, it leaves as after Ctrl-C: the embedded graph store must not stay behind.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        long_running()
        server.run()


def proxy_options(settings: Settings) -> dict[str, Any]:
    """What waitress believes of the proxy in front: where a request came from, by which scheme, to which name."""
    if settings.dashboard.proxy is None:
        return {}
    return {
        "trusted_proxy": settings.dashboard.proxy,
        "trusted_proxy_headers": {"x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"},
        "clear_untrusted_proxy_headers": True,
    }


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        reason = error.strerror or error
        raise ServiceError(f"dashboard: cannot listen on {host}:{port} ({reason}); try --port 0") from error


def _open_graph(settings: Settings, record: Record, stack: ExitStack) -> GraphStore | None:
    """The graph store; the embedded one is also brought up to the record here, as no worker may be running."""
    try:
        store = stack.enter_context(open_graph_store(settings))
    except ServiceError as error:
        log.warning("dashboard: graphs are drawn from the record: %s", error)
        return None
    if settings.graph.uri is None:
        behind = WriteBehind(record, store, keep=Kept.of(settings.graph)).start()
        stack.callback(behind.close, CLOSING_SECONDS)
    return store


def command(
    host: Annotated[
        str | None,
        typer.Option(help="Address to listen on; default: RINGFENCE_DASHBOARD__HOST, else 127.0.0.1."),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=65_535,
            help="Port, 0 for a free one; default: RINGFENCE_DASHBOARD__PORT, else 8050.",
        ),
    ] = None,
) -> None:
    """Serve the investigators' pages to people who signed in.

    The first admin is made by `python -m fraud users add NAME --role admin`. In production other machines reach the
    pages through a proxy that speaks TLS (RINGFENCE_DASHBOARD__PUBLIC_URL).
    """
    serve(Settings.load(), host=host, port=port)


def _health(desk: Desk) -> tuple[Response, int]:
    """200 while the record can be read; the graph store being down leaves the pages usable."""
    health = {"record": "ok", "graph": "off" if desk.graph is None else "ok"}
    status = 200
    try:
        desk.record.runs(limit=1)
    except RingfenceError:
        health["record"], status = "down", 503
    if desk.graph is not None:
        try:
            desk.graph.ping()
        except StoreError:
            health["graph"] = "down"
    return jsonify(health), status
