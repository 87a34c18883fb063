"""The embedded graph store: ArcadeDB as a child process on this machine, spoken to over Bolt like any other.

Several processes may use one store folder: the first starts the server, the others find it through a note
beside it, and the last to leave stops it. Locks of the operating system say who is in, so a process that was
killed counts as gone. The graph is built from the record, so what a crash takes from it is put back;
write-ahead logging still keeps every acknowledged batch through kill -9 of the server (``FLUSH`` 1: handed to
the operating system's disk cache and flushed without metadata).
"""

from __future__ import annotations

import atexit
import fcntl
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import msgspec

from fraud.errors import ServiceError, StoreError
from fraud.processes import end, free_port, is_listening, is_running, launch, telling_lines
from graph.store import GraphStore

__all__ = ["ArcadeServer", "Endpoint"]

DATABASE = "ringfence"
USER = "root"
FLUSH = 1
TELLING_WORDS = ("SEVER", "Exception", "Error", "error")
START_SECONDS = 60.0
ANSWER_SECONDS = 20.0
UNWANTED_PLUGINS = ("mcp", "postgresw", "redisw", "graphql", "console", "python-bridge")
JAVA_OPTIONS = (
    "-XX:+UseSerialGC",
    # The first minutes decide in a demo: 1.6 times the rate of the full compiler over the first 20,000 transactions.
    "-XX:TieredStopAtLevel=1",
    "-Djava.awt.headless=true",
    "-Dfile.encoding=UTF-8",
    "-Dpolyglot.engine.WarnInterpreterOnly=false",
    "--add-modules=jdk.incubator.vector",
    "--add-opens=java.base/java.util.concurrent.atomic=ALL-UNNAMED",
    "--add-opens=java.base/java.nio.channels.spi=ALL-UNNAMED",
    "--add-opens=java.base/java.lang=ALL-UNNAMED",
)


class Endpoint(msgspec.Struct, frozen=True):
    """Where a running server answers, and as which process it runs."""

    pid: int
    bolt_port: int

    @property
    def uri(self) -> str:
        """Its Bolt address."""
        return f"bolt://127.0.0.1:{self.bolt_port}"


