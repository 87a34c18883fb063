from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from sqlalchemy import text

from fraud.access import Role
from fraud.alert import Severity, Subject
from fraud.audit_trail import entries, verify
from fraud.case import CaseState, Disposition
from fraud.cases import Cases
from fraud.decision import Reason
from fraud.record import Record
from fraud.record_acts import acts_after
from fraud.ring import RingStep
from graph.store import GraphStore
from tests.dashboard.canvas import choose, wait_for_nodes, wait_until
from tests.dashboard.people import person_of
from tests.dashboard.stillness import wait_until_still
from tests.dashboard.world import account, alert_of, fill, ring

pytestmark = pytest.mark.browser

expect.set_options(timeout=20_000)

Serve = Callable[[Record, GraphStore | None], str]
PageAs = Callable[[Role | None], Page]

CASE = "C-000001"
EVIL = "<img src=x onerror=\"document.title='taken'\">"


def ready(page: Page) -> None:
    expect(page.get_by_role("heading", name="Shared device")).to_be_visible()
    expect(page.locator("#case-decision")).to_contain_text("Score")


@pytest.fixture
def case_page(page: Page, record: Record, serve: Serve) -> Page:
    """The case of the ring that shares devices, seen by an admin, without a graph store."""
    fill(record)
    page.goto(f"{serve(record, None)}/case/{CASE}")
    ready(page)
    return page


def test_the_evidence_says_why_and_by_which_values(case_page: Page) -> None:
    expect(case_page.locator("#case-why")).to_contain_text("6 accounts pay from 2 devices")
    expect(case_page.locator("#case-why")).to_contain_text("+2.10")
    decision = case_page.locator("#case-decision")
    expect(decision).to_contain_text("2026-03-01.1")
    expect(decision).to_contain_text("Review from")
    expect(decision).to_contain_text(re.compile(r"Receipt: \d+ values"))
    expect(case_page.locator("#case-what-if")).to_contain_text("artefact is not on this machine")
    rows = case_page.locator("#case-transactions .ag-center-cols-container .ag-row")
    rows.nth(2).click()
    expect(decision).to_contain_text("This transaction")
    case_page.get_by_role("tab", name="Cypher").click()
    expect(case_page.locator("#cypher-ring_members-parameters")).to_contain_text(
        ':param {ring: "ring-device"'
    )


def test_two_keys_confirm_and_the_trail_tells_of_it(case_page: Page, record: Record) -> None:
    case_page.keyboard.press("a")
    expect(case_page.locator("#case-head")).to_contain_text("In progress")
    case_page.keyboard.press("c")
    expect(case_page.get_by_role("dialog")).to_contain_text("Decide the case")
    expect(case_page.get_by_role("button", name="Decide", exact=True)).to_be_focused()
    case_page.keyboard.press("Enter")
    expect(case_page.locator("#case-head")).to_contain_text("Confirmed fraud")
    case = Cases(record).case(CASE)
    assert case is not None
    assert (case.state, case.disposition) == (CaseState.CLOSED, Disposition.CONFIRMED_FRAUD)
    assert (case.reason_code, case.decided_by) == ("collusion", "admin")
    acts = [entry.act for entry in entries(record.engine, subject=f"case {CASE}")]
    assert acts == ["case.dispose", "case.take"]
    verify(record.engine)
    expect(case_page.get_by_role("dialog")).to_be_hidden()
    case_page.keyboard.press("o")
    case_page.get_by_role("dialog").get_by_label("Why").fill("a new complaint")
    case_page.get_by_role("dialog").get_by_role("button", name="Go on").click()
    expect(case_page.locator("#case-head")).to_contain_text("In progress")


def test_who_comes_too_late_is_told_who_has_it(case_page: Page, record: Record) -> None:
    case = Cases(record).case(CASE)
    assert case is not None
    Cases(record).take(CASE, person_of(record, Role.ANALYST), case.version)
    case_page.locator("#case-take").click()
    expect(case_page.locator("#case-said")).to_contain_text("analyst has it")
    expect(case_page.locator("#case-head")).to_contain_text("analyst")


def test_a_change_by_somebody_else_shows_up_by_itself(case_page: Page, record: Record) -> None:
    case = Cases(record).case(CASE)
    assert case is not None
    Cases(record).take(CASE, person_of(record, Role.ANALYST), case.version)
    expect(case_page.locator("#case-said")).to_contain_text("changed this case", timeout=12_000)
    expect(case_page.locator("#case-head")).to_contain_text("analyst")


