from __future__ import annotations

import asyncio
import os
import re
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from neo4j import Driver, GraphDatabase
from neo4j.exceptions import AuthError

from fraud.errors import ServiceError
from fraud.processes import Watch, end, free_port, is_listening, is_running, launch
from fraud.services.jars import class_path
from fraud.services.java import java
from fraud.services.kafka import MESSAGE_BYTES, KafkaService
from fraud.services.neo4j import Neo4jService
from tests.conftest import service_cache

ROOT = Path(__file__).resolve().parents[2]


async def make_topic(address: str, topic: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=address)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, 1, 1)])
    finally:
        await admin.close()


async def produce(address: str, topic: str, values: list[bytes]) -> None:
    producer = AIOKafkaProducer(
        bootstrap_servers=address, max_request_size=MESSAGE_BYTES, acks="all", enable_idempotence=True
    )
    await producer.start()
    try:
        for value in values:
            await producer.send_and_wait(topic, value)
    finally:
        await producer.stop()


async def consume(address: str, topic: str, count: int, group: str | None = None) -> list[bytes | None]:
    consumer = AIOKafkaConsumer(
        topic,
        bootstrap_servers=address,
        group_id=group,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    await consumer.start()
    try:
        values = [(await asyncio.wait_for(consumer.getone(), 20)).value for _ in range(count)]
        if group:
            await consumer.commit()
        return values
    finally:
        await consumer.stop()


def driver_of(service: Neo4jService, password: str | None = None) -> Driver:
    return GraphDatabase.driver(service.address, auth=(service.user, password or service.password))


def services(home: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "fraud", "services", *words],
        cwd=ROOT,
        env={**os.environ, "RINGFENCE_HOME": str(home), **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )


def wait_until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.1)


def test_the_broker_takes_large_messages_and_serves_groups(kafka: KafkaService) -> None:
    large = os.urandom(MESSAGE_BYTES - 10_000)
    asyncio.run(make_topic(kafka.address, "large"))
    asyncio.run(produce(kafka.address, "large", [b"small", large]))
    assert asyncio.run(consume(kafka.address, "large", 2, group="large")) == [b"small", large]


def test_a_started_service_answers_also_inside_an_event_loop(kafka: KafkaService) -> None:
    async def ask() -> bool:
        return kafka.answers()

    assert asyncio.run(ask())


def test_records_and_offsets_outlive_kill_9_of_kafka(own_kafka: KafkaService) -> None:
    address, first = own_kafka.address, own_kafka.pid
    values = [b"%d" % n for n in range(50)]
    asyncio.run(make_topic(address, "kept"))
    asyncio.run(produce(address, "kept", values))
    assert asyncio.run(consume(address, "kept", 30, group="half")) == values[:30]
    own_kafka.kill()
    assert own_kafka.pid is None
    assert not own_kafka.answers()
    own_kafka.restart()
    assert own_kafka.address == address
    assert own_kafka.pid not in (None, first)
    assert asyncio.run(consume(address, "kept", 20, group="half")) == values[30:]


@pytest.mark.slow
def test_nodes_outlive_kill_9_of_neo4j(own_neo4j: Neo4jService) -> None:
    address = own_neo4j.address
    with driver_of(own_neo4j) as driver:
        driver.execute_query("UNWIND range(1, 100) AS n CREATE (:Account {id: n})")
        own_neo4j.kill()
        assert own_neo4j.pid is None
        own_neo4j.restart()
        assert own_neo4j.address == address
        assert driver.execute_query("MATCH (a:Account) RETURN count(a) AS n").records[0]["n"] == 100


def test_neo4j_has_the_browser_and_a_password_of_its_own(neo4j: Neo4jService) -> None:
    assert stat.S_IMODE(neo4j.password_path.stat().st_mode) == 0o600
    assert len(neo4j.password) >= 32
    with driver_of(neo4j) as driver:
        components = driver.execute_query("CALL dbms.components() YIELD name, versions, edition").records[0]
    # One guess: the server shuts a user out after three.
    with driver_of(neo4j, "neo4j") as driver, pytest.raises(AuthError):
        driver.verify_connectivity()
    assert (components["versions"], components["edition"]) == ([neo4j.version], "community")
    page = subprocess.run(["curl", "-sS", neo4j.browser], capture_output=True, text=True, check=True).stdout
    assert "Neo4j Browser" in page


