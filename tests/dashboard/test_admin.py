from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from dash import Dash
from playwright.sync_api import Page, expect
from sqlalchemy import text, update

from dashboard.admin_health import health_of_parts
from dashboard.desk import Desk
from dashboard.guard import Guard
from fraud import audit_trail
from fraud.access import SYSTEM, Role
from fraud.database import writing
from fraud.errors import Forbidden, InputError
from fraud.record import Record
from fraud.record_acts import add_act
from fraud.record_tables import rings
from fraud.ring import RingStep
from fraud.ring_act import RingAct
from fraud.sessions import Sessions
from fraud.suppressions import lift, suppressions
from fraud.users import Users
from graph.store import GraphStore
from tests.dashboard.people import person_of
from tests.dashboard.world import account, fill

Serve = Callable[[Record, GraphStore | None], str]
LATER = datetime.now(UTC) + timedelta(days=30)


def acts(record: Record) -> list[tuple[str, str, str]]:
    return [(entry.by, entry.act, entry.subject) for entry in audit_trail.walk(record.engine)]


@pytest.mark.browser
def test_an_admin_adds_somebody_who_then_signs_in(
    page_as: Callable[[Role | None], Page], record: Record, serve: Serve
) -> None:
    address = serve(record, None)
    page = page_as(Role.ADMIN)
    page.goto(f"{address}/admin")
    page.get_by_label("Name", exact=True).fill("Grace")
    page.get_by_label("Name to show").fill("Grace Hopper")
    page.get_by_role("button", name="Add person").click()
    password = page.locator("#admin-password").inner_text()
    expect(page.locator("#admin-people")).to_contain_text("Grace Hopper")

    other = page_as(None)
    other.goto(f"{address}/admin?tab=audit")
    expect(other).to_have_url(f"{address}/sign-in?next=%2Fadmin%3Ftab%3Daudit")
    other.get_by_label("Name").fill("grace")
    other.get_by_label("Password").fill(password)
    other.get_by_role("button", name="Sign in").click()
    expect(other.get_by_role("heading", name="Your password")).to_be_visible()
    other.get_by_label("Present password").fill(password)
    other.get_by_label("New password", exact=True).fill("nanoseconds of wire")
    other.get_by_label("New password again").fill("nanoseconds of wire")
    other.get_by_role("button", name="Change password").click()
    expect(other.locator("#person-menu summary")).to_have_text("Grace Hopper")

    page.locator("#admin-person").click()
    page.get_by_role("option", name="grace").click()
    page.get_by_role("button", name="Disable").click()
    expect(page.locator("#admin-people-said")).to_contain_text("grace is disabled")
    expect(page.locator("#admin-sessions")).not_to_contain_text("grace")
    assert Sessions(record.engine).live("grace") == []
    assert ("admin", "person.add", "person grace") in acts(record)
    assert ("admin", "person.disable", "person grace") in acts(record)


@pytest.mark.browser
def test_signing_out_by_the_menu_and_by_losing_the_session(
    page_as: Callable[[Role | None], Page], record: Record, serve: Serve
) -> None:
    address = serve(record, None)
    page = page_as(Role.VIEWER)
    page.goto(address)
    page.locator("#person-menu summary").click()
    expect(page.locator("#person-menu")).to_contain_text("viewer, viewer")
    expect(page.locator("#person-menu")).not_to_contain_text("Administration")
    page.locator("#sign-out").click()
    expect(page).to_have_url(f"{address}/sign-in")
    assert Sessions(record.engine).live() == []
    page.go_back()
    expect(page).to_have_url(f"{address}/sign-in?next=%2F" if "next" in page.url else f"{address}/sign-in")


@pytest.mark.browser
def test_a_supervisor_sees_their_tabs_only(
    page_as: Callable[[Role | None], Page], record: Record, serve: Serve
) -> None:
    fill(record)
    page = page_as(Role.SUPERVISOR)
    page.goto(f"{serve(record, None)}/admin?tab=people")
    expect(page.get_by_role("tab")).to_have_text(["Suppressions", "Health", "Audit trail"])
    page.get_by_role("tab", name="Health").click()
    expect(page.locator("#admin-health")).to_contain_text("Decided up to")
    expect(page.locator("#admin-health")).to_contain_text("○ off")
    page.get_by_role("tab", name="Audit trail").click()
    expect(page.locator("#admin-audit")).to_contain_text("person.add")
    page.get_by_role("button", name="Verify the chain").click()
    expect(page.locator("#admin-verified")).to_contain_text("The chain holds")


@pytest.mark.browser
def test_a_viewer_is_told_that_this_is_not_for_them(
    page_as: Callable[[Role | None], Page], record: Record, serve: Serve
) -> None:
    page = page_as(Role.VIEWER)
    page.goto(f"{serve(record, None)}/admin")
    expect(page.get_by_text("Not for your role")).to_be_visible()


@pytest.mark.browser
def test_a_test_message_really_leaves(page: Page, record: Record, serve: Serve) -> None:
    page.goto(f"{serve(record, None)}/admin?tab=channels")
    expect(page.locator("#admin-channels")).to_contain_text("folder")
    page.get_by_role("button", name="Send a test message by folder").click()
    expect(page.locator("#admin-channel-said")).to_contain_text("folder took 1 test message")
    assert ("admin", "test_channel", "channel folder") in acts(record)


