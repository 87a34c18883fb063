"""Encryption and log-in by every client of ours, at a real broker that takes nobody else."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import (
    AdminClient,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from fraud.errors import ServiceError
from fraud.services.kafka import KafkaService
from fraud.settings import Settings
from stream.broker import ensure_topics
from stream.publisher import Message, publisher
from stream.source_reader import SourceReader
from tests.certificates import make_certificate
from tests.conftest import service_cache
from tests.stream.test_source_reader import Taken
from tests.stream.workers import read_all, run, send

PASSWORD = "a pass word"


class SecureKafka(KafkaService):
    """A broker with a second door: TLS and SCRAM."""

    port_names = ("broker", "controller", "secure")

    @property
    def secure_address(self) -> str:
        return f"localhost:{self.port('secure')}"

    @property
    def certificate(self) -> Path:
        return self.folder / "certificate.pem"

    def _prepare(self, run: list[str], ports: dict[str, int]) -> None:
        super()._prepare(run, ports)
        key = self.folder / "key.pem"
        make_certificate(self.certificate, key)
        both = self.folder / "both.pem"
        both.write_text(key.read_text() + self.certificate.read_text())
        plain, controller, secure = (f"127.0.0.1:{ports[name]}" for name in self.port_names)
        more = {
            "listeners": f"PLAINTEXT://{plain},CONTROLLER://{controller},SECURE://{secure}",
            "advertised.listeners": f"PLAINTEXT://{plain},SECURE://localhost:{ports['secure']}",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SECURE:SASL_SSL",
            "listener.name.secure.sasl.enabled.mechanisms": "SCRAM-SHA-512",
            "listener.name.secure.scram-sha-512.sasl.jaas.config": (
                "org.apache.kafka.common.security.scram.ScramLoginModule required;"
            ),
            "listener.name.secure.ssl.keystore.type": "PEM",
            "listener.name.secure.ssl.keystore.location": str(both),
        }
        with (self.folder / "server.properties").open("a") as properties:
            properties.writelines(f"{name}={value}\n" for name, value in more.items())


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureKafka]:
    with SecureKafka(tmp_path_factory.mktemp("secure"), cache=service_cache("kafka")) as service:
        credentials = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4_096)
        wanted = UserScramCredentialUpsertion("ringfence", credentials, PASSWORD.encode())
        admin = AdminClient({"bootstrap.servers": service.address})
        for made in admin.alter_user_scram_credentials([wanted]).values():
            made.result(30)
        yield service
        service.kill()


def settings_of(secure: SecureKafka, home: Path, **more: Any) -> Settings:
    said = {
        "broker": secure.secure_address,
        "partitions": 1,
        "tls": True,
        "ca_file": secure.certificate,
        "user": "ringfence",
        "password": PASSWORD,
        **more,
    }
    return Settings.load(home=home, stream=said)


@pytest.mark.slow
def test_both_clients_are_let_in_and_what_one_sends_the_other_reads(
    secure: SecureKafka, tmp_path: Path
) -> None:
    settings, door = settings_of(secure, tmp_path), Taken()

    async def go() -> None:
        async with publisher(settings) as out:
            await asyncio.gather(*await out.send([Message(False, b"key", b'{"sent": "by librdkafka"}')]))
        await send(settings, [("transactions", 0, b"key", b'{"sent": "by aiokafka"}')])
        reading = asyncio.create_task(SourceReader(settings, door, {0}).run())
        await door.until(2)
        reading.cancel()

    run(go())
    expected = ["by librdkafka", "by aiokafka"]
    assert [value["sent"] for _, _, value in run(read_all(settings, "transactions"))] == expected
    assert [value for _, value in door.records[0]] == [f'{{"sent": "{one}"}}'.encode() for one in expected]


@pytest.mark.slow
@pytest.mark.parametrize(
    "wrong", [{"password": "another"}, {"ca_file": None}, {"tls": False, "ca_file": None}], ids=str
)
def test_whoever_is_not_let_in_is_told(secure: SecureKafka, tmp_path: Path, wrong: dict[str, Any]) -> None:
    with pytest.raises(ServiceError, match=r"broker localhost:\d+: does not answer") as refusal:
        run(ensure_topics(settings_of(secure, tmp_path, **wrong)))
    assert PASSWORD not in str(refusal.value)
    assert "\n" not in str(refusal.value)
