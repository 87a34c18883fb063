from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import text

from fraud.alert import Severity
from fraud.decision import Reason
from fraud.record import Record
from fraud.ring import NodeKind
from graph.arcade import ArcadeServer
from graph.store import GraphStore
from graph.write_behind import WriteBehind
from tests.dashboard.world import alert_of, fill, ring

pytestmark = pytest.mark.browser

Serve = Callable[[Record, GraphStore | None], str]

CANVAS = """
() => {
  const found = [...document.querySelectorAll('#alert-canvas, #alert-canvas *')].find((e) => e._cyreg);
  return found ? found._cyreg.cy : null;
}
"""


def count_on_canvas(page: Page, what: str) -> int:
    number: int = page.evaluate(f"() => {{ const cy = ({CANVAS})(); return cy ? cy.{what}().length : 0; }}")
    return number


def wait_for_nodes(page: Page, number: int) -> None:
    page.wait_for_function(
        f"() => {{ const cy = ({CANVAS})(); return cy && cy.nodes().length === {number}; }}"
    )


def open_ring(page: Page) -> None:
    page.goto(re.sub(r"(//[^/]+).*", r"\1/alert/ring-ring-device", page.url))
    expect(page.get_by_role("heading", name="Shared device")).to_be_visible()


def test_a_shift_from_the_queue_to_the_ring(
    page: Page, record: Record, arcade: ArcadeServer, serve: Serve
) -> None:
    alerts = fill(record)
    with arcade.connect() as store:
        with WriteBehind(record, store) as behind:
            assert behind.drain(60)
        page.goto(serve(record, store))
        open_ring(page)
        members = alerts["ring-device"].members
        wait_for_nodes(page, len(members))
        assert count_on_canvas(page, "edges") >= len(members) - 1
        kinds = page.evaluate(f"() => ({CANVAS})().nodes().map((n) => [n.classes()[0], n.style('shape')])")
        assert {kind for kind, _ in kinds} == {"account", "merchant", "device"}
        assert len({shape for _, shape in kinds}) == 3
        expect(page.locator("#alert-canvas-note")).to_be_empty()

        evidence = page.locator("#alert-evidence")
        expect(evidence).to_contain_text("6 accounts pay from 2 devices")
        expect(evidence).to_contain_text("2026-03-01.1")
        expect(evidence).to_contain_text("Review from")
        expect(evidence).to_contain_text(re.compile(r"Receipt: \d+ values"))
        expect(page.locator("#alert-transactions")).to_contain_text("grey-imports")

        page.evaluate(f"() => {{ ({CANVAS})().nodes('.merchant').emit('tap'); }}")
        expect(page.locator("#alert-node")).to_contain_text("grey-imports")

        page.get_by_text("With neighbours").click()
        page.wait_for_function(f"() => ({CANVAS})().nodes().length > {len(members)}")


def test_an_account_alert_opens_by_its_address(page: Page, record: Record, serve: Serve) -> None:
    alerts = fill(record)
    lone = next(alert for subject, alert in alerts.items() if subject.startswith("a_"))
    page.goto(f"{serve(record, None)}/alert/{lone.alert_id}")
    expect(page.get_by_role("heading", name="Suspicious account")).to_be_visible()
    wait_for_nodes(page, 4)
    expect(page.locator("#alert-canvas-note")).to_contain_text("The graph store is not running")


def test_without_its_store_the_graph_comes_from_the_record(page: Page, record: Record, serve: Serve) -> None:
    fill(record)
    with GraphStore.connect("bolt://127.0.0.1:1", "u", "p", "d", patience=0.1) as down:
        page.goto(serve(record, down))
        open_ring(page)
        expect(page.locator("#alert-canvas-note")).to_contain_text("The graph store does not answer")
        page.wait_for_function(f"() => ({CANVAS})() && ({CANVAS})().nodes('.flagged').length === 9")


def test_an_alert_that_is_not_there_says_so(page: Page, record: Record, serve: Serve) -> None:
    page.goto(f"{serve(record, None)}/alert/unheard")
    expect(page.get_by_text("No such alert")).to_be_visible()


def test_a_record_that_is_lost_gives_a_message(page: Page, record: Record, serve: Serve) -> None:
    address = serve(record, None)
    with record.engine.begin() as connection:
        connection.execute(text("DROP TABLE alert_outbox"))
        connection.execute(text("DROP TABLE alerts"))
    page.goto(f"{address}/alert/ring-ring-device")
    expect(page.get_by_text("This part cannot be shown now")).to_be_visible()


def test_what_comes_from_outside_is_text_and_never_markup(page: Page, record: Record, serve: Serve) -> None:
    evil = "<img src=x onerror=\"document.title='taken'\">"
    odd = ring(evil, evil, ["r1"], [], evil, range(400, 402))
    record.write_batch([], [], rings=[odd], alerts=[alert_of(odd, Severity.LOW, (Reason("x", evil),))])
    page.goto(f"{serve(record, None)}/alert/{quote(f'ring-{evil}', safe='')}")
    expect(page.locator("#alert-evidence")).to_contain_text("onerror")
    wait_for_nodes(page, 2)
    page.evaluate(f"() => {{ ({CANVAS})().nodes('.{NodeKind.MERCHANT.value}').emit('tap'); }}")
    expect(page.locator("#alert-node")).to_contain_text("onerror")
    assert page.title() == "Alert – Ringfence"


def test_dark_and_narrow_work_too(page: Page, record: Record, serve: Serve) -> None:
    fill(record)
    page.set_viewport_size({"width": 400, "height": 800})
    page.emulate_media(color_scheme="dark")
    page.goto(serve(record, None))
    expect(page.locator("#queue-grid .ag-row").first).to_be_visible()
    assert page.evaluate("() => document.body.dataset.agThemeMode") == "dark"
    open_ring(page)
    wait_for_nodes(page, 11)
    ink = f"() => ({CANVAS})().nodes().first().style('color')"
    assert page.evaluate(ink) == "rgb(241,243,245)"
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 400
    page.get_by_label("Switch between light and dark").click()
    page.wait_for_function(f"() => ({CANVAS})().nodes().first().style('color') === 'rgb(33,37,41)'")
