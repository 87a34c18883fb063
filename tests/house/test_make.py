from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def make(*words: str, folder: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    # A make around this test run must not hand its own flags and variables down.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(
        ["make", "--no-print-directory", *words],
        cwd=folder,
        env={**inherited, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def bare_checkout(tmp_path: Path) -> Path:
    """A checkout without a virtual environment."""
    for name in ("Makefile", "requirements.txt", "requirements-dev.txt"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def test_help_tells_every_target() -> None:
    done = make()
    assert done.returncode == 0
    told = {line.split()[1] for line in done.stdout.splitlines()}
    phony = set(re.findall(r"^\.PHONY: (\S+)", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert told == phony
    assert {"demo", "test", "check", "bench", "clean", "stack-env"} <= told


@pytest.mark.parametrize(
    ("words", "flag"), [([], "--serve"), (["SERVE=0"], "--no-serve"), (["SERVE=1"], "--serve")]
)
def test_demo_serves_unless_told_not_to(bare_checkout: Path, words: list[str], flag: str) -> None:
    done = make("--dry-run", "demo", *words, folder=bare_checkout)
    assert done.stdout.splitlines()[-1] == f".venv/bin/python -m fraud demo {flag}"


def test_requirements_are_installed_again_only_when_they_change(bare_checkout: Path) -> None:
    python = bare_checkout / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\necho "$@" >> calls\n')
    python.chmod(0o755)
    calls = bare_checkout / "calls"
    for _ in range(2):
        assert make("setup", folder=bare_checkout).returncode == 0
    assert calls.read_text() == "-m pip install --requirement requirements.txt\n"
    later = (bare_checkout / ".venv" / ".ready-run").stat().st_mtime + 5
    os.utime(bare_checkout / "requirements.txt", (later, later))
    assert make("setup", folder=bare_checkout).returncode == 0
    assert calls.read_text().count("\n") == 2


def test_another_python_is_refused_in_one_line(bare_checkout: Path, tmp_path: Path) -> None:
    other = tmp_path / "python-other"
    other.write_text("#!/bin/sh\nexit 1\n")
    other.chmod(0o755)
    done = make("setup", f"PYTHON={other}", folder=bare_checkout)
    assert done.returncode == 2
    assert "is not Python 3.11" in done.stderr
    missing = make("setup", "PYTHON=python-nowhere", folder=bare_checkout)
    assert missing.returncode == 2
    assert "needs Python 3.11 as 'python-nowhere'" in missing.stderr
    assert not (bare_checkout / ".venv").exists()


def test_env_is_private_random_and_never_overwritten(bare_checkout: Path) -> None:
    assert make("stack-env", folder=bare_checkout).returncode == 0
    file = bare_checkout / ".env"
    secrets = dict(line.split("=") for line in file.read_text().splitlines())
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(set(secrets.values())) == 4
    assert all(re.fullmatch(r"[0-9a-f]{64}", value) for value in secrets.values())
    before = file.read_bytes()
    again = make("stack-env", folder=bare_checkout)
    assert again.returncode == 2
    assert "is there already" in again.stderr
    assert file.read_bytes() == before


def test_every_requirement_has_bounds_and_a_reason() -> None:
    for name in ("requirements.txt", "requirements-dev.txt"):
        for line in (ROOT / name).read_text().splitlines():
            if line and not line.startswith(("#", "-r")):
                requirement, _, reason = line.partition("#")
                assert ">=" in requirement or "==" in requirement, line
                assert len(reason.strip()) > 3, line


@pytest.mark.parametrize(("failing", "status"), [("", 0), ("check", 1), ("test", 1)])
def test_ci_runs_checks_and_tests_and_fails_with_either(tmp_path: Path, failing: str, status: int) -> None:
    script = tmp_path / "checkout" / ".ci" / "run"
    script.parent.mkdir(parents=True)
    shutil.copy(ROOT / ".ci" / "run", script)
    stand_in = tmp_path / "bin" / "make"
    stand_in.parent.mkdir()
    stand_in.write_text(f'#!/bin/sh\necho "$1 CI=$CI $PWD" >> {tmp_path}/calls\n[ "$1" != "{failing}" ]\n')
    stand_in.chmod(0o755)
    path = f"{stand_in.parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", str(script)], env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False
    )
    assert done.returncode == status
    folder = script.parents[1]
    assert (tmp_path / "calls").read_text() == f"check CI=true {folder}\ntest CI=true {folder}\n"
