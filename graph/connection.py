"""A Bolt connection to the graph store: encryption, patience, retries and errors, the same for both engines."""

from __future__ import annotations

import logging
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib.resources import files
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from neo4j import Driver, GraphDatabase, ManagedTransaction, unit_of_work
from neo4j.exceptions import AuthError, ConfigurationError, DriverError, Neo4jError
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from fraud.errors import SettingsError, StoreError, StoreUnavailable
from graph.portion import Row

__all__ = ["GraphConnection", "cypher", "rows"]

Result = TypeVar("Result")

CONSTRAINT_FAILED = "Neo.ClientError.Schema.ConstraintValidationFailed"
"""Raised by ArcadeDB when two writers make the same node at once: it passes when tried again, though the driver
does not say so."""

CONFLICT_TRIES = 5
LONGEST_CONFLICT_PAUSE = 0.5


class GraphConnection:
    """Reads and writes in transactions; safe to share between threads, which take turns at writing."""

    def __init__(
        self,
        driver: Driver,
        database: str,
        *,
        query_seconds: float = 30.0,
        keeper: Callable[[], object] | None = None,
    ) -> None:
        self.driver = driver
        self.database = database
        self._in_time = unit_of_work(timeout=query_seconds)
        self._keeper = keeper
        self._turn = threading.Lock()

    @classmethod
    def connect(
        cls,
        uri: str,
        user: str,
        password: str,
        database: str,
        *,
        patience: float = 5.0,
        query_seconds: float = 30.0,
        connections: int = 16,
        ca_file: Path | None = None,
        keeper: Callable[[], object] | None = None,
    ) -> Self:
        """Open a store; connections are made when first needed, ``connections`` at most.

        ``uri`` chooses encryption and routing as the driver documents (``bolt``, ``neo4j+s``, …); the server's
        certificate must then be one that the system trusts, or that ``ca_file`` (PEM) does.
        ``patience`` is how many seconds a lost connection or a transient refusal is tried again before
        StoreUnavailable; ``query_seconds`` is when the server gives a transaction up.
        """
        # A store that holds no IP yet warns of each query that names one.
        logging.getLogger("neo4j.notifications").setLevel(logging.ERROR)
        try:
            driver = GraphDatabase.driver(
                _plain(uri) if ca_file else uri,
                auth=(user, password),
                max_connection_pool_size=connections,
                connection_timeout=patience,
                connection_acquisition_timeout=patience + 5.0,
                max_transaction_retry_time=patience,
                **_trust(uri, ca_file),
            )
        except (ConfigurationError, ValueError) as error:
            raise SettingsError(f"RINGFENCE_GRAPH__URI: {error}") from error
        return cls(driver, database, query_seconds=query_seconds, keeper=keeper)

    def ping(self) -> None:
        """Return when the store answers; raises StoreUnavailable or StoreError."""
        self.read(lambda work: rows(work, "ping"))

    def run_alone(self, statement: str) -> None:
        """Run a statement that needs a transaction to itself: a change of the schema."""
        with _graph_errors():
            self.driver.execute_query(statement, database_=self.database)

    def read(self, ask: Callable[[ManagedTransaction], Result]) -> Result:
        """What a read transaction finds; ``ask`` may be called more than once."""
        with _graph_errors(), self.driver.session(database=self.database) as session:
            found: Result = session.execute_read(self._in_time(ask))
            return found

    def write(self, change: Callable[[ManagedTransaction], Result]) -> Result:
        """Run a change in one transaction; the driver tries again what it calls retryable, we what it does not.

        ``change`` may be called more than once; what an unsuccessful call did is not kept.
        """
        patient = Retrying(
            retry=retry_if_exception(_is_conflict),
            stop=stop_after_attempt(CONFLICT_TRIES),
            wait=wait_random_exponential(multiplier=0.02, max=LONGEST_CONFLICT_PAUSE),
            reraise=True,
        )
        with self._turn:
            done: Result = patient(self._write_once, change)
            return done

    def is_embedded(self) -> bool:
        """Whether the server is an ArcadeDB; raises StoreUnavailable or StoreError when it does not say."""
        with _graph_errors():
            return "ArcadeDB" in self.driver.get_server_info().agent

    def revive(self) -> None:
        """Start the server again if this process keeps it and it is down; raises ServiceError when that fails."""
        if self._keeper is not None:
            self._keeper()

    def close(self) -> None:
        """Close the connections; the store can't be used afterwards."""
        self.driver.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _write_once(self, change: Callable[[ManagedTransaction], Result]) -> Result:
        with _graph_errors(), self.driver.session(database=self.database) as session:
            done: Result = session.execute_write(self._in_time(change))
            return done


@cache
def cypher(name: str) -> str:
    """The statement in a file of ``graph/cypher``, without the comment on top."""
    text = (files("graph") / "cypher" / f"{name}.cypher").read_text(encoding="utf-8")
    return "".join(line for line in text.splitlines(keepends=True) if not line.startswith("//"))


def rows(work: ManagedTransaction, query: str, **parameters: Any) -> list[Row]:
    """What a query of ``graph/cypher`` finds."""
    found = work.run(cypher(query), parameters)
    # Not ``data``: it walks through every list again, which costs more than all else here.
    return [dict(record.items()) for record in found]  # type: ignore[no-untyped-call]


def _plain(uri: str) -> str:
    """The same address without the driver's own choice of certificates."""
    scheme, rest = uri.split("://", 1)
    return f"{scheme.split('+')[0]}://{rest}"


def _trust(uri: str, ca_file: Path | None) -> dict[str, Any]:
    if ca_file is None:
        return {}
    if not uri.split("://", 1)[0].endswith("+s"):
        raise SettingsError("RINGFENCE_GRAPH__CA_FILE: needs a uri of neo4j+s:// or bolt+s://")
    try:
        return {"ssl_context": ssl.create_default_context(cafile=ca_file)}
    except OSError as error:
        raise SettingsError(
            f"RINGFENCE_GRAPH__CA_FILE: {ca_file}: {error.strerror or error}; give a file of certificates (PEM)"
        ) from error


def _is_conflict(error: BaseException) -> bool:
    return isinstance(error, StoreError) and getattr(error.__cause__, "code", None) == CONSTRAINT_FAILED


@contextmanager
def _graph_errors() -> Iterator[None]:
    """Turn the driver's errors into ours, by its own word on what may pass when tried again."""
    try:
        yield
    except AuthError as error:
        raise StoreError(
            "graph: user or password refused; check RINGFENCE_GRAPH__USER and __PASSWORD"
        ) from error
    except (Neo4jError, DriverError) as error:
        text = str(error).splitlines()[0]
        if error.is_retryable():
            raise StoreUnavailable(f"graph: the store does not answer ({text}); it is tried again") from error
        raise StoreError(f"graph: {text}") from error
    except OSError as error:
        raise StoreUnavailable(f"graph: the connection was lost ({error})") from error
