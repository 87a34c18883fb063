"""What people type, and what stands in an address, is text: in SQL, in Cypher and in the page."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import dash
import pytest
from dash import Dash
from flask import got_request_exception
from playwright.sync_api import Page, expect
from sqlalchemy import func, inspect, select, table

from dashboard.app import create_app
from dashboard.guard import DASH_CALLBACKS
from fraud.access import Role
from fraud.record import Record
from graph.arcade import ArcadeServer
from graph.store import GraphStore
from graph.write_behind import WriteBehind
from tests.dashboard.people import RULES, UPDATE, callback_body, client_of, pages_body
from tests.dashboard.world import fill

SQL = [
    "'; DROP TABLE alerts; --",
    "' OR '1'='1",
    "x') UNION SELECT name, password_hash FROM people --",
    "%_\\",
]
CYPHER = ["' DETACH DELETE n //", "}) MATCH (n) DETACH DELETE n RETURN ({", "`]-() DELETE r //"]
MARKUP = "<img src=x onerror=\"document.title='taken'\"><script>document.title='taken'</script>"
ODD = ["\x00", "\ud7ff\uffff", "../../etc/passwd", "{{7*7}}", "A" * 20_000]
EVIL = [*SQL, *CYPHER, MARKUP, *ODD]

STORE_TROUBLE = re.compile(
    r"syntax error|SQL logic|near \"|Neo\.ClientError|cannot (read|write) now|refused \("
)

FREE_OF_CHARGE = {"audit_trail", "person_sessions", "people"}
"""Tables that looking and signing in write to."""

SHOWN = "#shell-page h1, #shell-page [role=alert]"
"""What every page has when it is there."""

Serve = Callable[[Record, GraphStore | None], str]


@pytest.fixture(scope="module")
def graph_store(arcade: ArcadeServer) -> Iterator[GraphStore]:
    with arcade.connect() as store:
        yield store


def rows(record: Record) -> dict[str, int]:
    names = set(inspect(record.engine).get_table_names()) - FREE_OF_CHARGE
    with record.engine.connect() as connection:
        return {
            name: connection.execute(select(func.count()).select_from(table(name))).scalar_one()
            for name in sorted(names)
        }


def nodes(store: GraphStore) -> Any:
    return store.read(lambda work: work.run("MATCH (n) RETURN count(n) AS n").single(strict=True)["n"])


def texts(entry: dict[str, Any]) -> list[str]:
    """What a callback reads that a browser may fill with any text."""
    return [
        f"{part['id']}.{part['property']}"
        for part in [*entry["inputs"], *entry["state"]]
        if isinstance(part, dict) and not part["id"].startswith("{") and part["property"] != "n_clicks"
    ]


@pytest.fixture
def attacked(record: Record, graph_store: GraphStore) -> Iterator[tuple[Dash, list[BaseException]]]:
    """An app with something in its stores to lose, and what went wrong in it."""
    fill(record)
    with WriteBehind(record, graph_store) as behind:
        assert behind.drain(60)
    app = create_app(record, graph_store, rules=RULES)
    app.server.config["PROPAGATE_EXCEPTIONS"] = False
    app.server.test_client().get("/healthz")
    went_wrong: list[BaseException] = []

    def note(_: Any, exception: BaseException, **__: Any) -> None:
        went_wrong.append(exception)

    got_request_exception.connect(note, app.server)
    yield app, went_wrong
    got_request_exception.disconnect(note, app.server)


def is_of_a_store(error: BaseException) -> bool:
    chain: list[BaseException | None] = [error, error.__cause__, error.__context__]
    return any(
        type(one).__module__.startswith(("sqlalchemy", "neo4j", "sqlite3", "psycopg")) for one in chain if one
    )


def test_no_text_changes_what_is_asked_of_the_stores(
    attacked: tuple[Dash, list[BaseException]], record: Record, graph_store: GraphStore
) -> None:
    app, went_wrong = attacked
    client = client_of(app, record, Role.ADMIN)
    before, in_graph = rows(record), nodes(graph_store)
    assert before["alerts"] > 0
    assert in_graph > 0
    called = 0
    for entry in app._callback_list:
        if entry["clientside_function"] is not None or entry["output"] in DASH_CALLBACKS:
            continue
        for evil in EVIL:
            answer = client.post(UPDATE, json=callback_body(entry, dict.fromkeys(texts(entry), evil)))
            said = f"{entry['output']} after {evil[:40]!r}"
            assert answer.status_code in {200, 204, 400, 500}, f"{said}: {answer.text[:200]}"
            assert not STORE_TROUBLE.search(answer.text), said
            called += 1
    assert called > 10 * len(EVIL)
    assert [error for error in went_wrong if is_of_a_store(error)] == []
    after = rows(record)
    assert {name: after[name] for name in before if after[name] < before[name]} == {}
    assert nodes(graph_store) == in_graph


def test_no_address_changes_what_is_asked_of_the_stores(
    attacked: tuple[Dash, list[BaseException]], record: Record, graph_store: GraphStore
) -> None:
    app, went_wrong = attacked
    client = client_of(app, record, Role.ADMIN)
    before, in_graph = rows(record), nodes(graph_store)
    for page in dash.page_registry.values():
        for evil in EVIL:
            piece = quote(evil, safe="")
            path = re.sub(r"<\w+>", piece, page["path_template"] or page["path"])
            path = path.replace(f"/entity/{piece}/", "/entity/account/")
            answer = client.post(
                UPDATE, json=pages_body(path, f"?q={piece}&tab={piece}&sort={piece}&state={piece}")
            )
            assert answer.status_code == 200, f"{path[:80]} {answer.text[:200]}"
            assert not STORE_TROUBLE.search(answer.text), path
    assert went_wrong == []
    after = rows(record)
    assert {name: after[name] for name in before if after[name] < before[name]} == {}
    assert nodes(graph_store) == in_graph


def fields(page: Page) -> Any:
    return page.locator(
        "input:visible:not([type=hidden]):not([type=checkbox]):not([type=radio]), textarea:visible"
    )


@pytest.mark.slow
@pytest.mark.browser
def test_markup_in_every_text_field_stays_text(page: Page, record: Record, serve: Serve) -> None:
    alerts = fill(record)
    address = serve(record, None)
    lone = next(iter(alerts.values()))
    paths = []
    for one in dash.page_registry.values():
        path = one["path_template"] or one["path"]
        for name, value in {
            "<alert_id>": lone.alert_id,
            "<case_id>": "C-000001",
            "<ring_id>": "ring-device",
            "<kind>": "merchant",
            "<node_id>": "grey-imports",
        }.items():
            path = path.replace(name, value)
        paths.append(path)
    paths += [f"/admin?tab={tab}" for tab in ("channels", "suppressions", "health", "audit")]
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    typed = 0
    for path in paths:
        page.goto(f"{address}{path}")
        expect(page.locator(SHOWN).first, path).to_be_visible(timeout=15_000)
        page.wait_for_load_state("networkidle")
        for i in range(fields(page).count()):
            field = fields(page).nth(i)
            if not field.is_visible() or not field.is_editable():
                continue
            kind = field.get_attribute("type") or "text"
            if kind not in {"text", "search", "textarea"}:
                continue
            field.fill(MARKUP)
            field.press("Enter")
            typed += 1
        page.wait_for_load_state("networkidle")
        assert "taken" not in page.title(), path
        assert page.locator("img[src=x]").count() == 0, path
    assert typed >= 8
    assert dialogs == []


@pytest.mark.slow
@pytest.mark.browser
def test_markup_in_every_address_stays_text(page: Page, record: Record, serve: Serve) -> None:
    fill(record)
    address = serve(record, None)
    piece = quote(MARKUP, safe="")
    for one in list(dash.page_registry.values()):
        template = one["path_template"] or one["path"]
        page.goto(
            f"{address}{re.sub('<[a-z_]+>', piece, template)}?q={piece}&tab={piece}&sort={piece}&state={piece}"
        )
        expect(page.locator(SHOWN).first, template).to_be_visible(timeout=15_000)
        page.wait_for_load_state("networkidle")
        assert "taken" not in page.title(), template
        assert page.locator("img[src=x]").count() == 0, template
