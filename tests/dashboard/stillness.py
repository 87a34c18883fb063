"""Waits for a page to stand still: colours of what is fading in are nobody's colours."""

from __future__ import annotations

from playwright.sync_api import Page

STILL = """
() => [...document.querySelectorAll('[aria-modal=true]')].every((one) => getComputedStyle(one).opacity === '1')
  && document.getAnimations().every(
    (one) => one.playState !== 'running' || one.effect.getComputedTiming().iterations === Infinity
  )
"""


def wait_until_still(page: Page) -> None:
    """Until dialogues are opaque and nothing moves but what moves for ever."""
    page.wait_for_function(STILL)
