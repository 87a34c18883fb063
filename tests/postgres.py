"""A PostgreSQL server of one's own, from the machine's packages, for tests and benchmarks."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg

from fraud.processes import free_port

__all__ = ["PostgresServer", "find_programs"]

INSTALLED = Path("/usr/lib/postgresql")
START_SECONDS = 60.0
ACCOUNTS = ("postgres", "nobody")
QUICK = ("-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off")


def find_programs() -> Path | None:
    """The folder of initdb and postgres: Debian keeps it off the path, by version; None without an installation."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    folders = [path.parent for path in INSTALLED.glob("*/bin/initdb")]
    return max(folders, key=lambda folder: int(folder.parent.name), default=None)


class PostgresServer:
    """A cluster in a temporary folder, on loopback; as root it runs as another user, since the server refuses root.

    ``durable=False`` trades safety in a crash for speed, as tests like it.
    """

    def __init__(self, programs: Path, *, durable: bool) -> None:
        self.programs = programs
        self.durable = durable
        self.user = _account() if os.getuid() == 0 else None
        self._databases = 0

    def __enter__(self) -> Self:
        self.folder = Path(tempfile.mkdtemp(prefix="ringfence-postgres-"))
        if self.user is not None:
            shutil.chown(self.folder, self.user)
        data = self.folder / "data"
        options = ("--auth=trust", "--username=ringfence", "--encoding=UTF8", "--locale=C", "--no-sync")
        self._run(self.programs / "initdb", "-D", data, *options)
        self.port = free_port()
        self._log = (self.folder / "log").open("wb")
        self._server = subprocess.Popen(
            [
                self.programs / "postgres", "-D", data, "-p", str(self.port), "-h", "127.0.0.1",
                "-k", self.folder, "-c", "shared_buffers=256MB", *(() if self.durable else QUICK),
            ],
            user=self.user, cwd=self.folder, stdout=self._log, stderr=self._log,
        )  # fmt: skip
        self._wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.send_signal(signal.SIGINT)
        self._server.wait(START_SECONDS)
        self._log.close()
        shutil.rmtree(self.folder)

    @property
    def pid(self) -> int:
        """The server's first process; its children do the work."""
        return self._server.pid

    def new_database(self) -> str:
        """SQLAlchemy's address of an empty database."""
        self._databases += 1
        name = f"record{self._databases}"
        with psycopg.connect(self._address("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return f"postgresql+psycopg://ringfence@127.0.0.1:{self.port}/{name}"

    def _address(self, database: str) -> str:
        return f"host=127.0.0.1 port={self.port} user=ringfence dbname={database}"

    def _run(self, *command: str | Path) -> None:
        subprocess.run(command, user=self.user, cwd=self.folder, check=True, capture_output=True)

    def _wait(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                psycopg.connect(self._address("postgres")).close()
            except psycopg.OperationalError:
                if self._server.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError((self.folder / "log").read_text()) from None
                time.sleep(0.05)
            else:
                return


def _account() -> str:
    for name in ACCOUNTS:
        try:
            return pwd.getpwnam(name).pw_name
        except KeyError:
            continue
    raise RuntimeError(f"postgres: refuses to run as root, and there is no user {' or '.join(ACCOUNTS)}")
