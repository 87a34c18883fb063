"""Apache Kafka: one node that is broker and controller (KRaft), on the loopback."""

from __future__ import annotations

import asyncio
import base64
import subprocess
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError

from fraud.errors import ServiceError
from fraud.processes import is_listening, telling_lines
from fraud.services.service import TELLING_WORDS, JavaService

__all__ = ["KafkaService"]

MESSAGE_BYTES = 8 * 1024 * 1024
PROBE_TOPIC = "ringfence-probe"


class KafkaService(JavaService):
    """A broker for tests and trying out: durable as Kafka's defaults are (its log goes to the disk cache at once,
    to the disk when the system likes), one copy of everything, no topic made by accident."""

    name = "kafka"
    port_names = ("broker", "controller")
    advertised: str | None = None
    """``host:port`` that clients are sent to, where that is not the broker's own: a proxy, say."""

    @property
    def address(self) -> str:
        """``host:port``, as clients' bootstrap servers."""
        return f"127.0.0.1:{self.port('broker')}"

    def answers(self) -> bool:
        """Whether it would make a topic now; nothing is made."""
        if not is_listening(self.port("broker")):
            return False
        # In a thread of its own: the caller's may run an event loop already.
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(asyncio.run, _takes_topics(self.address)).result()

    def environment(self) -> dict[str, str]:
        """The broker setting."""
        return {"RINGFENCE_STREAM__BROKER": self.address}

    def _prepare(self, run: list[str], ports: dict[str, int]) -> None:
        self._properties.write_text(_properties(self.folder / "data", ports, self.advertised))
        if not (self.folder / "data" / "meta.properties").exists():
            cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
            command = [*run, "kafka.tools.StorageTool", "format"]
            # One in 64 begins with a dash, so it must not stand alone.
            command += [f"--cluster-id={cluster}", "--config", str(self._properties)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                said = telling_lines(done.stderr, TELLING_WORDS)
                raise ServiceError(f"kafka: cannot format {self.folder / 'data'}: {said}")

    def _arguments(self) -> list[str]:
        return ["-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "kafka.Kafka", str(self._properties)]

    @property
    def _properties(self) -> Path:
        return self.folder / "server.properties"


def _properties(data: Path, ports: dict[str, int], advertised: str | None) -> str:
    broker, controller = f"127.0.0.1:{ports['broker']}", f"127.0.0.1:{ports['controller']}"
    settings = {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.voters": f"1@{controller}",
        "listeners": f"PLAINTEXT://{broker},CONTROLLER://{controller}",
        "advertised.listeners": f"PLAINTEXT://{advertised or broker}",
        "controller.listener.names": "CONTROLLER",
        "log.dirs": data,
        "auto.create.topics.enable": "false",
        "offsets.topic.replication.factor": 1,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        # Fifty partitions each serve a cluster; here every one is files to open at a start.
        "offsets.topic.num.partitions": 4,
        "transaction.state.log.num.partitions": 4,
        "group.initial.rebalance.delay.ms": 0,
        # A broker that was killed is let in again when its last session has run out.
        "broker.session.timeout.ms": 2_500,
        "broker.heartbeat.interval.ms": 500,
        "message.max.bytes": MESSAGE_BYTES,
        "replica.fetch.max.bytes": MESSAGE_BYTES,
        # Heap that the log cleaner takes whole; the default is a quarter of ours.
        "log.cleaner.dedupe.buffer.size": 16 * 1024 * 1024,
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())


async def _takes_topics(address: str) -> bool:
    admin = AIOKafkaAdminClient(bootstrap_servers=address, request_timeout_ms=5_000)
    try:
        await admin.start()
        # Only checked, not made: it is refused while the controller has no leader or the broker is fenced.
        answer = await admin.create_topics([NewTopic(PROBE_TOPIC, 1, 1)], validate_only=True)
    except KafkaError:
        return False
    finally:
        await admin.close()
    return all(error[1] == 0 for error in answer.topic_errors)