class ArcadeServer:
    """A share in the server of one store folder: taken by ``start``, given back by ``stop`` or at exit."""

    def __init__(self, folder: Path, *, bolt_port: int = 0, http_port: int = 0, memory_mb: int = 512) -> None:
        self.folder = folder
        self.bolt_port = bolt_port
        self.http_port = http_port
        self.memory_mb = memory_mb
        self.endpoint: Endpoint | None = None
        self._share: IO[bytes] | None = None

    def start(self) -> Endpoint:
        """The running server, started here unless another process has; ready to answer queries.

        Raises ServiceError, with the end of its log, when it does not come up.
        """
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            with self._turn():
                if self._share is None:
                    self._share = (self.folder / "users.lock").open("ab")
                    fcntl.flock(self._share, fcntl.LOCK_SH)
                    atexit.register(self.stop)
                self.endpoint = self._running() or self._launch()
                return self.endpoint
        except ServiceError:
            self.stop()
            raise

    def stop(self) -> None:
        """Give the share back; the last to do so stops the server and waits for it to end."""
        atexit.unregister(self.stop)
        share, self._share = self._share, None
        self.endpoint = None
        if share is None:
            return
        with share, self._turn():
            try:
                fcntl.flock(share, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            if note := self._note():
                end(note.pid, self._mark)
            self._note_path.unlink(missing_ok=True)

    def in_use(self) -> bool:
        """Whether any process has a share in the server of this folder."""
        lock = self.folder / "users.lock"
        if not lock.exists():
            return False
        with lock.open("ab") as share:
            try:
                fcntl.flock(share, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    def connect(self, *, patience: float = 5.0) -> GraphStore:
        """A new connection to the server; ``start`` comes first, ``patience`` is that of ``GraphStore.connect``."""
        if self.endpoint is None:
            raise ServiceError("embedded graph store: not started")
        return self._connect(self.endpoint, patience)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def _note_path(self) -> Path:
        return self.folder / "server.json"

    @property
    def _log_path(self) -> Path:
        return self.folder / "server.log"

    @property
    def _mark(self) -> str:
        return f"-Darcadedb.server.rootPath={self.folder} "

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """One process at a time starts or stops."""
        with (self.folder / "start.lock").open("ab") as turn:
            fcntl.flock(turn, fcntl.LOCK_EX)
            yield

    def _note(self) -> Endpoint | None:
        try:
            return msgspec.json.decode(self._note_path.read_bytes(), type=Endpoint)
        except (FileNotFoundError, msgspec.MsgspecError):
            return None

    def _running(self) -> Endpoint | None:
        """The server that the note speaks of, if it is that one and it answers; a dead one's note is ignored."""
        note = self._note()
        if note is None:
            return None
        deadline = time.monotonic() + ANSWER_SECONDS
        while is_running(note.pid, self._mark):
            if self._answers(note):
                return note
            if time.monotonic() > deadline:
                end(note.pid, self._mark)
            time.sleep(0.1)
        return None

    def _launch(self) -> Endpoint:
        bolt_port = self.bolt_port or self._last_port() or free_port()
        command = self._command(bolt_port, self.http_port or free_port({bolt_port}))
        try:
            endpoint = Endpoint(launch(command, self.folder, self._log_path), bolt_port)
        except OSError as error:
            raise ServiceError(f"embedded graph store: cannot run {command[0]} ({error.strerror})") from error
        deadline = time.monotonic() + START_SECONDS
        while not self._answers(endpoint):
            if not is_running(endpoint.pid, self._mark):
                raise ServiceError(f"embedded graph store: ended at its start; {self._log_tail()}")
            if time.monotonic() > deadline:
                end(endpoint.pid, self._mark, patience=0.0)
                raise ServiceError(
                    f"embedded graph store: no answer in {START_SECONDS:g} s; {self._log_tail()}"
                )
            time.sleep(0.1)
        self._note_path.write_bytes(msgspec.json.encode(endpoint))
        return endpoint

    def _last_port(self) -> int | None:
        """The port of a server that died, if nobody took it: connections to it come back by themselves."""
        note = self._note()
        return note.bolt_port if note is not None and not is_listening(note.bolt_port) else None

    def _command(self, bolt_port: int, http_port: int) -> list[str]:
        package = _package()
        jars = sorted(
            str(jar)
            for jar in (package / "jars").glob("*.jar")
            if not any(f"arcadedb-{plugin}" in jar.name for plugin in UNWANTED_PLUGINS)
        )
        settings = {
            "server.rootPath": str(self.folder),
            "server.logsDirectory": str(self.folder / "log"),
            "server.rootPasswordPath": str(self._password_path()),
            "server.mode": "production",
            "server.httpIncomingHost": "127.0.0.1",
            "server.httpIncomingPort": str(http_port),
            "server.plugins": "Bolt:com.arcadedb.bolt.BoltProtocolPlugin",
            "server.defaultDatabases": f"{DATABASE}[]",
            "bolt.host": "127.0.0.1",
            "bolt.port": str(bolt_port),
            "bolt.defaultDatabase": DATABASE,
            "txWalFlush": str(FLUSH),
        }
        options = [f"-Darcadedb.{name}={value}" for name, value in settings.items()]
        java = str(package / "jre" / "bin" / "java")
        classpath = ["-cp", os.pathsep.join(jars), "com.arcadedb.server.ArcadeDBServer"]
        return [java, f"-Xmx{self.memory_mb}m", *JAVA_OPTIONS, *options, *classpath]

    def _password_path(self) -> Path:
        path = self.folder / "password"
        if not path.exists():
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(secrets.token_urlsafe(32))
        return path

    def _connect(self, endpoint: Endpoint, patience: float) -> GraphStore:
        password = self._password_path().read_text()
        return GraphStore.connect(
            endpoint.uri, USER, password, DATABASE, patience=patience, keeper=self.start
        )

    def _answers(self, endpoint: Endpoint) -> bool:
        if not is_listening(endpoint.bolt_port):
            return False
        with self._connect(endpoint, patience=1.0) as store:
            try:
                store.ping()
            except StoreError:
                return False
        return True

    def _log_tail(self) -> str:
        """The lines of the log that tell of trouble, else its last ones."""
        said = telling_lines(self._log_path.read_text(errors="replace"), TELLING_WORDS)
        return f"its log says: {said} ({self._log_path})"


def _package() -> Path:
    spec = find_spec("arcadedb_embedded")
    if spec is None or spec.origin is None:
        raise ServiceError("embedded graph store: pip install arcadedb-embedded, or set RINGFENCE_GRAPH__URI")
    return Path(spec.origin).parent
