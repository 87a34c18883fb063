from __future__ import annotations

import subprocess
import sys
import time

HANGS = """
import logging, sys, threading
from stream.goodbye import leave_within
logging.basicConfig()
leave_within({seconds})
{rest}
"""


def run(seconds: float, rest: str) -> tuple[int, str, float]:
    """Status, what it wrote to its log, and how long it took, of a process that was told to leave."""
    began = time.monotonic()
    program = [sys.executable, "-c", HANGS.format(seconds=seconds, rest=rest)]
    ended = subprocess.run(program, capture_output=True, text=True, timeout=60, check=False)
    return ended.returncode, ended.stderr, time.monotonic() - began


def test_a_process_whose_threads_hang_ends_and_says_so() -> None:
    status, said, _ = run(0.5, "threading.Thread(target=threading.Event().wait).start()")
    assert status == 0
    assert "drained, but Kafka's client does not end within 0.5 s" in said


def test_a_process_that_ends_by_itself_is_not_held_up() -> None:
    status, said, took = run(50.0, "sys.exit(3)")
    assert (status, said) == (3, "")
    assert took < 40.0
