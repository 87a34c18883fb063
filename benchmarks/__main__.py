"""Runs benchmarks one after the other, each in a process of its own, so that none warms the next one's caches."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from fraud.errors import InputError, RingfenceError
from fraud.exits import exit_status
from fraud.progress import stage

__all__ = ["main", "runnable"]

FOLDER = Path(__file__).resolve().parent


def runnable() -> list[str]:
    """Every module of this folder that can be run by itself and writes a section.

    Others that can be run are a part of one, such as its peer, or make what models rest on.
    """
    texts = {file.stem: file.read_text() for file in FOLDER.glob("[a-z]*.py")}
    return sorted(
        name for name, text in texts.items() if "\nif __name__ ==" in text and "write_section(" in text
    )


def main(names: list[str]) -> None:
    """Runs the named benchmarks, all of them without a name; goes on after one that fails and tells at the end."""
    known = runnable()
    unknown = set(names) - set(known)
    if unknown:
        raise InputError(f"no such benchmark: {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    failed = []
    for name in names or known:
        with stage(f"Benchmark {name}"):
            done = subprocess.run(
                [sys.executable, "-m", f"benchmarks.{name}"], cwd=FOLDER.parent, check=False
            )
        if done.returncode:
            failed.append(name)
    if failed:
        raise RingfenceError(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    sys.exit(exit_status(lambda: main(sys.argv[1:])))
