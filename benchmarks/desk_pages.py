"""The investigators' pages in a real Chromium, over 100,000 cases and a Neo4j of ten million relationships.

The server is ``python -m fraud dashboard`` in a process of its own; people sign in by the form. Times are taken in the
browser, from the beginning of the navigation or from the click. The case that is drawn is a ring of 620 members, one of
them the merchant that a tenth of all relationships end at.

Run: python -m benchmarks.desk_pages [--cases 100000] [--edges 10000000] [--home DIR]
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from benchmarks.desk_people import people_at_once
from benchmarks.desk_served import World, made_world, neo4j_of, serving
from benchmarks.results import machine, write_result, write_section
from fraud.progress import stage

__all__ = ["main"]

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run")
TURNS = 5
CATCH_UP_SECONDS = 7_200

WATCH_ROWS = """
window.painted = null;
const look = setInterval(() => {
  const cell = document.querySelector('#queue-grid .ag-center-cols-container .ag-row [col-id=severity]');
  if (cell && cell.textContent.trim()) { window.painted = performance.now(); clearInterval(look); }
}, 5);
"""
WATCH_FILTER = """
() => { const total = document.getElementById('queue-total'); const before = total.textContent;
  window.filtered = null;
  document.addEventListener('pointerdown', () => { window.began = performance.now(); }, {once: true, capture: true});
  const look = setInterval(() => { if (total.textContent !== before) {
    window.filtered = performance.now() - window.began; clearInterval(look); } }, 5); }
"""
WATCH_CANVAS = """
window.drawn = null; window.elements = 0;
const look = setInterval(() => {
  const holder = [...document.querySelectorAll('[id*=canvas], [id*=canvas] *')].find((e) => e._cyreg);
  const cy = holder && holder._cyreg.cy;
  if (cy && cy.elements().length >= 1900) {
    window.elements = cy.elements().length; clearInterval(look);
    requestAnimationFrame(() => requestAnimationFrame(() => { window.drawn = performance.now(); }));
  }
}, 10);
"""
SERVER_TIMES = """
() => performance.getEntriesByType('resource').filter((e) => /_dash-update-component|_canvas/.test(e.name))
  .map((e) => e.responseStart - e.requestStart)
"""


@dataclass(frozen=True)
class Bar:
    """A figure beside what the issue asks for."""

    name: str
    value: float
    wanted: float
    unit: str = "ms"

    @property
    def is_met(self) -> bool:
        return self.value <= self.wanted


def main() -> None:
    """Make the world, measure, write the section."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=100_000, help="Cases in the queue.")
    parser.add_argument(
        "--edges", type=int, default=10_000_000, help="Relationships in the graph store, about."
    )
    parser.add_argument("--home", type=Path, help="Keep the world here and use one that is there already.")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as aside:
        home = (chosen.home or Path(aside)).absolute()
        world = made_world(home, chosen.cases, chosen.edges)
        with neo4j_of(home) as service, serving(home, service) as address, stage("Measure in Chromium"):
            figures = _measure(address, world)
    _write(figures, world)


