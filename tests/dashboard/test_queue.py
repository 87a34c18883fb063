"""The queue in a browser: filters that stay in its address, keys, many cases at once, news that takes nothing away."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
from playwright.sync_api import Locator, Page, expect
from sqlalchemy import text

from benchmarks.desk_world import add_cases
from fraud.access import Role
from fraud.alert import Severity
from fraud.audit_trail import entries
from fraud.case import CaseState, Disposition
from fraud.case_queue import CaseFilter
from fraud.cases import Cases
from fraud.decision import Reason
from fraud.record import Record
from graph.store import GraphStore
from tests.dashboard.people import person_of
from tests.dashboard.world import alert_of, fill, ring

pytestmark = pytest.mark.browser

# On a machine with much to do a page may take its time.
expect.set_options(timeout=20_000)

Serve = Callable[[Record, GraphStore | None], str]
PageAs = Callable[[Role | None], Page]


def rows(page: Page) -> Locator:
    return page.locator("#queue-grid .ag-center-cols-container .ag-row")


def boxes(page: Page) -> Locator:
    return page.locator("#queue-grid .ag-selection-checkbox input")


def open_queue(page: Page, address: str, query: str = "", *, lines: int = 3) -> None:
    page.goto(f"{address}/{query}")
    expect(rows(page)).to_have_count(lines)
    expect(rows(page).first).to_contain_text(re.compile("Critical|High|Medium|Low"))


def focused(page: Page) -> str | None:
    found: str | None = page.evaluate("() => (window.ringfenceFocusedRow() || {}).case_id || null")
    return found


def test_the_worst_is_first_and_says_all_that_matters(page: Page, record: Record, serve: Serve) -> None:
    fill(record)
    open_queue(page, serve(record, None))
    first = rows(page).nth(0)
    for words in (
        "◆ Critical",
        "○ Open",
        "94.0%",
        "29,939",
        "ring-device",
        "9",
        "Shared device",
        "0 min",
        "in 3 h",
    ):
        expect(first).to_contain_text(words)
    expect(rows(page).nth(2)).to_contain_text("Medium")
    expect(page.locator("#queue-counts")).to_contain_text("3 open")
    expect(page.locator("#queue-total")).to_have_text("3 cases")


def test_filters_stand_in_the_address_and_outlive_a_reload(page: Page, record: Record, serve: Serve) -> None:
    fill(record)
    open_queue(page, serve(record, None))
    page.get_by_label("Text").fill("round")
    expect(rows(page)).to_have_count(1)
    expect(rows(page).first).to_contain_text("ring-cycle")
    assert parse_qs(urlsplit(page.url).query) == {"q": ["round"]}
    page.reload()
    expect(rows(page)).to_have_count(1)
    expect(page.get_by_label("Text")).to_have_value("round")
    page.get_by_label("Text").fill("")
    expect(rows(page)).to_have_count(3)
    assert urlsplit(page.url).query == ""


@pytest.mark.parametrize(
    ("query", "lines"),
    [
        ("severity=critical,high", 2),
        ("kind=round_trip", 1),
        ("assignee=nobody", 3),
        ("score=93.5", 2),
        ("money=2000", 2),
        ("q=ring-", 2),
        ("state=nonsense&severity=nonsense&score=nonsense", 3),
    ],
)
def test_an_address_that_was_sent_on_shows_the_same(
    page: Page, record: Record, serve: Serve, query: str, lines: int
) -> None:
    fill(record)
    open_queue(page, serve(record, None), f"?{query}", lines=lines)


def test_an_address_without_a_match_says_so(page: Page, record: Record, serve: Serve) -> None:
    fill(record)
    page.goto(f"{serve(record, None)}/?due=overdue&q=nothing")
    expect(page.locator("#queue-empty")).to_contain_text("No case meets these filters")


def test_a_column_sorts_in_the_database_and_stays_sorted(page: Page, record: Record, serve: Serve) -> None:
    fill(record)
    open_queue(page, serve(record, None))
    page.get_by_role("columnheader", name="Size").click()
    page.get_by_role("columnheader", name="Size").click()
    expect(rows(page).first).to_contain_text("Medium")
    assert parse_qs(urlsplit(page.url).query) == {"by": ["size"], "way": ["asc"]}
    page.reload()
    expect(rows(page).first).to_contain_text("Medium")


def test_keys_move_take_and_open(page: Page, record: Record, serve: Serve) -> None:
    fill(record)
    cases = Cases(record)
    names = [one.case_id for one in cases.queue().rows]
    open_queue(page, serve(record, None))
    for key, name in (("j", names[0]), ("j", names[1]), ("j", names[2]), ("j", names[2]), ("k", names[1])):
        page.keyboard.press(key)
        assert focused(page) == name
    page.keyboard.press("a")
    expect(page.locator("#queue-message")).to_have_text("1 case taken.")
    expect(rows(page).nth(1)).to_contain_text("admin")
    taken = cases.case(names[1])
    assert taken is not None
    assert (taken.assignee, taken.state) == ("admin", CaseState.IN_PROGRESS)
    page.keyboard.press("k")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/case/{names[0]}")
    page.wait_for_load_state("networkidle")
    page.goto("about:blank")


def test_a_field_takes_letters_and_no_key_acts(page: Page, record: Record, serve: Serve) -> None:
    fill(record)
    open_queue(page, serve(record, None))
    page.get_by_label("Text").press_sequentially("ja")
    expect(page.locator("#queue-total")).to_have_text("0 cases")
    assert all(one.assignee is None for one in Cases(record).queue().rows)


def test_the_list_of_keys(page: Page, record: Record, serve: Serve) -> None:
    fill(record)
    open_queue(page, serve(record, None))
    page.keyboard.press("?")
    dialogue = page.locator("#keys-dialog")
    for words in ("Next row", "Row before", "Open the row", "Assign to me", "Dismiss as false positive"):
        expect(dialogue).to_contain_text(words)
    page.keyboard.press("j")
    page.keyboard.press("Escape")
    expect(dialogue).not_to_be_visible()
    assert focused(page) is None


def test_the_next_worst_is_one_that_nobody_has(page: Page, record: Record, serve: Serve) -> None:
    fill(record)
    cases = Cases(record)
    worst, second = cases.queue().rows[:2]
    cases.take(worst.case_id, person_of(record, Role.ANALYST), worst.version)
    open_queue(page, serve(record, None))
    page.keyboard.press("n")
    page.wait_for_url(f"**/case/{second.case_id}")
    page.wait_for_load_state("networkidle")
    page.goto("about:blank")


def test_many_are_dismissed_at_once_each_by_itself(page: Page, record: Record, serve: Serve) -> None:
    """The one that somebody else took meanwhile is told of, and the others are done."""
    fill(record)
    cases = Cases(record)
    names = [one.case_id for one in cases.queue().rows]
    open_queue(page, serve(record, None))
    boxes(page).nth(0).check()
    boxes(page).nth(1).check()
    page.keyboard.press("x")
    dialogue = page.get_by_role("dialog", name="Dismiss as false positive")
    expect(dialogue).to_contain_text("2 cases")
    cases.take(names[0], person_of(record, Role.ANALYST), 1)
    dialogue.get_by_label("Note").fill("The shop's own till")
    dialogue.get_by_role("button", name="Dismiss", exact=True).click()
    message = page.locator("#queue-message")
    expect(message).to_contain_text("1 case dismissed as false positive. Not done:")
    expect(message).to_contain_text("analyst")
    expect(rows(page)).to_have_count(2)
    dismissed = cases.case(names[1])
    assert dismissed is not None
    assert (dismissed.state, dismissed.disposition) == (CaseState.CLOSED, Disposition.FALSE_POSITIVE)
    assert any("The shop's own till" in event.text for event in cases.events(names[1]))


def test_many_are_snoozed_with_a_reason(page: Page, record: Record, serve: Serve) -> None:
    fill(record)
    open_queue(page, serve(record, None))
    boxes(page).nth(2).check()
    page.keyboard.press("z")
    dialogue = page.get_by_role("dialog", name="Snooze for a time")
    dialogue.get_by_role("button", name="Snooze", exact=True).click()
    expect(page.locator("#queue-message")).to_contain_text("reason")
    dialogue.get_by_label("Why").fill("Holder is called on Monday")
    dialogue.get_by_role("button", name="Snooze", exact=True).click()
    expect(rows(page)).to_have_count(2)
    page.goto(page.url + "?snoozed=only")
    expect(rows(page).first).to_contain_text("☾ Snoozed")


def test_news_comes_by_itself_and_takes_nothing_away(page: Page, record: Record, serve: Serve) -> None:
    """What was selected stays so, and rows that did not change are not drawn anew."""
    alerts = fill(record)
    open_queue(page, serve(record, None))
    boxes(page).nth(1).check()
    page.evaluate(
        "() => { document.querySelectorAll('#queue-grid .ag-row').forEach((row) => { row.dataset.old = 1; }); }"
    )
    grown = msgspec.structs.replace(alerts["ring-device"], version=2, money=64_000.0)
    record.write_batch([], [], alerts=[grown])
    expect(rows(page).nth(0)).to_contain_text("60,160")
    assert rows(page).nth(0).get_attribute("data-old") == "1"
    expect(boxes(page).nth(1)).to_be_checked()
    odd = ring("ring-new", "fan_in", ["r1"], [], None, range(400, 402))
    record.write_batch([], [], rings=[odd], alerts=[alert_of(odd, Severity.CRITICAL, (Reason("x", "New"),))])
    expect(rows(page)).to_have_count(4)
    selected = "() => dash_ag_grid.getApi('queue-grid').getSelectedRows().map((row) => row.subject)"
    assert page.evaluate(selected) == ["ring-cycle"]
    expect(page.locator("#queue-total")).to_have_text("4 cases")


def test_a_view_is_saved_found_again_and_removed(page: Page, record: Record, serve: Serve) -> None:
    fill(record)
    address = serve(record, None)
    open_queue(page, address, "?severity=critical", lines=1)
    page.locator("summary", has_text="Views").click()
    page.get_by_label("Name of the view").fill("The worst")
    page.get_by_role("button", name="Save these filters").click()
    expect(page.locator("#queue-view-message")).to_have_text("Saved as The worst.")
    open_queue(page, address)
    page.locator("summary", has_text="Views").click()
    page.get_by_role("link", name="The worst").click()
    expect(rows(page)).to_have_count(1)
    assert parse_qs(urlsplit(page.url).query) == {"severity": ["critical"]}
    page.locator("summary", has_text="Views").click()
    page.get_by_label("Remove the view The worst").click()
    expect(page.get_by_role("link", name="The worst")).to_have_count(0)


def test_the_file_holds_the_filtered_queue_and_no_formula(page: Page, record: Record, serve: Serve) -> None:
    fill(record)
    odd = ring("ring-odd", "fan_in", ["r1"], [], None, range(400, 402))
    evil = Reason("x", '=HYPERLINK("http://evil.example","look")')
    record.write_batch([], [], rings=[odd], alerts=[alert_of(odd, Severity.CRITICAL, (evil,))])
    open_queue(page, serve(record, None), "?severity=critical", lines=2)
    with page.expect_download() as download:
        page.get_by_label("The filtered queue as CSV").click()
    content = download.value.path().read_text(encoding="utf-8-sig")
    lines = list(csv.DictReader(io.StringIO(content)))
    assert {line["subject_id"] for line in lines} == {"ring-device", "ring-odd"}
    assert [line["top_reason"][:2] for line in lines if line["subject_id"] == "ring-odd"] == ["'="]
    told = [entry for entry in entries(record.engine) if entry.act == "export"]
    assert [entry.by for entry in told] == ["admin"]
    assert "critical" in told[0].detail


def test_a_viewer_sees_the_queue_and_can_do_nothing(page_as: PageAs, record: Record, serve: Serve) -> None:
    fill(record)
    page = page_as(Role.VIEWER)
    open_queue(page, serve(record, None))
    expect(page.get_by_role("button", name="Assign to me")).to_have_count(0)
    page.keyboard.press("j")
    page.keyboard.press("a")
    assert all(one.assignee is None for one in Cases(record).queue().rows)


def test_what_comes_from_outside_is_text(page: Page, record: Record, serve: Serve) -> None:
    evil = "<img src=x onerror=\"document.title='taken'\">"
    odd = ring(evil, evil, ["r1"], [], evil, range(400, 402))
    record.write_batch([], [], rings=[odd], alerts=[alert_of(odd, Severity.LOW, (Reason("x", evil),))])
    open_queue(page, serve(record, None), lines=1)
    page.goto(page.url + "?q=%3Cimg+src%3Dx+onerror%3D1%3E' OR 1=1 --&kind=%3Cscript%3E")
    expect(page.locator("#queue-empty")).to_be_visible()
    assert page.title() == "Queue – Ringfence"


def test_an_empty_record_says_so(page: Page, record: Record, serve: Serve) -> None:
    page.goto(serve(record, None))
    expect(page.locator("#queue-empty")).to_contain_text("No cases yet")
    expect(page.locator("#queue-empty")).to_contain_text("make demo")


def test_a_record_that_is_lost_gives_a_message(page: Page, record: Record, serve: Serve) -> None:
    address = serve(record, None)
    with record.engine.begin() as connection:
        connection.execute(text("DROP TABLE cases"))
    page.goto(address)
    expect(page.get_by_text("This part cannot be shown now")).to_be_visible()


def test_narrow_and_dark(page: Page, record: Record, serve: Serve) -> None:
    fill(record)
    page.set_viewport_size({"width": 400, "height": 800})
    page.emulate_media(color_scheme="dark")
    open_queue(page, serve(record, None))
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 400
    assert (
        page.evaluate(
            "() => { const nav = document.querySelector('nav'); return nav.scrollWidth - nav.clientWidth; }"
        )
        == 0
    )
    assert page.evaluate("() => document.body.dataset.agThemeMode") == "dark"


def test_the_page_of_a_great_queue_is_fetched_as_it_is_scrolled(
    page: Page, record: Record, serve: Serve
) -> None:
    add_cases(record, 1_000, now=datetime.now(UTC))
    total = Cases(record).queue(CaseFilter()).total
    page.goto(serve(record, None))
    expect(page.locator("#queue-total")).to_have_text(f"{total:,} cases")
    expect(rows(page).first).to_contain_text("Critical")
    page.evaluate("() => dash_ag_grid.getApi('queue-grid').ensureIndexVisible(600)")
    line = page.locator("#queue-grid .ag-center-cols-container .ag-row[row-index='600']")
    expect(line).to_contain_text(re.compile("Medium|Low|High|Critical"))
