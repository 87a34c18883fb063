"""RESULTS.md: each benchmark replaces its own section and leaves the others as they are."""

from __future__ import annotations

import json
import os
import platform
import re
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from fraud.write_aside import write_aside

__all__ = ["RESULTS", "machine", "write_result", "write_section"]

RESULTS = Path(__file__).resolve().parent / "RESULTS.md"
HEADING = "# Results\n\nWritten by `make bench`; each section says what it was measured on and how to run it alone.\n"


def write_section(name: str, text: str, path: Path = RESULTS) -> None:
    """Puts Markdown ``text`` (from ``##`` on) in place of section ``name``, at the end if it is new."""
    begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
    section = f"{begin}\n{text.strip()}\n{end}"
    before = path.read_text() if path.exists() else HEADING
    pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
    after, replaced = pattern.subn(lambda _: section, before)
    if not replaced:
        after = f"{before.rstrip()}\n\n{section}\n"
    with write_aside(path) as aside:
        aside.write_text(after)


def write_result(name: str, result: dict[str, Any], folder: Path = RESULTS.parent / "results") -> None:
    """Keeps every figure behind a section as JSON, dated, in ``folder``/``name``.json."""
    folder.mkdir(exist_ok=True)
    dated = {"benchmark": name, "measured": datetime.now(UTC).isoformat(timespec="seconds"), **result}
    with write_aside(folder / f"{name}.json") as aside:
        aside.write_text(json.dumps(dated, indent=1) + "\n")


def machine(*packages: str) -> str:
    """One line on where the figures come from: processor, cores this process may use, versions of ``packages``."""
    model = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    processor = model[1] if model else platform.machine()
    cores = len(os.sched_getaffinity(0))
    versions = ", ".join(f"{package} {version(package)}" for package in packages)
    return f"{processor}, {cores} core{'s' if cores != 1 else ''}, Python {platform.python_version()}, {versions}"
