from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from tests.postgres import PostgresServer, find_programs

UNDER_CI = os.environ.get("CI") == "true"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")

# Two busy cores make single examples slow for no fault of the code; CI must say the same of the same commit.
hypothesis.settings.register_profile("ringfence", deadline=None, derandomize=UNDER_CI, print_blob=True)
hypothesis.settings.load_profile("ringfence")


@pytest.fixture(scope="session", autouse=True)
def clean_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No setting of the person running the tests gets in, and nothing is written into their home folder."""
    with pytest.MonkeyPatch.context() as patch:
        for variable in list(os.environ):
            if variable.upper().startswith("RINGFENCE_") and variable != "RINGFENCE_KERNEL_CACHE":
                patch.delenv(variable)
        patch.setenv("RINGFENCE_HOME", str(tmp_path_factory.mktemp("home")))
        yield


@pytest.fixture(autouse=True)
def home_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Each test starts without the key, record and stores of another."""
    monkeypatch.setenv("RINGFENCE_HOME", str(tmp_path / "home"))


@pytest.fixture(scope="session")
def chromium() -> Path:
    """An installed Chromium; without one the test is skipped, but fails under CI."""
    for name in BROWSERS:
        found = shutil.which(name)
        if found:
            return Path(found)
    message = "no Chromium here: sudo apt-get install chromium"
    if UNDER_CI:
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server for this session; without the programs the test is skipped, but fails under CI."""
    programs = find_programs()
    if programs is None:
        message = "no PostgreSQL here: sudo apt-get install postgresql"
        if UNDER_CI:
            pytest.fail(message)
        pytest.skip(message)
    with PostgresServer(programs, durable=False) as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def record_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty record, on each engine in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/record.sqlite3"
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.new_database()
