"""What only a real Neo4j can show: being killed, encryption, routing addresses."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fraud.errors import SettingsError, StoreError, StoreUnavailable
from fraud.record import Record
from fraud.services.neo4j import Neo4jService
from graph.store import GraphStore
from graph.write_behind import WriteBehind
from tests.certificates import make_certificate
from tests.conftest import service_cache
from tests.fraud.payments import decision, ring, transaction
from tests.graph.engines import ask, connect
from tests.graph.test_store import expected_payments
from tests.graph.test_store_write_behind import write


@pytest.mark.slow
def test_kill_nine_of_neo4j_loses_and_doubles_nothing(record: Record, own_neo4j: Neo4jService) -> None:
    with connect(own_neo4j, patience=5.0) as store:
        with WriteBehind(record, store, portion=200) as behind:
            slowest = 0.0
            for turn in range(2):
                for start in range(turn * 1_500, (turn + 1) * 1_500, 100):
                    began = time.monotonic()
                    write(record, range(start, start + 100), f"ledger-{start // 100 % 2}")
                    slowest = max(slowest, time.monotonic() - began)
                    behind.notify()
                    if start % 1_500 == 500:
                        own_neo4j.kill()
                while behind.failure is None:
                    time.sleep(0.02)
                left = behind.lag()
                assert left > 0
                own_neo4j.start()
                # The next kill comes while it writes, not while it still waits after this one.
                deadline = time.monotonic() + 60
                while behind.lag() >= left:
                    assert time.monotonic() < deadline, behind.failure
                    time.sleep(0.02)
            record.write_batch([], [], rings=[ring()], stream="desk")
            assert behind.drain(60), (behind.failure, behind.lag())
        assert slowest < 2.0
        assert store.totals() == expected_payments(range(3_000))
        held = {f"t{i}" for i in range(3_000) if decision(i).outcome != "approve"} | {"t1", "t2", "t3"}
        found = ask(store, "MATCH (a)-[:MADE]->(t:Transaction) RETURN t.id AS id, count(a) AS payers")
        assert {row["id"]: row["payers"] for row in found} == dict.fromkeys(held, 1)
        named = ask(store, "MATCH (n:Account) RETURN n.id AS id, count(*) AS nodes")
        assert {row["id"]: row["nodes"] for row in named} == {transaction(i).account_id: 1 for i in range(7)}


def leave_index(store: GraphStore, label: str, name: str = "device_id") -> None:
    """Put an index where a crash leaves one, between the two transactions that make a constraint."""
    ask(store, f"DROP CONSTRAINT {name} IF EXISTS")
    ask(store, f"CREATE RANGE INDEX {name} FOR (n:{label}) ON (n.id)")


def owners(store: GraphStore) -> dict[str, str | None]:
    """The constraint of each index of values."""
    found = ask(store, "SHOW INDEXES YIELD name, type, owningConstraint WHERE type = 'RANGE'")
    return {row["name"]: row["owningConstraint"] for row in found}


def test_a_constraint_that_a_crash_left_half_made_is_made_anew(neo4j: Neo4jService) -> None:
    with connect(neo4j) as store:
        store.prepare()
        whole = owners(store)
        assert whole["device_id"] == "device_id"
        leave_index(store, "Device")
        assert owners(store) == whole | {"device_id": None}
        store.prepare()
        assert owners(store) == whole


def test_an_index_of_someone_else_is_left_alone(neo4j: Neo4jService) -> None:
    with connect(neo4j) as store:
        store.prepare()
        leave_index(store, "Gadget")
        with pytest.raises(StoreError, match="not ours has the name device_id"):
            store.prepare()
        assert owners(store)["device_id"] is None
        ask(store, "DROP INDEX device_id")
        store.prepare()


def test_an_address_with_routing_reaches_a_single_server(neo4j: Neo4jService) -> None:
    uri = neo4j.address.replace("bolt://", "neo4j://")
    with GraphStore.connect(uri, neo4j.user, neo4j.password, "neo4j", connections=2) as store:
        store.prepare()
        store.give_way()
        assert store.writer() is None


def test_encryption_is_refused_where_the_server_has_none(neo4j: Neo4jService) -> None:
    uri = neo4j.address.replace("bolt://", "bolt+s://")
    with (
        GraphStore.connect(uri, neo4j.user, neo4j.password, "neo4j", patience=0.5) as store,
        pytest.raises(StoreError),
    ):
        store.ping()


def test_a_query_that_takes_too_long_is_given_up(neo4j: Neo4jService) -> None:
    slow = "UNWIND range(1, 100000) AS a UNWIND range(1, 100000) AS b RETURN sum(a * b) AS s"
    began = time.monotonic()
    with (
        GraphStore.connect(neo4j.address, neo4j.user, neo4j.password, "neo4j", query_seconds=1.0) as store,
        pytest.raises(StoreError, match=r"timeout|timed out"),
    ):
        store.read(lambda work: work.run(slow).data())
    assert time.monotonic() - began < 20


class EncryptedNeo4j(Neo4jService):
    """A Neo4j that speaks Bolt with TLS only, with a certificate of its own making."""

    @property
    def certificate(self) -> Path:
        return self.folder / "bolt-tls" / "public.crt"

    def answers(self) -> bool:
        uri = self.address.replace("bolt://", "bolt+ssc://")
        with GraphStore.connect(uri, self.user, self.password, "neo4j", patience=0.5) as store:
            try:
                store.ping()
            except StoreUnavailable:
                return False
        return True

    def _conf(self, ports: dict[str, int]) -> str:
        folder = self.certificate.parent
        folder.mkdir(exist_ok=True)
        make_certificate(self.certificate, folder / "private.key")
        settings = {
            "server.bolt.tls_level": "REQUIRED",
            "dbms.ssl.policy.bolt.enabled": "true",
            "dbms.ssl.policy.bolt.base_directory": str(folder),
            "dbms.ssl.policy.bolt.private_key": "private.key",
            "dbms.ssl.policy.bolt.public_certificate": "public.crt",
            "dbms.ssl.policy.bolt.client_auth": "NONE",
        }
        return super()._conf(ports) + "".join(f"{name}={value}\n" for name, value in settings.items())


@pytest.fixture
def encrypted_neo4j(tmp_path: Path) -> Iterator[EncryptedNeo4j]:
    if shutil.which("openssl") is None:
        pytest.skip("no openssl here: sudo apt-get install openssl")
    with EncryptedNeo4j(tmp_path / "neo4j", cache=service_cache("neo4j")) as service:
        yield service
        service.kill()


@pytest.mark.slow
def test_an_encrypted_server_is_believed_by_its_certificate_only(encrypted_neo4j: EncryptedNeo4j) -> None:
    server = encrypted_neo4j
    for scheme in ("bolt+s", "neo4j+s"):
        uri = server.address.replace("bolt", scheme, 1)
        with GraphStore.connect(
            uri, server.user, server.password, "neo4j", ca_file=server.certificate
        ) as trusting:
            trusting.prepare()
            assert trusting.position("main") == 0
        with (
            GraphStore.connect(uri, server.user, server.password, "neo4j", patience=0.5) as doubting,
            pytest.raises(StoreError),
        ):
            doubting.ping()
    with (
        GraphStore.connect(server.address, server.user, server.password, "neo4j", patience=0.5) as open_one,
        pytest.raises(StoreError),
    ):
        open_one.ping()


def test_certificates_need_an_encrypted_address_and_a_file(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="CA_FILE: needs a uri"):
        GraphStore.connect("bolt://127.0.0.1:1", "u", "p", "d", ca_file=tmp_path)
    with pytest.raises(SettingsError, match=r"CA_FILE: .*none\.pem: No such file"):
        GraphStore.connect("bolt+s://127.0.0.1:1", "u", "p", "d", ca_file=tmp_path / "none.pem")
    (tmp_path / "bad.pem").write_text("nothing")
    with pytest.raises(SettingsError, match=r"CA_FILE: .*bad\.pem: .*PEM"):
        GraphStore.connect("bolt+s://127.0.0.1:1", "u", "p", "d", ca_file=tmp_path / "bad.pem")
