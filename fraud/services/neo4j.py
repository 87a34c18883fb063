"""Neo4j Community with Bolt, HTTP and the Browser, on the loopback."""

from __future__ import annotations

import hashlib
import os
import secrets
import shlex
from collections.abc import Mapping
from pathlib import Path

from neo4j import GraphDatabase
from neo4j.exceptions import DriverError, Neo4jError

from fraud.processes import is_listening
from fraud.services.service import JavaService

__all__ = ["Neo4jService"]

USER = "neo4j"
HASH_ROUNDS = 1024


class Neo4jService(JavaService):
    """A graph store for tests and trying out, with a password of its own."""

    name = "neo4j"
    port_names = ("bolt", "http")

    def __init__(
        self,
        folder: Path,
        *,
        cache: Path,
        ports: Mapping[str, int] | None = None,
        memory_mb: int = 512,
        page_cache_mb: int = 256,
        keep: bool = False,
        quick: bool = True,
    ) -> None:
        super().__init__(folder, cache=cache, ports=ports, memory_mb=memory_mb, keep=keep, quick=quick)
        self.page_cache_mb = page_cache_mb
        self.user = USER

    @property
    def address(self) -> str:
        """The Bolt address."""
        return f"bolt://127.0.0.1:{self.port('bolt')}"

    @property
    def browser(self) -> str:
        """The page of the Neo4j Browser."""
        return f"http://127.0.0.1:{self.port('http')}/browser/"

    @property
    def password_path(self) -> Path:
        """The file of the password, readable by its owner only."""
        return self.folder / "password"

    @property
    def password(self) -> str:
        """The password of ``user``."""
        return self.password_path.read_text()

    def answers(self) -> bool:
        """Whether it runs a query, and serves pages."""
        if not all(is_listening(self.port(name)) for name in self.port_names):
            return False
        with GraphDatabase.driver(
            self.address, auth=(USER, self.password), connection_timeout=5.0, max_transaction_retry_time=0.0
        ) as driver:
            try:
                driver.execute_query("RETURN 1", database_="neo4j")
            except (DriverError, Neo4jError):
                return False
        return True

    def environment(self) -> dict[str, str]:
        """Address and user; the password is to be read from its file."""
        return {
            "RINGFENCE_GRAPH__URI": self.address,
            "RINGFENCE_GRAPH__USER": USER,
            "RINGFENCE_GRAPH__PASSWORD": f"$(cat {shlex.quote(str(self.password_path))})",
        }

    def _prepare(self, run: list[str], ports: dict[str, int]) -> None:
        conf = self.folder / "conf"
        conf.mkdir(exist_ok=True)
        (conf / "neo4j.conf").write_text(self._conf(ports))
        if not self.password_path.exists():
            self._make_password()

    def _arguments(self) -> list[str]:
        opens = ("java.nio", "java.io", "sun.nio.ch", "java.util.concurrent")
        return [
            *(f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in opens),
            "org.neo4j.server.CommunityEntryPoint",
            f"--home-dir={self.folder}",
            f"--config-dir={self.folder / 'conf'}",
        ]

    def _conf(self, ports: dict[str, int]) -> str:
        bolt, http = f"127.0.0.1:{ports['bolt']}", f"127.0.0.1:{ports['http']}"
        settings = {
            "server.default_listen_address": "127.0.0.1",
            "server.bolt.listen_address": bolt,
            "server.bolt.advertised_address": bolt,
            "server.http.listen_address": http,
            "server.http.advertised_address": http,
            "server.https.enabled": "false",
            "server.memory.heap.max_size": f"{self.memory_mb}m",
            "server.memory.pagecache.size": f"{self.page_cache_mb}m",
            "dbms.usage_report.enabled": "false",
            # Five seconds of listening for late requests before it stops; our clients are gone by then.
            "internal.dbms.bolt.netty_server_shutdown_quiet_period": "0",
        }
        return "".join(f"{name}={value}\n" for name, value in settings.items())

    def _make_password(self) -> None:
        """Write the password, and its hash where Neo4j looks before its first start.

        Its own admin tool takes the password as an argument, which every user of the machine could read.
        """
        password = secrets.token_urlsafe(32)
        first_users = self.folder / "data" / "dbms" / "auth.ini"
        first_users.parent.mkdir(parents=True, exist_ok=True)
        _write_private(first_users, f"{USER}:{_credential(password)}:\n")
        _write_private(self.password_path, password)


def _credential(password: str) -> str:
    """The form in which Neo4j keeps a password: digest, salt and rounds."""
    salt = secrets.token_bytes(32)
    digest = hashlib.sha256(salt + password.encode()).digest()
    for _ in range(HASH_ROUNDS - 1):
        digest = hashlib.sha256(digest).digest()
    return f"SHA-256,{digest.hex()},{salt.hex()},{HASH_ROUNDS}"


def _write_private(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
