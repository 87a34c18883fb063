from __future__ import annotations

from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from fraud.record import Record
from graph.arcade import ArcadeServer
from graph.store import GraphStore
from graph.write_behind import WriteBehind
from tests.dashboard.canvas import ask, choose, tap_twice, wait_for_nodes, wait_until
from tests.dashboard.world import decide, fill, pay

pytestmark = pytest.mark.browser

expect.set_options(timeout=20_000)

Serve = Callable[[Record, GraphStore | None], str]

MEMBERS = 9
HUB = "#merchant\\:shop-3"
FREE_FRAMES = """
() => new Promise((done) => {
  const gaps = []; let last = performance.now();
  const turn = (now) => {
    gaps.push(now - last); last = now;
    gaps.length < 20 ? requestAnimationFrame(turn) : done(gaps);
  };
  requestAnimationFrame(turn);
})
"""


@pytest.fixture
def store(record: Record, arcade: ArcadeServer) -> Iterator[GraphStore]:
    fill(record)
    with arcade.connect() as store:
        with WriteBehind(record, store) as behind:
            assert behind.drain(60)
        yield store


@pytest.fixture
def ring_page(record: Record, store: GraphStore, page: Page, serve: Serve) -> Page:
    """The case of the ring that shares devices, drawn; the page is left before its store is closed."""
    page.goto(f"{serve(record, store)}/case/C-000001")
    expect(page.get_by_role("heading", name="Shared device")).to_be_visible()
    wait_for_nodes(page, MEMBERS)
    return page


def test_the_picture_is_asked_for_once_and_before_the_page_asks_for_its_parts(
    page: Page, record: Record, serve: Serve
) -> None:
    fill(record)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(urlsplit(request.url).path))
    page.goto(f"{serve(record, None)}/case/C-000001")
    wait_until(page, f"cy.nodes('.ours').length === {MEMBERS}")
    assert [path for path in asked if path.startswith("/_canvas")] == ["/_canvas/case/C-000001"]
    assert asked.index("/_canvas/case/C-000001") < asked.index("/_dash-update-component")
    page.get_by_text("With neighbours").click()
    expect(page.locator(".canvas-box")).to_have_attribute("aria-busy", "false")
    assert len([path for path in asked if path.startswith("/_canvas")]) == 2


def test_shape_colour_and_sign_say_kind_and_standing(ring_page: Page) -> None:
    kinds = ask(ring_page, "cy.nodes().map((n) => [n.data('kind'), n.style('shape')])")
    assert {kind for kind, _ in kinds} == {"account", "merchant", "device"}
    assert len({shape for _, shape in kinds}) == 3
    assert ask(ring_page, "cy.nodes('.flagged.ours').length") == MEMBERS
    assert all(label.startswith("●▲") for label in ask(ring_page, "cy.nodes().map((n) => n.data('label'))"))
    widths = ask(ring_page, "cy.edges('.paid').map((e) => e.data('width'))")
    assert max(widths) == 9.0
    middle, outside = (
        ask(
            ring_page,
            f"Math.max(...cy.nodes('{kind}').map((n) => Math.hypot(n.position('x'), n.position('y'))))",
        )
        for kind in (".merchant", ".device")
    )
    assert outside > middle
    ring_page.get_by_text("With neighbours").click()
    wait_until(ring_page, f"cy.nodes().length > {MEMBERS}")
    assert ask(ring_page, "cy.nodes('.ours').length") == MEMBERS


def test_a_hub_asks_what_to_show_and_undo_takes_it_back(ring_page: Page) -> None:
    ring_page.get_by_text("With neighbours").click()
    wait_until(ring_page, "cy.getElementById('merchant:shop-3').nonempty()")
    wait_until(ring_page, "cy.getElementById('merchant:shop-3').data('badge')")
    before = ask(ring_page, "cy.nodes().length")
    choose(ring_page, "[id='merchant:shop-3']")
    expect(ring_page.locator("#canvas-node")).to_contain_text("shop-3")
    ring_page.keyboard.press("e")
    dialog = ring_page.get_by_role("dialog")
    expect(dialog).to_contain_text("This node has many neighbours")
    dialog.get_by_label("Show at most").fill("4")
    dialog.get_by_role("button", name="Show them").click()
    wait_for_nodes(ring_page, before + 4)
    expect(dialog).to_be_hidden()
    ring_page.keyboard.press("u")
    wait_for_nodes(ring_page, before)


def test_a_double_click_shows_the_few_neighbours_of_a_node(ring_page: Page) -> None:
    wait_until(ring_page, "cy.nodes('.account')[0].data('badge')")
    tap_twice(ring_page, ".account")
    wait_until(ring_page, f"cy.nodes().length > {MEMBERS}")
    expect(ring_page.locator("#canvas-say")).to_contain_text("more shown")


