"""A browser's long name for itself, in a few words."""

from __future__ import annotations

import re

__all__ = ["browser_words"]

BROWSERS = (
    ("Edge", r"Edg(?:e|A|iOS)?/(\d+)"),
    ("Opera", r"OPR/(\d+)"),
    ("Firefox", r"(?:Firefox|FxiOS)/(\d+)"),
    ("Chrome", r"(?:Headless)?(?:Chrome|CriOS)/(\d+)"),
    ("Safari", r"Version/(\d+)\S* (?:Mobile/\S+ )?Safari/"),
)
"""Names and how each says its version; those that also claim to be another come before it."""

SYSTEMS = (
    ("Android", "Android"),
    ("iOS", "iPhone|iPad"),
    ("Windows", "Windows"),
    ("macOS", "Macintosh"),
    ("Linux", "Linux"),
)
LONGEST = 40


def browser_words(agent: str) -> str:
    """Browser, version and system of a User-Agent header, as ``Chrome 131, Linux``; the beginning of one unheard of."""
    system = next((name for name, pattern in SYSTEMS if re.search(pattern, agent)), None)
    for name, pattern in BROWSERS:
        if found := re.search(pattern, agent):
            return f"{name} {found[1]}" + (f", {system}" if system else "")
    return agent[:LONGEST] or "unknown"
