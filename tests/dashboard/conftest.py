from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright
from werkzeug.serving import BaseWSGIServer, make_server

from dashboard.app import create_app
from fraud.access import Role
from fraud.record import Record
from graph.arcade import ArcadeServer
from graph.store import GraphStore
from tests.dashboard.people import COOKIE, RULES, person_of, session_cookie

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Ends with its file: Playwright keeps an event loop running in this thread, and other tests need their own."""
    if not CHROMIUM.exists():
        pytest.skip(f"no {CHROMIUM}: install chromium to test the pages")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def page_as(
    browser: Browser, record: Record, request: pytest.FixtureRequest
) -> Iterator[Callable[[Role | None], Page]]:
    """Pages of a browser that somebody of a role is signed in with over ``record``, or nobody.

    The test fails when anything is written to a console as an error; browsers say so of a refused request too.
    """
    contexts: list[BrowserContext] = []
    errors: list[str] = []

    def note(message: ConsoleMessage) -> None:
        # The browser says so of a session that ended; the page that asked is at the sign-in page then.
        if message.type == "error" and "status of 401" not in message.text:
            errors.append(message.text)

    def open_page(role: Role | None) -> Page:
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        contexts.append(context)
        if role is not None:
            cookie = session_cookie(record, person_of(record, role))
            context.add_cookies([{"name": COOKIE, "value": cookie, "domain": "127.0.0.1", "path": "/"}])
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.on("console", note)
        page.on("pageerror", lambda error: errors.append(str(error)))
        return page

    yield open_page
    for context in contexts:
        context.close()
    if request.node.get_closest_marker("refused"):
        errors = [error for error in errors if "403" not in error and "does not permit this" not in error]
    assert errors == []


@pytest.fixture
def page(page_as: Callable[[Role | None], Page]) -> Page:
    """A page signed in as admin."""
    return page_as(Role.ADMIN)


@pytest.fixture
def record(tmp_path: Path) -> Iterator[Record]:
    record = Record.open(f"sqlite:///{tmp_path}/record.sqlite3")
    yield record
    record.close()


@pytest.fixture(scope="session")
def arcade(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ArcadeServer]:
    with ArcadeServer(tmp_path_factory.mktemp("arcade"), memory_mb=256) as server:
        yield server


@pytest.fixture
def serve() -> Iterator[Callable[[Record, GraphStore | None], str]]:
    """Serves the pages over the given stores; gives their address."""
    running: list[tuple[BaseWSGIServer, threading.Thread]] = []

    def start(record: Record, graph_store: GraphStore | None) -> str:
        app = create_app(record, graph_store, currency="USD", rules=RULES)
        server = make_server("127.0.0.1", 0, app.server, threaded=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        running.append((server, thread))
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server, thread in running:
        server.shutdown()
        thread.join()
        server.server_close()
