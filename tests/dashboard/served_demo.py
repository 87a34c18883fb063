"""The demonstration as a user starts it, served by its own dashboard: for the scripted shift and for screenshots."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
STOP_SECONDS = 60


@dataclass(frozen=True)
class ServedDemo:
    """Where a demonstration is served, and who may sign in."""

    process: subprocess.Popen[str]
    address: str
    name: str
    password: str
    folder: Path

    def end(self) -> int:
        """Ask it to end as after Ctrl-C, and give its exit status.

        By SIGTERM: what a shell starts in the background is deaf to SIGINT, and so is all that it starts.
        """
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_SECONDS)


@contextmanager
def served_demo(home: Path, *arguments: str) -> Iterator[ServedDemo]:
    """``python -m fraud demo`` with these arguments in a home of its own, until the block ends."""
    with subprocess.Popen(
        [sys.executable, "-m", "fraud", "demo", *arguments],
        cwd=ROOT,
        env={**os.environ, "RINGFENCE_HOME": str(home), "RINGFENCE_DASHBOARD__PORT": "0"},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            said = _until_served(process)
            who = re.search(r"Sign in as (\S+) with the password (\S+)", said)
            where = re.search(r"Dashboard: (\S+)", said)
            assert who is not None, said
            assert where is not None, said
            yield ServedDemo(process, where[1], who[1], who[2], home / "demo")
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(STOP_SECONDS)
                except subprocess.TimeoutExpired:
                    process.kill()


def _until_served(process: subprocess.Popen[str]) -> str:
    said = ""
    assert process.stdout is not None
    for line in process.stdout:
        said += line
        if line.startswith("Dashboard:"):
            return said
    raise AssertionError(f"the demo ended before it was served: {said}")
