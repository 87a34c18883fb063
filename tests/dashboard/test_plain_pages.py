"""Sign-in, password and administration: no barriers, light and dark, wide and narrow."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from fraud.access import SYSTEM, Role
from fraud.record import Record
from fraud.record_acts import add_act
from fraud.ring import RingStep
from fraud.ring_act import RingAct
from fraud.users import Users
from graph.store import GraphStore
from tests.dashboard.world import fill

pytestmark = pytest.mark.browser

Serve = Callable[[Record, GraphStore | None], str]
WCAG = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}


def barriers(page: Page) -> list[str]:
    found = Axe().run(page, options=WCAG).response["violations"]
    return [f"{one['id']}: {[node['target'] for node in one['nodes']]}" for one in found]


def fits(page: Page) -> bool:
    return bool(page.evaluate("() => document.documentElement.scrollWidth <= window.innerWidth"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_sign_in_and_password_have_no_barriers(
    page_as: Callable[[Role | None], Page], record: Record, serve: Serve, scheme: Literal["light", "dark"]
) -> None:
    password = Users(record.engine).add("ada", Role.ADMIN, by=SYSTEM)[1]
    page = page_as(None)
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": 400, "height": 800})
    page.goto(f"{serve(record, None)}/search?q=x")
    expect(page.get_by_label("Name")).to_be_focused()
    page.keyboard.type("ada")
    page.keyboard.press("Tab")
    page.keyboard.type("wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("Name or password is wrong")
    expect(page.get_by_label("Password")).to_be_focused()
    assert barriers(page) == []
    assert fits(page)
    page.keyboard.type(password)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Your password")).to_be_visible()
    assert barriers(page) == []
    assert fits(page)


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_administration_has_no_barriers(
    page: Page, record: Record, serve: Serve, scheme: Literal["light", "dark"]
) -> None:
    fill(record)
    until = datetime.now(UTC) + timedelta(days=30)
    add_act(record.engine, RingAct("ring-cycle", RingStep.SUPPRESSED, "supervisor", "known payroll", until))
    page.emulate_media(color_scheme=scheme)
    page.goto(f"{serve(record, None)}/admin")
    for tab, shown in (
        ("People", "#admin-sessions table"),
        ("Channels", "#admin-channels table"),
        ("Suppressions", "#admin-suppressions table"),
        ("Health", "#admin-health table"),
        ("Audit trail", "#admin-audit table"),
    ):
        page.get_by_role("tab", name=tab).click()
        expect(page.locator(shown)).to_be_visible()
        page.set_viewport_size({"width": 1280, "height": 900})
        assert barriers(page) == [], tab
        page.set_viewport_size({"width": 400, "height": 800})
        assert barriers(page) == [], tab
        assert fits(page), tab
    page.locator("#person-menu summary").click()
    expect(page.locator(".person-card")).to_be_visible()
    assert barriers(page) == []
    assert fits(page)


@pytest.mark.refused
def test_a_role_that_was_lowered_meanwhile_is_told(
    page_as: Callable[[Role | None], Page], record: Record, serve: Serve
) -> None:
    page = page_as(Role.SUPERVISOR)
    page.goto(f"{serve(record, None)}/admin?tab=audit")
    expect(page.locator("#admin-audit table")).to_be_visible()
    Users(record.engine).set_role("supervisor", Role.VIEWER, by=SYSTEM)
    page.get_by_role("button", name="Verify the chain").click()
    expect(page.get_by_role("alert").last).to_contain_text("Your role, viewer, does not permit this")
    expect(page.locator("#admin-verified")).to_be_empty()