def test_hide_pin_undo_and_fit_by_key(ring_page: Page) -> None:
    choose(ring_page, ".merchant")
    ring_page.keyboard.press("h")
    assert ask(ring_page, "cy.nodes(':visible').length") == MEMBERS - 1
    assert ask(ring_page, "cy.edges('.paid:visible').length") == 0
    ring_page.keyboard.press("u")
    assert ask(ring_page, "cy.nodes(':visible').length") == MEMBERS
    choose(ring_page, ".merchant")
    ring_page.keyboard.press("p")
    place = ask(ring_page, "(cy.nodes('.merchant').unlock().position({x: 400, y: 10}).lock(), cy.zoom(2), 0)")
    assert place == 0
    ring_page.keyboard.press("f")
    assert ask(ring_page, "cy.zoom()") < 1.3
    ring_page.get_by_text("With neighbours").click()
    wait_until(ring_page, f"cy.nodes().length > {MEMBERS}")
    # A pinned node keeps its place in the next picture.
    assert ask(ring_page, "cy.getElementById('merchant:grey-imports').position('x')") == 400


def test_the_slider_replays_how_the_ring_formed_without_the_server(ring_page: Page) -> None:
    # The page of the ring, as that of a case asks by itself whether the case changed.
    ring_page.get_by_role("link", name="ring-device").click()
    expect(ring_page.get_by_role("heading", name="Ring: Shared device")).to_be_visible()
    wait_until(ring_page, "cy.nodes('[badge]').length > 0")
    asked: list[str] = []
    ring_page.on("request", lambda request: asked.append(request.url))
    slider = ring_page.locator("#canvas-time [role='slider']")
    slider.focus()
    ring_page.keyboard.press("Home")
    wait_until(ring_page, "cy.nodes(':visible').length < 5")
    seen = []
    for _ in range(4):
        for _ in range(25):
            ring_page.keyboard.press("ArrowRight")
        seen.append(ask(ring_page, "cy.nodes(':visible').length"))
    assert seen == sorted(seen)
    ring_page.keyboard.press("End")
    wait_until(ring_page, f"cy.nodes(':visible').length === {MEMBERS}")
    ring_page.locator("#canvas-play").click()
    wait_until(ring_page, "cy.nodes(':visible').length < 5")
    expect(ring_page.locator("#canvas-play")).to_have_attribute("aria-pressed", "true")
    wait_until(ring_page, f"cy.nodes(':visible').length === {MEMBERS}")
    assert [url for url in asked if "_dash-update-component" in url] == []


def test_a_node_can_be_found_by_keyboard_alone(ring_page: Page) -> None:
    ring_page.get_by_role("textbox", name="Choose a node of the canvas").fill("grey")
    ring_page.get_by_role("option", name="Merchant grey-imports").click()
    expect(ring_page.locator("#canvas-node")).to_contain_text("grey-imports")
    assert ask(ring_page, "cy.nodes(':selected').map((n) => n.id())") == ["merchant:grey-imports"]


def test_without_its_store_the_graph_comes_from_the_record(page: Page, record: Record, serve: Serve) -> None:
    fill(record)
    with GraphStore.connect("bolt://127.0.0.1:1", "u", "p", "d", patience=0.1) as down:
        page.goto(f"{serve(record, down)}/case/C-000001")
        expect(page.locator("#canvas-note")).to_contain_text("The graph store does not answer")
        wait_until(page, f"cy.nodes('.flagged').length === {MEMBERS}")
        choose(page, ".account")
        page.keyboard.press("e")
        expect(page.locator("#canvas-say")).not_to_contain_text("Looking")


@pytest.mark.slow
def test_a_thousand_elements_stay_smooth(page: Page, record: Record, serve: Serve) -> None:
    """A shop with a thousand payers; the bound is wide, as the machine of a test may be busy."""
    paid = [pay(9_000 + i, f"x{i % 700}", merchant="hub", device=i % 300, score=0.1) for i in range(1_200)]
    record.write_batch([payment for payment, _ in paid], [decide(*one) for one in paid])
    page.goto(f"{serve(record, None)}/entity/merchant/hub")
    wait_until(page, "cy.elements().length > 800")
    assert ask(page, "cy.scratch('drawn')") < 8_000
    ask(page, "(setInterval(() => cy.panBy({x: 5, y: 3}), 16), 0)")
    gaps = sorted(page.evaluate(FREE_FRAMES))
    assert gaps[len(gaps) // 2] < 400
