"""Takes the screenshots of docs/images anew from a served demonstration: ``make screenshots``."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from tests.conftest import find_chromium
from tests.dashboard.canvas import wait_until
from tests.dashboard.conftest import ARGUMENTS
from tests.dashboard.served_demo import ROOT, ServedDemo, served_demo

FOLDER = ROOT / "docs" / "images"
COLOURS = 96
"""Of each picture: enough for flat pages, and a quarter of the bytes."""
SETTLE_MILLISECONDS = 2_000
READY = {
    "queue": "#queue-grid .ag-center-cols-container .ag-row",
    "queue-phone": "#queue-grid .ag-center-cols-container .ag-row",
    "trends": "#trends-places .main-svg",
    "model": "#model-outlook-table",
    "admin": "[role=tabpanel]",
    "search": "#search-results a",
}
"""What each page has once its parts are there."""


def main() -> None:
    """Every page in light; the case in dark, and the queue on a telephone."""
    FOLDER.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as home,
        served_demo(Path(home)) as demo,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=ARGUMENTS)
        page = _signed_in(browser, demo, 1280, 900, "light")
        case = _worst_ring(page, demo)
        _take(page, f"{demo.address}/", "queue")
        _take_case(page, case, "case")
        page.locator('a[href^="/ring/"]').first.click()
        page.wait_for_url("**/ring/*")
        _save(page, "ring")
        page.locator("#ring-members .ag-center-cols-container .ag-row", has_text="Account").first.click()
        page.wait_for_url("**/entity/account/*")
        wait_until(page, "cy.nodes().length > 2")
        _save(page, "entity")
        for name in ("trends", "model", "admin"):
            _take(page, f"{demo.address}/{name}", name)
        _take(page, f"{demo.address}/search?q=M1", "search")
        _take_case(_signed_in(browser, demo, 1280, 900, "dark"), case, "case-dark")
        _take(_signed_in(browser, demo, 400, 860, "light"), f"{demo.address}/", "queue-phone")
        browser.close()


def _signed_in(browser: Browser, demo: ServedDemo, width: int, height: int, scheme: str) -> Page:
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme="dark" if scheme == "dark" else "light"
    )
    page = context.new_page()
    page.goto(demo.address)
    page.get_by_label("Name").fill(demo.name)
    if scheme == "light" and width == 1280:
        _save(page, "sign-in")
    page.get_by_label("Password").fill(demo.password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_selector("#queue-grid .ag-row")
    return page


def _worst_ring(page: Page, demo: ServedDemo) -> str:
    """Address of the case that comes first among those of rings."""
    page.goto(f"{demo.address}/?q=ring-")
    page.wait_for_selector("#queue-grid .ag-row")
    page.wait_for_timeout(SETTLE_MILLISECONDS)
    page.locator("#queue-grid .ag-center-cols-container .ag-row").first.dblclick()
    page.wait_for_url("**/case/*")
    return page.url


def _take_case(page: Page, address: str, name: str) -> None:
    page.goto(address)
    wait_until(page, "cy.nodes().length > 2")
    _save(page, name)


def _take(page: Page, address: str, name: str) -> None:
    page.goto(address)
    page.locator(READY[name]).first.wait_for()
    _save(page, name)


def _save(page: Page, name: str) -> None:
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(SETTLE_MILLISECONDS)
    picture = Image.open(io.BytesIO(page.screenshot()))
    small = picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    small.save(FOLDER / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main()
