"""Search, trends and model in a browser; and all pages of the desk by axe's rules, wide and narrow, light and dark."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, Route, expect

from dashboard.csv_export import safe_cell
from fraud.access import Role
from fraud.audit_trail import entries
from fraud.label import Label
from fraud.record import Record
from fraud.ring import NodeKind
from fraud.threshold_changes import ThresholdChanges
from fraud.tokens import Tokeniser
from graph.arcade import ArcadeServer
from graph.pages import ids_beginning
from graph.store import GraphStore
from graph.write_behind import WriteBehind
from tests.dashboard.people import app_over, client_of
from tests.dashboard.stillness import wait_until_still
from tests.dashboard.world import fill

# On a machine with much to do a page may take its time.
expect.set_options(timeout=20_000)

Serve = Callable[[Record, GraphStore | None], str]
PageAs = Callable[[Role | None], Page]

MODEL = "2026-03-01.1"


@pytest.fixture
def world(record: Record) -> Iterator[Record]:
    """Three rings, thirty known frauds."""
    fill(record)
    record.write_labels(
        [
            Label(f"tx-{number:05d}", True, datetime(2026, 3, 20, tzinfo=UTC), "bank")
            for number in range(400, 430)
        ]
    )
    yield record


@pytest.mark.browser
def test_search_finds_as_one_types_and_keeps_the_address(page: Page, world: Record, serve: Serve) -> None:
    address = serve(world, None)
    page.goto(f"{address}/search")
    page.get_by_label("Search for").fill("ring-dev")
    results = page.locator("#search-results")
    expect(results).to_contain_text("ring-device")
    page.wait_for_url(f"{address}/search?q=ring-dev")
    page.reload()
    expect(results).to_contain_text("ring-device")
    page.get_by_label("Search for").fill("no such thing")
    expect(results).to_contain_text("Nothing found")
    expect(page.get_by_label("Search for")).to_be_visible()
    page.get_by_label("Search for").fill("C-000001")
    results.get_by_role("link", name="C-000001").click()
    page.wait_for_url(f"{address}/case/C-000001")
    page.wait_for_load_state("networkidle")


@pytest.mark.browser
def test_the_graph_store_knows_beginnings_of_every_name(
    page: Page, world: Record, serve: Serve, arcade: ArcadeServer
) -> None:
    device = world.transactions(["tx-00001"])[0].device_id
    assert device is not None
    with arcade.connect() as store:
        with WriteBehind(world, store) as behind:
            assert behind.drain(60)
        assert ids_beginning(store, NodeKind.DEVICE, device[:9]) == [device]
        assert ids_beginning(store, NodeKind.MERCHANT, "shop-1", limit=2) == ["shop-1", "shop-10"]
        assert ids_beginning(store, NodeKind.ACCOUNT, "') MATCH (n) DETACH DELETE n //") == []
        page.goto(f"{serve(world, store)}/search")
        page.get_by_label("Search for").fill(device[:9])
        expect(page.locator("#search-results")).to_contain_text(device)
        page.goto("about:blank")


def test_an_identifier_in_clear_stays_out_of_address_log_and_trail(
    world: Record, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The callback is asked as the page asks it: what it says, logs and writes holds the token alone."""
    tokens = Tokeniser(b"0123456789abcdef0123456789abcdef")
    account = world.transactions(["tx-00600"])[0].account_id
    monkeypatch.setattr(
        Tokeniser, "token", lambda self, kind, value: account if kind == "account" else f"{kind}_none"
    )
    monkeypatch.setattr("tests.dashboard.people.create_app", _with_tokens(tokens))
    client = client_of(app_over(world), world, Role.VIEWER)
    answer = client.post(
        "/_dash-update-component",
        json={
            "output": "..search-results.children...search-address.data..",
            "outputs": [
                {"id": "search-results", "property": "children"},
                {"id": "search-address", "property": "data"},
            ],
            "inputs": [{"id": "search-text", "property": "value", "value": "DE89 3704 0044 0532"}],
            "changedPropIds": ["search-text.value"],
        },
    )
    assert answer.status_code == 200
    assert answer.json is not None
    assert answer.json["response"]["search-address"]["data"] == account
    (told,) = [entry for entry in entries(world.engine) if entry.act == "search_by_identifier"]
    assert told.subject == f"account {account}"
    assert told.by == "viewer"
    everything = answer.text + caplog.text + "".join(f"{entry}" for entry in entries(world.engine))
    assert "DE89" not in everything


def _with_tokens(tokens: Tokeniser) -> Callable[..., object]:
    from dashboard.app import create_app

    return lambda *parts, **named: create_app(*parts, **named, tokeniser=tokens)


