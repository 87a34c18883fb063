from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

SERVICES = Path(__file__).resolve().parents[1] / "services"
BASH = shutil.which("bash") or "/bin/bash"


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """The only folder of programs that the script finds: no browser, no root, no Java, an apt-get that installs."""
    folder = tmp_path / "bin"
    folder.mkdir()
    grep = shutil.which("grep")
    assert grep
    (folder / "grep").symlink_to(grep)
    pretend(folder, "id", "echo 1000")
    pretend(
        folder,
        "apt-get",
        f'echo "$@" >> {tmp_path}/installed; : > {folder}/chromium; {chmod()} +x {folder}/chromium',
    )
    return folder


def chmod() -> str:
    found = shutil.which("chmod")
    assert found
    return found


def pretend(folder: Path, name: str, body: str) -> None:
    file = folder / name
    file.write_text(f"#!{BASH}\n{body}\n")
    file.chmod(0o755)


def run(programs: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [BASH, str(SERVICES)],
        env={"PATH": str(programs), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_root_on_debian_gets_chromium_installed(programs: Path, tmp_path: Path) -> None:
    pretend(programs, "id", "echo 0")
    assert run(programs, CI="true").returncode == 0
    assert (tmp_path / "installed").read_text().splitlines()[-1].endswith(" chromium")


def test_others_are_told_the_command(programs: Path, tmp_path: Path) -> None:
    done = run(programs)
    assert done.returncode == 0
    assert "sudo apt-get install chromium" in done.stderr
    assert not (tmp_path / "installed").exists()


def test_ci_does_not_go_on_without_chromium(programs: Path) -> None:
    done = run(programs, CI="true")
    assert done.returncode == 1
    assert "CI needs Chromium" in done.stderr


def test_nothing_is_said_where_everything_is_there(programs: Path) -> None:
    pretend(programs, "chromium", "")
    pretend(programs, "java", """echo 'openjdk version "17.0.15"' >&2""")
    done = run(programs, CI="true")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
