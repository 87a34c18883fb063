from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

SERVICES = Path(__file__).resolve().parents[1] / "services"
BASH = shutil.which("bash") or "/bin/bash"


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """The only folder of programs that the script finds: nothing that the tests need, no root, an apt-get that
    installs."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("tr", "chmod"):
        found = shutil.which(name)
        assert found
        (folder / name).symlink_to(found)
    pretend(folder, "id", "echo 1000")
    made = " ".join(f"{folder}/{name}" for name in ("chromium", "initdb", "mvn", "promtool"))
    java = """#!/bin/sh\necho 'openjdk version \\"17.0.15\\"' >&2\n"""
    pretend(
        folder,
        "apt-get",
        f'echo "$@" >> {tmp_path}/installed\n[ "$1" = install ] || exit 0\n'
        f'for file in {made}; do : > "$file"; done; printf "{java}" > {folder}/java\n'
        f"chmod +x {made} {folder}/java",
    )
    return folder


def pretend(folder: Path, name: str, body: str) -> None:
    file = folder / name
    file.write_text(f"#!{BASH}\n{body}\n")
    file.chmod(0o755)


def run(programs: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    nowhere = str(programs / "postgresql")
    return subprocess.run(
        [BASH, str(SERVICES)],
        env={"PATH": str(programs), "POSTGRES_INSTALLED": nowhere, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


ALL = "chromium postgresql default-jre-headless maven prometheus"


def test_root_on_debian_gets_everything_installed(programs: Path, tmp_path: Path) -> None:
    pretend(programs, "id", "echo 0")
    done = run(programs, CI="true")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "installed").read_text().splitlines()[-1].endswith(f" {ALL}")
    again = run(programs, CI="true")
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")


def test_only_what_is_missing_is_installed(programs: Path, tmp_path: Path) -> None:
    pretend(programs, "id", "echo 0")
    pretend(programs, "chromium", "")
    pretend(programs, "mvn", "")
    pretend(programs, "promtool", "")
    pretend(programs, "java", """echo 'openjdk version "11.0.2"' >&2""")
    assert run(programs).returncode == 0
    assert (tmp_path / "installed").read_text().splitlines()[-1].endswith(" postgresql default-jre-headless")


def test_others_are_told_the_command(programs: Path, tmp_path: Path) -> None:
    done = run(programs)
    assert done.returncode == 0
    assert f"sudo apt-get install {ALL}\n" in done.stderr
    assert not (tmp_path / "installed").exists()


def test_ci_does_not_go_on_without(programs: Path) -> None:
    done = run(programs, CI="true")
    assert done.returncode == 1
    assert f"CI needs what is missing: {ALL}\n" in done.stderr


def test_nothing_is_said_where_everything_is_there(programs: Path) -> None:
    for name in ("google-chrome", "mvn", "promtool"):
        pretend(programs, name, "")
    server = programs / "postgresql" / "15" / "bin"
    server.mkdir(parents=True)
    pretend(server, "initdb", "")
    pretend(programs, "java", """echo 'openjdk version "21.0.1"' >&2""")
    done = run(programs, CI="true")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