@pytest.mark.browser
def test_trends_show_frauds_and_follow_the_filters(page: Page, world: Record, serve: Serve) -> None:
    address = serve(world, None)
    page.goto(f"{address}/trends")
    views = page.locator("#trends-views")
    expect(views).to_contain_text("449")
    expect(views).to_contain_text("grey-imports")
    expect(page.locator(".plot[role=img]")).to_have_count(3)
    page.goto(f"{address}/trends?since=2026-03-01&until=2026-03-01")
    expect(views).to_contain_text("129")
    expect(page.locator("#trends-since")).to_have_value("2026-03-01")
    with page.expect_download() as download:
        page.get_by_label("Decisions by day as CSV").click()
    lines = list(csv.DictReader(io.StringIO(download.value.path().read_text(encoding="utf-8-sig"))))
    assert [(line["day"], line["transactions"]) for line in lines] == [("2026-03-01", "129")]
    assert [entry.subject for entry in entries(world.engine) if entry.act == "export"] == [
        "table trends-days"
    ]
    with page.expect_download() as download:
        page.get_by_label("Decisions by day as PNG").click()
    assert download.value.path().read_bytes().startswith(b"\x89PNG")


@pytest.mark.browser
def test_a_picture_pressed_for_before_it_is_drawn_is_saved_once_it_is(
    page: Page, world: Record, serve: Serve
) -> None:
    held: list[Route] = []
    page.route(re.compile("plotly"), lambda route: held.append(route))
    with page.expect_request(re.compile("plotly")):
        page.goto(f"{serve(world, None)}/trends", wait_until="domcontentloaded")
    button = page.get_by_label("Decisions by day as PNG")
    button.click()
    expect(button).to_have_attribute("aria-busy", "true")
    with page.expect_download() as download:
        for route in held:
            route.continue_()
    assert download.value.path().read_bytes().startswith(b"\x89PNG")
    expect(button).not_to_have_attribute("aria-busy", "true")


@pytest.mark.browser
def test_trends_of_an_empty_record(page: Page, record: Record, serve: Serve) -> None:
    page.goto(f"{serve(record, None)}/trends")
    expect(page.get_by_text("Nothing to show yet")).to_be_visible()
    page.goto(page.url.replace("trends", "model"))
    expect(page.get_by_text("Nothing to weigh yet")).to_be_visible()


@pytest.mark.browser
def test_an_admin_weighs_thresholds_and_puts_them_in_force(page: Page, world: Record, serve: Serve) -> None:
    page.goto(f"{serve(world, None)}/model")
    table = page.locator("#model-outlook-table")
    expect(table).to_contain_text("Alerts a day, mean")
    thumb = page.get_by_role("slider", name="Review from a score of, %")
    thumb.focus()
    thumb.press("Home")
    expect(table.get_by_role("row", name=re.compile("^Reviews"))).to_contain_text("434")
    page.get_by_role("button", name="Put these in force").click()
    expect(page.locator("#model-set-message")).to_contain_text("reason: must be a line")
    page.get_by_label("Why").fill("A week of looking at all")
    page.get_by_role("button", name="Put these in force").click()
    expect(page.locator("#model-set-message")).to_contain_text("In force as change 1")
    expect(page.locator("#model-history")).to_contain_text("A week of looking at all")
    change = ThresholdChanges(world.engine).in_force(MODEL)
    assert change is not None
    assert (change.review, change.by) == (pytest.approx(0.001), "admin")
    assert [entry.by for entry in entries(world.engine) if entry.act == "set_thresholds"] == ["admin"]


@pytest.mark.browser
def test_a_supervisor_weighs_and_cannot_set(page_as: PageAs, world: Record, serve: Serve) -> None:
    page = page_as(Role.SUPERVISOR)
    page.goto(f"{serve(world, None)}/model")
    expect(page.locator("#model-outlook-table")).to_contain_text("Known frauds that are alerts")
    expect(page.get_by_role("button", name="Put these in force")).to_have_count(0)
    expect(page.get_by_text("asks for the admin role")).to_be_visible()


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("path", "ready"), [
    ("/", "#queue-grid .ag-center-cols-container .ag-row"),
    ("/search?q=ring", "#search-results a"),
    ("/trends", "#trends-views .js-plotly-plot .main-svg"),
    ("/model", "#model-outlook-table"),
])  # fmt: skip
def test_pages_keep_to_the_rules_of_axe_and_fit_a_phone(
    page: Page, world: Record, serve: Serve, path: str, ready: str, scheme: str
) -> None:
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.goto(f"{serve(world, None)}{path}")
    page.locator(ready).first.wait_for()
    wait_until_still(page)
    found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]})
    said = [
        f"{one['id']} ({one['impact']}): {[node['html'][:160] for node in one['nodes'][:3]]}"
        for one in found.response["violations"]
    ]
    assert said == []
    page.set_viewport_size({"width": 400, "height": 800})
    # Tables and pictures learn of the new width a moment later.
    page.wait_for_function("() => document.documentElement.scrollWidth <= 400")


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "  =1", "＝1"])
def test_a_cell_never_begins_as_a_formula(text: str) -> None:
    assert safe_cell(text) == f"'{text}"


@pytest.mark.parametrize("value", ["plain", "a=b", 1.5, -3, ""])
def test_other_cells_stay_as_they_are(value: object) -> None:
    assert safe_cell(value) == value
    assert safe_cell(None) == ""
