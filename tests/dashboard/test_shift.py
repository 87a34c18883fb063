"""A scripted shift: the demonstration as it is served, worked in a real browser from signing in to the report."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, TimeoutError, expect

from fraud.audit_trail import entries, verify
from fraud.record import Record
from fraud.standing_scores import StandingScores
from tests.dashboard.canvas import ask, choose, wait_until
from tests.dashboard.served_demo import ServedDemo, served_demo

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SECONDS_TO_MOVE = 180


@pytest.fixture
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedDemo]:
    arguments = ("--days", "40", "--accounts", "600", "--no-broker")
    with served_demo(tmp_path_factory.mktemp("shift"), *arguments) as demo:
        yield demo


def test_a_shift(demo: ServedDemo, browser: Browser) -> None:
    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    page.set_default_timeout(30_000)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    sign_in(page, demo)
    case_id = take_the_worst_case(page)
    expand_a_hub(page)
    replay(page)
    confirm(page)
    see_scores_move(page)
    download_the_report(page, demo, case_id)
    see_the_audit_line(page, demo, case_id)
    assert errors == []
    assert_on_record(demo, case_id)
    assert demo.end() == 0


def sign_in(page: Page, demo: ServedDemo) -> None:
    page.goto(demo.address)
    assert "/sign-in" in page.url
    page.get_by_label("Name").fill(demo.name)
    page.get_by_label("Password").fill(demo.password)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Queue")).to_be_visible()


def take_the_worst_case(page: Page) -> str:
    """The first line of the queue is what the next-worst key opens; it becomes ours."""
    first = page.locator("#queue-grid .ag-center-cols-container .ag-row").first
    expect(first).to_contain_text(re.compile("Critical|High"))
    ring = re.search(r"ring-[0-9a-f]+", first.inner_text())
    assert ring is not None, "the worst of the queue is no ring"
    page.keyboard.press("n")
    page.wait_for_url("**/case/*")
    expect(page.locator("#case-head")).to_contain_text(ring[0])
    page.keyboard.press("a")
    expect(page.locator("#case-head")).to_contain_text("In progress")
    return page.url.rpartition("/")[2]


def expand_a_hub(page: Page) -> None:
    """The node with the most neighbours that are not shown yet."""
    wait_until(page, "cy.nodes('[more]').length > 0")
    before = ask(page, "cy.nodes().length")
    hub = ask(page, "cy.nodes('[more]').max((n) => n.data('more')).ele.id()")
    choose(page, f"[id='{hub}']")
    page.keyboard.press("e")
    dialog = page.get_by_role("dialog")
    if expect_soon(dialog):
        dialog.get_by_role("button", name="Show them").click()
    wait_until(page, f"cy.nodes().length > {before}")


def expect_soon(dialog: Locator) -> bool:
    """Whether the node has too many neighbours to show them unasked."""
    try:
        dialog.wait_for(state="visible", timeout=3_000)
    except TimeoutError:
        return False
    return True


def replay(page: Page) -> None:
    shown = ask(page, "cy.nodes(':visible').length")
    page.locator("#canvas-time [role='slider']").focus()
    page.keyboard.press("Home")
    wait_until(page, f"cy.nodes(':visible').length < {shown}")
    page.keyboard.press("End")
    wait_until(page, f"cy.nodes(':visible').length === {shown}")
    page.locator("#case-head h1").click()


def confirm(page: Page) -> None:
    page.keyboard.press("c")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("button", name="Decide")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#case-head")).to_contain_text("Confirmed fraud")
    expect(page.locator("#case-head")).to_contain_text("Closed")


def see_scores_move(page: Page) -> None:
    page.get_by_role("tab", name="Neighbours").click()
    moved = page.locator("#case-moved tbody tr")
    expect(moved.first).to_be_visible(timeout=SECONDS_TO_MOVE * 1_000)
    expect(moved.first).to_contain_text(re.compile("[▲▼]"))


def download_the_report(page: Page, demo: ServedDemo, case_id: str) -> None:
    address = f"{demo.address}/case/{case_id}"
    pdf = page.request.get(f"{address}/report.pdf")
    assert pdf.ok
    assert pdf.body().startswith(b"%PDF-")
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="Report").click()
    expect(opened.value.locator("body")).to_contain_text(case_id)
    expect(opened.value.locator("body")).to_contain_text("onfirmed fraud")
    opened.value.close()


def see_the_audit_line(page: Page, demo: ServedDemo, case_id: str) -> None:
    page.goto(f"{demo.address}/admin")
    page.get_by_role("tab", name="Audit").click()
    page.get_by_label("To what").fill(f"case {case_id}")
    expect(page.locator("#admin-audit")).to_contain_text("case.dispose")
    page.get_by_role("button", name="Verify the chain").click()
    expect(page.locator("#admin-verified")).to_contain_text("The chain holds")


def assert_on_record(demo: ServedDemo, case_id: str) -> None:
    record = Record.open(f"sqlite:///{demo.folder}/record.sqlite3")
    try:
        acts = [entry.act for entry in entries(record.engine, subject=f"case {case_id}")]
        verify(record.engine)
        assert any(one.moved for one in StandingScores(record).moved_by(case_id))
    finally:
        record.close()
    assert len(acts) >= 3, acts