@pytest.mark.browser
def test_a_suppression_is_lifted_with_a_reason(page: Page, record: Record, serve: Serve) -> None:
    fill(record)
    add_act(
        record.engine,
        RingAct("ring-cycle", RingStep.SUPPRESSED, "supervisor", "payroll of a temp firm", LATER),
    )
    page.goto(f"{serve(record, None)}/admin?tab=suppressions")
    expect(page.locator("#admin-suppressions")).to_contain_text("payroll of a temp firm")
    page.get_by_role("button", name="Lift the suppression of ring-cycle").click()
    expect(page.locator("#admin-lift-said")).to_contain_text("reason: must be a line")
    page.get_by_label("Why a suppression is lifted").fill("contract ended")
    page.get_by_role("button", name="Lift the suppression of ring-cycle").click()
    expect(page.locator("#admin-lift-said")).to_contain_text("raises alerts again")
    expect(page.locator("#admin-suppressions")).to_contain_text("No suppressions")
    assert ("admin", "lift_suppression", "ring ring-cycle") in acts(record)


def test_suppressions_tell_what_is_in_force_and_what_is_to_come(record: Record) -> None:
    fill(record)
    supervisor = person_of(record, Role.SUPERVISOR)
    assert suppressions(record.engine) == []
    with pytest.raises(InputError, match="not suppressed"):
        lift(record.engine, "ring-cycle", "why not", supervisor)
    add_act(record.engine, RingAct("ring-cycle", RingStep.SUPPRESSED, "sue", "known payroll", LATER))
    (one,) = suppressions(record.engine)
    assert (one.ring_id, one.owner, one.until, one.in_force) == ("ring-cycle", "sue", LATER, False)
    with record.engine.connect() as connection, writing(connection):
        taken_in = {"status": "suppressed", "decided_by": "sue", "suppressed_until": LATER}
        connection.execute(update(rings).where(rings.c.ring_id == "ring-cycle").values(taken_in))
    assert suppressions(record.engine)[0].in_force
    with pytest.raises(Forbidden):
        lift(record.engine, "ring-cycle", "why not", person_of(record, Role.ANALYST))
    lift(record.engine, "ring-cycle", "contract ended", supervisor)
    (one,) = suppressions(record.engine)
    assert not one.in_force, "the ring desk has not taken the lifting in"
    with record.engine.connect() as connection, writing(connection):
        connection.execute(update(rings).where(rings.c.ring_id == "ring-cycle").values(status="open"))
    assert suppressions(record.engine) == []


@pytest.mark.browser
def test_an_altered_entry_is_found(page: Page, record: Record, serve: Serve) -> None:
    Users(record.engine).add("eve", Role.VIEWER, by=SYSTEM)
    with record.engine.connect() as connection, writing(connection):
        for (name,) in connection.execute(
            text("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        ).all():
            connection.execute(text(f"DROP TRIGGER {name}"))
        connection.execute(text("UPDATE audit_trail SET \"by\" = 'nobody' WHERE subject = 'person eve'"))
    page.goto(f"{serve(record, None)}/admin?tab=audit")
    page.get_by_role("button", name="Verify the chain").click()
    expect(page.locator("#admin-verified")).to_contain_text("The chain is broken")


@pytest.mark.browser
def test_a_session_ended_from_here_is_at_the_sign_in_page(
    page_as: Callable[[Role | None], Page], record: Record, serve: Serve
) -> None:
    address = serve(record, None)
    page, other = page_as(Role.ADMIN), page_as(Role.ANALYST)
    other.goto(f"{address}/search")
    expect(other.locator("#search-text")).to_be_visible()
    page.goto(f"{address}/admin")
    page.get_by_role("button", name="End the session of analyst").click()
    expect(page.locator("#admin-sessions-said")).to_contain_text("The session of analyst has ended")
    other.evaluate("() => void fetch('/_dash-layout')")
    expect(other).to_have_url(f"{address}/sign-in?next=%2Fsearch")


def test_health_says_what_is_late(record: Record) -> None:
    desk = Desk(record, None, "USD", Guard(Dash("health"), lambda: None))
    assert {one.part: one.state for one in health_of_parts(desk, LATER)}["Stream"] == "off"
    fill(record)
    states = {one.part: one.state for one in health_of_parts(desk, LATER)}
    assert states["Stream"] == "in order"
    assert states["Graph store"] == "off"
    with GraphStore.connect("bolt://127.0.0.1:1", "u", "p", "d", patience=0.1) as down:
        desk = Desk(record, down, "USD", Guard(Dash("health"), lambda: None))
        assert {one.part: one.state for one in health_of_parts(desk, LATER)}["Graph store"] == "down"


@pytest.mark.browser
def test_who_may_sees_that_the_house_keeps_no_values_and_it_is_audited(
    page_as: Callable[[Role | None], Page], record: Record, serve: Serve
) -> None:
    fill(record)
    address = f"{serve(record, None)}/entity/account/{account('r0')}"
    viewer = page_as(Role.VIEWER)
    viewer.goto(address)
    expect(viewer.get_by_role("heading", name="Account")).to_be_visible()
    expect(viewer.locator("#reveal")).to_have_count(0)
    page = page_as(Role.SUPERVISOR)
    page.goto(address)
    page.get_by_role("button", name="Reveal").click()
    expect(page.locator("#revealed")).to_contain_text("reason: say in a line")
    page.get_by_label("Why you need to know who this is").fill("police file 17")
    page.get_by_role("button", name="Reveal").click()
    expect(page.locator("#revealed")).to_contain_text("No personal values are kept here")
    assert ("supervisor", "reveal", f"token {account('r0')}") in acts(record)
