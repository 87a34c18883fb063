from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from fraud.errors import ServiceError
from fraud.services.jars import class_path
from fraud.services.java import java
from fraud.services.kafka import KafkaService
from fraud.services.neo4j import Neo4jService
from fraud.settings import ServicesSettings
from tests.postgres import PostgresServer, find_programs

UNDER_CI = os.environ.get("CI") == "true"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")

# Two busy cores make single examples slow for no fault of the code; CI must say the same of the same commit.
hypothesis.settings.register_profile("ringfence", deadline=None, derandomize=UNDER_CI, print_blob=True)
hypothesis.settings.load_profile("ringfence")


LONGEST = "test_kill_drill.py"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests come first: one begun last would keep one core busy alone.

    The longest begins, and beside it those that need no trained world: meanwhile the first makes it for both.
    """
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    trained = {item.path for item in items if "world" in getattr(item, "fixturenames", ())}
    items.sort(
        key=lambda item: (
            item.path.name != LONGEST,
            item.path not in slow,
            item.path in trained,
        )
    )


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


def find_chromium() -> Path | None:
    """The first browser of the family that is installed."""
    return next((Path(found) for name in BROWSERS if (found := shutil.which(name))), None)


@pytest.fixture(scope="session")
def chromium() -> Path:
    """An installed Chromium; without one the test is skipped, but fails under CI."""
    found = find_chromium()
    if found is not None:
        return found
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


def service_cache(service: str) -> Path:
    """Where the class path of a local service is; without Java or Maven Central the test is skipped, but fails
    under CI."""
    cache = ServicesSettings().cache
    try:
        java()
        class_path(service, cache)
    except ServiceError as error:
        if UNDER_CI:
            pytest.fail(str(error))
        pytest.skip(str(error))
    return cache


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaService]:
    """A real broker for this session: use topic and group names of your own, and leave it running."""
    cache = service_cache("kafka")
    with KafkaService(tmp_path_factory.mktemp("kafka"), cache=cache) as service:
        yield service
        service.kill()


@pytest.fixture(scope="session")
def neo4j(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Neo4jService]:
    """A real Neo4j for this session: empty it before use, and leave it running."""
    cache = service_cache("neo4j")
    with Neo4jService(tmp_path_factory.mktemp("neo4j"), cache=cache) as service:
        yield service
        service.kill()


@pytest.fixture
def own_kafka(tmp_path: Path) -> Iterator[KafkaService]:
    """A running broker that the test may kill and start again."""
    with KafkaService(tmp_path / "kafka", cache=service_cache("kafka")) as service:
        yield service
        service.kill()


@pytest.fixture
def own_neo4j(tmp_path: Path) -> Iterator[Neo4jService]:
    """A running Neo4j that the test may kill and start again."""
    with Neo4jService(tmp_path / "neo4j", cache=service_cache("neo4j")) as service:
        yield service
        service.kill()