def test_only_the_ticked_transactions_are_called_fraud(case_page: Page, record: Record) -> None:
    boxes = case_page.locator("#case-transactions .ag-center-cols-container .ag-selection-checkbox input")
    boxes.nth(0).check()
    boxes.nth(2).check()
    case_page.keyboard.press("Escape")
    case_page.locator("#case-confirm").click()
    case_page.get_by_label("Only the transactions ticked").check()
    case_page.get_by_role("button", name="Decide", exact=True).click()
    expect(case_page.locator("#case-head")).to_contain_text("Confirmed fraud")
    labels = Cases(record).labels(CASE)
    assert [(one.transaction_id, one.is_fraud) for one in labels] == [("tx-00400", True), ("tx-00402", True)]


def test_what_people_write_is_text_and_never_markup(case_page: Page, record: Record) -> None:
    case_page.get_by_role("tab", name="History and comments").click()
    case_page.get_by_role("textbox", name="Comment").fill(EVIL)
    case_page.get_by_role("button", name="Add the comment").click()
    expect(case_page.locator("#case-story")).to_contain_text("onerror")
    assert case_page.title() == "Case – Ringfence"
    address = case_page.url
    report = case_page.request.get(f"{address}/report.html").text()
    assert "<img" not in report
    assert "&lt;img src=x" in report


def test_identifiers_from_outside_are_text_too(page: Page, record: Record, serve: Serve) -> None:
    odd = ring(EVIL, EVIL, ["r1"], [], EVIL, range(400, 402))
    record.write_batch([], [], rings=[odd], alerts=[alert_of(odd, Severity.LOW, (Reason("x", EVIL),))])
    page.goto(f"{serve(record, None)}/case/{CASE}")
    expect(page.locator("#case-why")).to_contain_text("onerror")
    wait_for_nodes(page, 2)
    choose(page, ".merchant")
    expect(page.locator("#canvas-node")).to_contain_text("onerror")
    assert page.title() == "Case – Ringfence"


def test_the_report_is_the_basis_of_a_filing_and_leaves_its_line(case_page: Page, record: Record) -> None:
    address = case_page.url
    page = case_page.request.get(f"{address}/report.html")
    assert "Case C-000001 is about the ring ring-device (shared device): 6 accounts" in page.text()
    assert page.text().count("tx-004") >= 36
    pdf = case_page.request.get(f"{address}/report.pdf")
    assert pdf.body().startswith(b"%PDF")
    assert "attachment" in pdf.headers["content-disposition"]
    data = json.loads(case_page.request.get(f"{address}/data.json").body())
    assert data["case"]["case_id"] == CASE
    assert len(data["transactions"]) == 36
    assert data["evidence_sha256"] in page.text()
    exports = [
        entry for entry in entries(record.engine, subject=f"case {CASE}") if entry.act == "case.export"
    ]
    assert [json.loads(entry.detail)["file"] for entry in exports] == [
        "data.json",
        "report.pdf",
        "report.html",
    ]
    assert case_page.request.get(f"{address}/file/1").status == 404


def test_a_table_is_saved_as_csv(case_page: Page) -> None:
    with case_page.expect_download() as saving:
        case_page.get_by_role("button", name="CSV").first.click()
    lines = saving.value.path().read_text(encoding="utf-8").splitlines()
    assert saving.value.suggested_filename == "C-000001-case-transactions.csv"
    assert len(lines) == 37
    assert "grey-imports" in lines[2]


def test_a_receipt_is_attached_with_its_hash(case_page: Page, record: Record) -> None:
    case_page.keyboard.press("t")
    case_page.get_by_role("tab", name="Files and messages").click()
    expect(case_page.locator("#case-files")).to_contain_text("receipt of tx-")
    (attached,) = Cases(record).attachments(CASE)
    expect(case_page.locator("#case-files")).to_contain_text(attached.sha256)
    got = case_page.request.get(f"{case_page.url}/file/{attached.attachment_id}")
    assert len(got.body()) == attached.size
    assert got.headers["content-type"] == "application/octet-stream"


