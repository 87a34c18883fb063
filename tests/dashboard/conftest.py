from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    Error,
    Page,
    ViewportSize,
    sync_playwright,
)

from dashboard.app import create_app
from fraud.access import Role
from fraud.record import Record
from graph.arcade import ArcadeServer
from graph.store import GraphStore
from tests.dashboard.door import Door, open_door
from tests.dashboard.people import COOKIE, RULES, person_of, session_cookie

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SCREEN: ViewportSize = {"width": 1280, "height": 900}


@pytest.fixture(scope="module")
def browser(chromium: Path) -> Iterator[Browser]:
    """Ends with its file: Playwright keeps an event loop running in this thread, and other tests need their own."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def kept_pages(browser: Browser) -> list[Page]:
    """Pages that the tests of a file use one after the other: the scripts stay read."""
    return []


@pytest.fixture
def page_as(
    browser: Browser,
    kept_pages: list[Page],
    door: Door,
    record: Record,
    serve: Callable[[Record, GraphStore | None], str],
    request: pytest.FixtureRequest,
) -> Iterator[Callable[[Role | None], Page]]:
    """Pages of a browser that somebody of a role is signed in with over ``record``, or nobody.

    Each has cookies of its own. The test fails when anything is written to a console as an error; browsers say so of a
    refused request too. It leaves its pages before ``serve`` takes the app away: they still ask it things until then.
    """
    pages: list[Page] = []
    errors: list[str] = []

    def note(message: ConsoleMessage) -> None:
        # The browser says so of a session that ended; the page that asked is at the sign-in page then.
        if message.type == "error" and "status of 401" not in message.text:
            errors.append(message.text)

    def note_error(error: Error) -> None:
        errors.append(str(error))

    def open_page(role: Role | None) -> Page:
        if len(pages) == len(kept_pages):
            kept_pages.append(browser.new_context(viewport=SCREEN).new_page())
        page = kept_pages[len(pages)]
        pages.append(page)
        if role is not None:
            cookie = session_cookie(record, person_of(record, role))
            page.context.add_cookies([{"name": COOKIE, "value": cookie, "domain": "127.0.0.1", "path": "/"}])
        page.set_default_timeout(20_000)
        page.on("console", note)
        page.on("pageerror", note_error)
        return page

    yield open_page
    for page in pages:
        page.remove_listener("console", note)
        page.remove_listener("pageerror", note_error)
    kept_pages[: len(pages)] = [_forget(page, door.address) for page in pages]
    if request.node.get_closest_marker("refused"):
        errors = [error for error in errors if "403" not in error and "does not permit this" not in error]
    assert errors == []


def _leave(page: Page) -> Page:
    """An empty page: this one, or where it is on its way to others of its own, to sign in say, one in its place."""
    try:
        page.goto("about:blank")
    except Error as error:
        if "interrupted by another navigation" not in error.message:
            raise
        empty = page.context.new_page()
        page.close()
        return empty
    return page


def _forget(page: Page, origin: str) -> Page:
    """An empty page without all that a test left behind, but for the scripts that its browser has read."""
    page = _leave(page)
    page.unroute_all()
    page.context.clear_cookies()
    session = page.context.new_cdp_session(page)
    session.send("Storage.clearDataForOrigin", {"origin": origin, "storageTypes": "local_storage"})
    session.detach()
    page.set_viewport_size(SCREEN)
    page.emulate_media(color_scheme="null", reduced_motion="null")
    for other in page.context.pages:
        if other is not page:
            other.close()
    return page


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


@pytest.fixture(scope="session")
def door() -> Iterator[Door]:
    with open_door() as door:
        yield door


@pytest.fixture
def serve(door: Door) -> Iterator[Callable[[Record, GraphStore | None], str]]:
    """Serves the pages over the given stores; gives their address, which is the same for all tests."""

    def start(record: Record, graph_store: GraphStore | None) -> str:
        door.app = create_app(record, graph_store, currency="USD", rules=RULES).server
        return door.address

    yield start
    door.shut()