@pytest.mark.slow
def test_the_command_starts_shows_and_stops(tmp_path: Path, kafka: KafkaService) -> None:
    home = tmp_path / "a home"
    assert "not running" in services(home, "status", "kafka").stdout
    up = services(home, "up", "kafka")
    try:
        assert up.returncode == 0, up.stderr
        (broker,) = re.findall(
            r'^export RINGFENCE_STREAM__BROKER="(127\.0\.0\.1:\d+)"$', up.stdout, re.MULTILINE
        )
        assert broker != kafka.address
        asyncio.run(make_topic(broker, "through-the-command"))
        again = services(home, "up", "kafka")
        assert "already up" in again.stdout
        assert broker in again.stdout
        status = services(home, "status", "kafka").stdout
        assert re.search(rf"kafka 4\.[\d.]+: answers, {broker}, process \d+, \d+ MB", status), status
    finally:
        down = services(home, "down")
    assert "# kafka: stopped\n# neo4j: was not running\n" in down.stdout
    assert not is_listening(int(broker.partition(":")[2]))
    assert "not running" in services(home, "status", "kafka").stdout


@pytest.mark.slow
def test_in_the_foreground_it_ends_with_the_command(tmp_path: Path, kafka: KafkaService) -> None:
    home = tmp_path / "home"
    with subprocess.Popen(
        [sys.executable, "-m", "fraud", "services", "up", "kafka", "--foreground"],
        cwd=ROOT,
        env={**os.environ, "RINGFENCE_HOME": str(home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        service = KafkaService(home / "services" / "kafka", cache=kafka.cache)
        wait_until(lambda: service.note is not None and service.answers())
        assert service.pid
        process.send_signal(signal.SIGTERM)
        _, complaint = process.communicate(timeout=60)
    assert process.returncode == 130, complaint
    assert service.pid is None


def test_no_orphan_is_left_when_the_owner_is_killed(tmp_path: Path, kafka: KafkaService) -> None:
    script = (
        "import sys, time; from pathlib import Path; from fraud.services.kafka import KafkaService\n"
        "KafkaService(Path(sys.argv[1]), cache=Path(sys.argv[2])).start(); print('up', flush=True)\n"
        "time.sleep(120)"
    )
    folder = tmp_path / "kafka"
    with subprocess.Popen(
        [sys.executable, "-c", script, str(folder), str(kafka.cache)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        service = KafkaService(folder, cache=kafka.cache)
        assert service.pid
        process.kill()
    wait_until(lambda: service.pid is None)


def test_a_start_in_vain_leaves_nothing_and_says_why(tmp_path: Path, kafka: KafkaService) -> None:
    broken = KafkaService(tmp_path / "kafka", cache=kafka.cache, memory_mb=1)
    with pytest.raises(
        ServiceError, match=r"kafka: ended at its start; its log says: .*initialization of VM"
    ):
        broken.start()
    assert broken.pid is None
    broken.stop()


def test_a_port_that_is_taken_is_named(tmp_path: Path, kafka: KafkaService) -> None:
    taken = kafka.port("broker")
    with pytest.raises(ServiceError, match=rf"kafka: port {taken} is taken"):
        KafkaService(tmp_path / "kafka", cache=kafka.cache, ports={"broker": taken}).start()


def test_without_java_the_command_says_in_one_line_what_to_install(tmp_path: Path) -> None:
    done = services(tmp_path / "home", "up", "kafka", PATH=str(tmp_path), JAVA_HOME="")
    assert done.returncode == 1
    assert done.stdout == ""
    assert "no java on PATH: needs Java 17 or newer (Debian: apt-get install default-jre-" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("says", "text"),
    [
        ('openjdk version "11.0.2" 2019-01-15', r"is Java 11: needs Java 17 or newer"),
        ('java version "1.8.0_391"', r"is Java 1: needs Java 17"),
        ("nothing to the point", r"is Java of unknown version: needs Java 17"),
    ],
)
def test_a_java_that_is_too_old_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, says: str, text: str
) -> None:
    (tmp_path / "java").write_text(f"#!/bin/sh\necho '{says}' >&2\n")
    (tmp_path / "java").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(ServiceError, match=text):
        java()


def test_a_java_home_without_java_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(ServiceError, match=rf"cannot run {tmp_path}/bin/java \(No such file"):
        java()


def test_without_maven_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ServiceError, match=r"kafka: needs Maven once.*apt-get install maven"):
        class_path("kafka", tmp_path / "cache")


def test_maven_without_its_repository_is_told_with_its_own_words(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "mvn").write_text(
        "#!/bin/sh\necho '[INFO] hm'\necho '[ERROR] Unknown host central'\nexit 1\n"
    )
    (programs / "mvn").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    with pytest.raises(ServiceError, match=r"in reach\? Unknown host central"):
        class_path("kafka", tmp_path / "cache")
    assert not list((tmp_path / "cache").glob("*.classpath"))


def test_the_class_path_is_made_again_when_a_jar_is_gone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    programs, jar = tmp_path / "bin", tmp_path / "one.jar"
    programs.mkdir()
    (programs / "mvn").write_text(
        "#!/bin/sh\n"
        f"echo run >> {tmp_path}/runs; : > {jar}\n"
        f'for word in "$@"; do case $word in -Dmdep.outputFile=*) echo {jar} > "${{word#*=}}";; esac; done\n'
    )
    (programs / "mvn").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    for runs in (1, 1):
        assert class_path("kafka", tmp_path / "cache") == str(jar)
        assert (tmp_path / "runs").read_text().count("run") == runs
    jar.unlink()
    assert class_path("kafka", tmp_path / "cache") == str(jar)
    assert (tmp_path / "runs").read_text().count("run") == 2


def test_free_ports_are_none_that_outgoing_connections_get() -> None:
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    assert all(free_port() < lowest for _ in range(20))


def test_a_free_port_is_none_that_something_else_is_to_get() -> None:
    taken = range(15_000, 31_900)
    assert all(free_port(taken) not in taken for _ in range(20))


def test_a_broker_that_cannot_be_prepared_says_why_in_one_line(tmp_path: Path) -> None:
    port = free_port()
    service = KafkaService(tmp_path, cache=service_cache("kafka"), ports={"broker": port, "controller": port})
    with pytest.raises(ServiceError, match=r"cannot format .*two listeners on the same port") as raised:
        service.start()
    assert "\n" not in str(raised.value)


def test_a_stranger_with_the_same_number_is_left_alone(tmp_path: Path) -> None:
    pid = launch(["sleep", "60"], tmp_path, tmp_path / "log")
    assert is_running(pid, "sleep 60")
    end(pid, "another mark")
    assert not is_running(pid, "another mark")
    assert is_running(pid, "sleep 60")
    end(pid, "sleep 60", patience=0.0)


def test_a_watch_ends_what_does_not_want_to_end(tmp_path: Path) -> None:
    owner = (
        "import sys, time; from pathlib import Path; from fraud.processes import Watch, launch\n"
        "pid = launch(['/bin/sh', '-c', 'trap \"\" TERM; sleep 90; echo my-mark'], Path('.'), Path(sys.argv[1]))\n"
        "watch = Watch(pid, 'my-mark', patience=1); print(pid, flush=True)"
    )
    done = subprocess.run(
        [sys.executable, "-c", owner, str(tmp_path / "log")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    pid = int(done.stdout)
    wait_until(lambda: not is_running(pid, "my-mark"), 40)


def test_a_closed_watch_harms_nobody(tmp_path: Path) -> None:
    pid = launch(["sleep", "60"], tmp_path, tmp_path / "log")
    watch = Watch(pid, "sleep 60")
    end(pid, "sleep 60", patience=0.0)
    watch.close()
    assert not is_running(pid, "sleep 60")