def test_a_viewer_sees_all_and_can_press_nothing(page_as: PageAs, record: Record, serve: Serve) -> None:
    fill(record)
    page = page_as(Role.VIEWER)
    page.goto(f"{serve(record, None)}/case/{CASE}")
    ready(page)
    expect(page.locator("#case-head")).not_to_contain_text("Confirm fraud")
    page.keyboard.press("c")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_what_is_not_there_and_what_is_lost_are_said(page: Page, record: Record, serve: Serve) -> None:
    fill(record)
    address = serve(record, None)
    page.goto(f"{address}/case/C-999999")
    expect(page.get_by_text("No such case")).to_be_visible()
    page.goto(f"{address}/ring/unheard")
    expect(page.get_by_text("No such ring")).to_be_visible()
    page.goto(f"{address}/entity/account/unheard")
    expect(page.get_by_text("Not on record")).to_be_visible()
    page.goto(f"{address}/alert/ring-ring-device")
    assert page.url.endswith(CASE)
    with record.engine.begin() as connection:
        connection.execute(text("ALTER TABLE cases RENAME TO lost_cases"))
    page.goto(f"{address}/case/{CASE}")
    expect(page.get_by_text("This part cannot be shown now")).to_be_visible()


def test_a_member_of_a_ring_opens_by_a_click(page: Page, record: Record, serve: Serve) -> None:
    fill(record)
    page.goto(f"{serve(record, None)}/ring/ring-device")
    page.locator("#ring-members .ag-row", has_text="colluding merchant").first.click()
    page.wait_for_url("**/entity/merchant/grey-imports")


def test_a_ring_is_suppressed_with_an_end_and_a_reason(page: Page, record: Record, serve: Serve) -> None:
    fill(record)
    page.goto(f"{serve(record, None)}/ring/ring-device")
    expect(page.get_by_role("heading", name="Ring: Shared device")).to_be_visible()
    expect(page.locator("#ring-members")).to_contain_text("colluding merchant")
    # Not by its role alone: a table tells what is under the mouse in a dialog too.
    dialog = page.locator("[aria-modal=true]")
    page.keyboard.press("x")
    dialog.get_by_label("Why").fill("looked at")
    dialog.get_by_role("button", name="Decide").click()
    expect(page.locator("#ring-said")).to_contain_text("its case C-000001 is open")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    page.keyboard.press("s")
    dialog.get_by_label("Why").fill("a family")
    dialog.get_by_role("button", name="Decide").click()
    expect(page.locator("#ring-said")).to_contain_text("Noted")
    case = Cases(record).case_of(Subject.RING, "ring-device")
    assert case is not None
    assert case.state is CaseState.CLOSED
    (act,) = acts_after(record.engine, 0)
    assert (act.act.step, act.act.by, act.act.until is not None) == (RingStep.SUPPRESSED, "admin", True)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_barriers_that_axe_finds(page: Page, record: Record, serve: Serve, scheme: str) -> None:
    fill(record)
    address = serve(record, None)
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    for path in ("/ring/ring-device", f"/entity/account/{account('r0')}", f"/case/{CASE}"):
        page.goto(f"{address}{path}")
        wait_until(page, "cy.nodes().length > 3")
        # A table has its heads a moment after its head line.
        page.locator(".ag-header-cell").first.wait_for()
        wait_until_still(page)
        found = Axe().run(page, options={"resultTypes": ["violations"]})
        bad = [
            (one["id"], one["nodes"][0]["html"][:200])
            for one in found.response["violations"]
            if one["impact"] in ("serious", "critical")
        ]
        assert bad == [], path
    ready(page)
    page.keyboard.press("c")
    expect(page.get_by_role("dialog")).to_be_visible()
    wait_until_still(page)
    found = Axe().run(page, context="[role=dialog]")
    bad = [(one["id"], one["impact"]) for one in found.response["violations"] if one["impact"] != "moderate"]
    assert bad == []


def test_dark_and_narrow_work_too(page: Page, record: Record, serve: Serve) -> None:
    fill(record)
    address = serve(record, None)
    page.set_viewport_size({"width": 400, "height": 800})
    page.emulate_media(color_scheme="dark")
    for path in (f"/case/{CASE}", "/ring/ring-device", f"/entity/account/{account('r0')}"):
        page.goto(f"{address}{path}")
        wait_until(page, "cy.nodes().length > 3")
        assert page.evaluate("() => document.documentElement.scrollWidth") <= 400, path
