"""A server in Java as a process of this machine: start, stop, kill, and start again where it was."""

from __future__ import annotations

import fcntl
import time
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

import msgspec

from fraud.errors import ServiceError
from fraud.processes import Watch, end, free_port, is_listening, is_running, launch, telling_lines
from fraud.services.jars import class_path, pinned_version
from fraud.services.java import LASTING_OPTIONS, OPTIONS, QUICK_OPTIONS, java

__all__ = ["TELLING_WORDS", "JavaService", "Note"]

START_SECONDS = 90.0
TELLING_WORDS = ("ERROR", "Exception", "FATAL", "Error")
"""In lines of a Java program that say what went wrong."""


class Note(msgspec.Struct, frozen=True):
    """What a server leaves beside its data: which process it was last, and at which ports."""

    pid: int
    ports: dict[str, int]
    version: str


class JavaService(ABC):
    """One server with one data folder, known to every process that names that folder.

    ``keep`` False: it ends when the process that started it ends, however that ends. True: it stays until someone
    stops it. ``ports`` are wanted ones; 0 takes the last one again, else a free one. ``quick`` trades speed in the
    long run for a quick start.
    """

    name: ClassVar[str]
    port_names: ClassVar[tuple[str, ...]]

    def __init__(
        self,
        folder: Path,
        *,
        cache: Path,
        ports: Mapping[str, int] | None = None,
        memory_mb: int = 512,
        keep: bool = False,
        quick: bool = True,
    ) -> None:
        self.folder = folder.absolute()
        self.cache = cache
        self.wanted_ports = dict(ports or {})
        self.memory_mb = memory_mb
        self.keep = keep
        self.quick = quick
        self._watch: Watch | None = None

    @property
    @abstractmethod
    def address(self) -> str:
        """Where clients find it; the same after a restart."""

    @abstractmethod
    def answers(self) -> bool:
        """Whether it does its work now, as a client sees it."""

    @abstractmethod
    def environment(self) -> dict[str, str]:
        """The variables that make Ringfence use it."""

    @abstractmethod
    def _prepare(self, run: list[str], ports: dict[str, int]) -> None:
        """Write its configuration; ``run`` is the command that runs a Java class of its jars."""

    @abstractmethod
    def _arguments(self) -> list[str]:
        """Options of Java, the main class and its arguments."""

    @property
    def version(self) -> str:
        """The version it runs."""
        note = self.note
        return note.version if note else pinned_version(self.name)

    @property
    def log(self) -> Path:
        """What it prints."""
        return self.folder / "output.log"

    @property
    def note(self) -> Note | None:
        """What the last start left; None before the first."""
        try:
            return msgspec.json.decode((self.folder / "service.json").read_bytes(), type=Note)
        except (FileNotFoundError, msgspec.MsgspecError):
            return None

    @property
    def pid(self) -> int | None:
        """Its process while it runs."""
        note = self.note
        return note.pid if note is not None and is_running(note.pid, self._mark) else None

    def port(self, name: str) -> int:
        """One of its ports; raises ServiceError before the first start."""
        note = self.note
        if note is None:
            raise ServiceError(f"{self.name}: not started in {self.folder}")
        return note.ports[name]

    def start(self) -> Self:
        """Start it unless it runs, and return when it answers; raises ServiceError with the end of its log."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._turn():
            launched = self.pid is None
            if launched:
                self._launch()
            try:
                self.wait_ready()
            except BaseException:
                # Interrupted or in vain: what is half up is of no use to anyone.
                if launched:
                    self._end(patience=0.0)
                raise
        return self

    def stop(self) -> None:
        """End it in good order, and return when it has ended."""
        self._end_in_turn(patience=30.0)

    def kill(self) -> None:
        """End it as a power cut of the process would: ``kill -9``."""
        self._end_in_turn(patience=0.0)

    def restart(self) -> Self:
        """Start it again, stopped first if it runs, with its data and its ports."""
        self.stop()
        return self.start()

    def wait_ready(self, patience: float = START_SECONDS) -> None:
        """Return when it answers; raises ServiceError when it ended or took longer."""
        deadline = time.monotonic() + patience
        while not self.answers():
            if self.pid is None:
                raise ServiceError(f"{self.name}: ended at its start; {self._log_tail()}")
            if time.monotonic() > deadline:
                raise ServiceError(f"{self.name}: no answer in {patience:g} s; {self._log_tail()}")
            time.sleep(0.1)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def _mark(self) -> str:
        return f"-Dringfence.{self.name}={self.folder} "

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """One process at a time starts or stops."""
        with (self.folder / "turn.lock").open("ab") as turn:
            fcntl.flock(turn, fcntl.LOCK_EX)
            yield

    def _launch(self) -> None:
        note = self.note
        last = note.ports if note else {}
        ports: dict[str, int] = {}
        for name in self.port_names:
            ports[name] = self._port_for(
                name, last.get(name, 0), {*ports.values(), *self.wanted_ports.values()}
            )
        options = QUICK_OPTIONS if self.quick else LASTING_OPTIONS
        run = [java(), *OPTIONS, *options, "-cp", class_path(self.name, self.cache)]
        self._prepare(run, ports)
        command = [run[0], f"-Xmx{self.memory_mb}m", self._mark.strip(), *run[1:], *self._arguments()]
        pid = launch(command, self.folder, self.log)
        # Written before it answers: whoever starts it next must find this one, should we die now.
        new = Note(pid, ports, pinned_version(self.name))
        (self.folder / "service.json").write_bytes(msgspec.json.encode(new))
        if not self.keep:
            self._watch = Watch(pid, self._mark)

    def _port_for(self, name: str, last: int, others: Collection[int]) -> int:
        wanted = self.wanted_ports.get(name, 0)
        if wanted and is_listening(wanted):
            raise ServiceError(f"{self.name}: port {wanted} is taken; set another, or 0 for a free one")
        if wanted:
            return wanted
        return last if last and not is_listening(last) else free_port(others)

    def _end_in_turn(self, patience: float) -> None:
        if self.folder.exists():
            with self._turn():
                self._end(patience)

    def _end(self, patience: float) -> None:
        if note := self.note:
            end(note.pid, self._mark, patience=patience)
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.close()

    def _log_tail(self) -> str:
        """The lines of the log that tell of trouble, else its last ones."""
        said = telling_lines(self.log.read_text(errors="replace"), TELLING_WORDS)
        return f"its log says: {said} ({self.log})"
