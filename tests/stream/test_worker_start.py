"""A worker is up soon: it loads what it serves with, not what models are trained with."""

from __future__ import annotations

import subprocess
import sys

import pytest

TRAINING = ("torch", "torch_geometric", "networkx")


@pytest.mark.parametrize("module", ["stream.app", "stream.api", "stream.record_process"])
def test_what_serves_loads_nothing_that_trains(module: str) -> None:
    program = f"import sys, {module}; print(*sorted(set({TRAINING!r}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