def _measure(address: str, world: World) -> dict[str, float]:
    figures: dict[str, float] = {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
        page.set_default_timeout(60_000)
        _sign_in(page, address, world.passwords["bench"])
        page.add_init_script(WATCH_ROWS)
        paints = [_first_paint(page, address) for _ in range(TURNS + 1)]
        # The very first visit compiles what the server and the browser have not seen yet.
        figures["first paint, first visit"] = paints[0]
        figures["first paint"] = statistics.median(paints[1:])
        figures |= _filters(page, address)
        figures |= _case_page(page, address, world.case_id)
        browser.close()
    return figures | people_at_once(address, world.passwords)


def _sign_in(page: Page, address: str, password: str) -> None:
    page.goto(f"{address}/sign-in")
    page.get_by_label("Name").fill("bench")
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{address}/")
    page.wait_for_load_state("networkidle")


def _first_paint(page: Page, address: str) -> float:
    page.goto(f"{address}/")
    page.wait_for_function("() => window.painted !== null")
    painted: float = page.evaluate("() => window.painted")
    page.wait_for_timeout(500)
    return painted


def _filters(page: Page, address: str) -> dict[str, float]:
    """From the click on a choice to the lines that meet it."""
    taken: dict[str, list[float]] = {"severity": [], "kind": []}
    for label, option in (
        ("Severity", "Critical"),
        ("Severity", "Medium"),
        ("Kind", "Fan in"),
        ("Kind", "Round trip"),
    ):
        for _ in range(3):
            _first_paint(page, address)
            page.get_by_role("textbox", name=label, exact=True).or_(
                page.get_by_label(label, exact=True)
            ).first.click()
            choice = page.get_by_role("option", name=re.compile(option)).first
            choice.wait_for()
            page.evaluate(WATCH_FILTER)
            choice.click()
            page.wait_for_function("() => window.filtered !== null")
            taken[label.lower()].append(page.evaluate("() => window.filtered"))
    texts = []
    for text in ("within an hour", "ring-a", "never paid"):
        _first_paint(page, address)
        page.evaluate(WATCH_FILTER.replace("'pointerdown'", "'input'"))
        page.get_by_label("Text", exact=True).fill(text)
        page.wait_for_function("() => window.filtered !== null")
        texts.append(page.evaluate("() => window.filtered") - DEBOUNCE)
    return {
        "filter by severity": statistics.median(taken["severity"]),
        "filter by kind": statistics.median(taken["kind"]),
        "filter by text": statistics.median(texts),
    }


DEBOUNCE = 250.0
"""The pause in typing that the field waits for; it is no part of the filter's time."""


def _case_page(page: Page, address: str, case_id: str) -> dict[str, float]:
    page.add_init_script(WATCH_CANVAS)
    drawn, servers = [], []
    for _ in range(TURNS + 1):
        page.goto(f"{address}/case/{case_id}")
        page.wait_for_function("() => window.drawn !== null")
        drawn.append(page.evaluate("() => window.drawn"))
        page.wait_for_load_state("networkidle")
        servers.append(max(page.evaluate(SERVER_TIMES)))
    return {
        "canvas elements": page.evaluate("() => window.elements"),
        # The very first visit has the graph store plan queries that it has not seen since it was started.
        "canvas, first visit": drawn[0],
        "canvas interactive": statistics.median(drawn[1:]),
        "case page, longest answer": statistics.median(servers[1:]),
    }


def _write(figures: dict[str, float], world: World) -> None:
    cases, edges = world.cases, world.edges
    bars = [
        Bar(f"queue of {cases:,} cases, first paint", figures["first paint"], 1_500),
        Bar("the same, filter by severity", figures["filter by severity"], 300),
        Bar("the same, filter by kind", figures["filter by kind"], 300),
        Bar("the same, filter by text (after the 250 ms pause)", figures["filter by text"], 300),
        Bar(
            f"canvas of {figures['canvas elements']:,.0f} elements, interactive",
            figures["canvas interactive"],
            2_000,
        ),
        Bar(f"case page, longest answer, {edges:,} relationships", figures["case page, longest answer"], 500),
        Bar("errors of 20 people at once", figures["errors of 20 people"], 0, ""),
    ]
    lines = [
        f"| {bar.name} | {bar.value:,.0f} {bar.unit} | ≤ {bar.wanted:,.0f} {bar.unit} "
        f"| {'met' if bar.is_met else 'missed'} |"
        for bar in bars
    ]
    text = "\n".join(
        (
            "## The desk's pages in Chromium",
            "",
            f"{datetime.now(UTC):%Y-%m-%d}. `python -m fraud dashboard`, Neo4j, SQLite and headless Chromium on one",
            f"machine; medians of {TURNS} visits with a warm browser cache. The very first visits, with nothing warm",
            f"anywhere, took {figures['first paint, first visit']:,.0f} ms (queue) and",
            f"{figures['canvas, first visit']:,.0f} ms (canvas).",
            f"Load of the last minute as it ended: {os.getloadavg()[0]:.1f}. Twenty sessions sent",
            f"{figures['requests of 20 people']:,.0f} requests: median {figures['median of 20 people']:,.0f} ms, 95th",
            f"percentile {figures['95th percentile of 20 people']:,.0f} ms.",
            f"{machine('dash', 'dash-ag-grid', 'dash-cytoscape', 'waitress', 'neo4j', 'playwright')}.",
            f"`python -m benchmarks.desk_pages --edges {world.asked_edges}`",
            "",
            "| | measured | wanted | |",
            "|---|---:|---:|---|",
            *lines,
        )
    )
    write_section("desk_pages", text)
    write_result("desk_pages", {"cases": cases, "edges": edges, "figures": figures})
    print(text)


if __name__ == "__main__":
    main()
