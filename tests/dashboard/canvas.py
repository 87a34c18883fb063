"""The canvas as a test drives it."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page

CY = """
(() => {
  const found = [...document.querySelectorAll('#canvas, #canvas *')].find((e) => e._cyreg);
  return found ? found._cyreg.cy : null;
})()
"""


def ask(page: Page, expression: str) -> Any:
    """What an expression over ``cy`` gives in the page."""
    return page.evaluate(f"() => {{ const cy = {CY}; return {expression}; }}")


def wait_until(page: Page, condition: str) -> None:
    """Wait until a condition over ``cy`` holds."""
    page.wait_for_function(f"() => {{ const cy = {CY}; return cy && ({condition}); }}")


def wait_for_nodes(page: Page, number: int) -> None:
    """Wait until so many nodes are drawn."""
    wait_until(page, f"cy.nodes().length === {number}")


def choose(page: Page, selector: str) -> None:
    """Choose the first node of a selector."""
    ask(page, f"(cy.nodes().unselect(), cy.nodes({selector!r})[0].select(), 0)")


def tap_twice(page: Page, selector: str) -> None:
    """Double-click the first node of a selector, with the mouse."""
    box = page.locator("#canvas").bounding_box()
    place = ask(page, f"cy.nodes({selector!r})[0].renderedPosition()")
    assert box is not None
    page.mouse.dblclick(box["x"] + place["x"], box["y"] + place["y"])
