"""The worker's end of its record process: writes go there one at a time, reads have connections of their own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Self

from fraud.alert import Alert
from fraud.database import open_engine
from fraud.dead_letter import DeadLetter
from fraud.errors import InputError, RingfenceError, ServiceError, SettingsError, StoreError, StoreUnavailable
from fraud.label import Label
from fraud.record_reader import RecordReader
from fraud.record_rows import SavedState
from fraud.ring import Ring
from fraud.standing_scores import Rescoring, StandingScore
from stream.record_wire import (
    Answer,
    Batch,
    Failed,
    KeepRescoring,
    LabelsSent,
    MarkSent,
    Open,
    Request,
    VerdictsWritten,
    receive_answer,
    rows_of,
    send,
)
from stream.shared_arrays import SharedArrays
from stream.verdicts import Verdicts

__all__ = ["RecordClient"]

STOP_SECONDS = 30.0

ROOT = Path(__file__).resolve().parents[1]
"""Where the program is found, wherever the worker was started from."""

ERRORS = {
    one.__name__: one for one in (InputError, ServiceError, SettingsError, StoreError, StoreUnavailable)
}


class RecordClient(RecordReader):
    """A record whose writes are another process's work; safe to share between threads.

    When that process is gone, the write that it had in hand raises StoreUnavailable, and the next one starts it anew:
    what is written again changes nothing.
    """

    def __init__(self, url: str) -> None:
        super().__init__(open_engine(url))
        self._url = url
        self._turn = threading.Lock()
        self._channel: socket.socket | None = None
        self._shared = SharedArrays.new()
        """With the process that runs; one that has lost its channel may still read the one it had."""
        self._process: subprocess.Popen[bytes] | None = None

    @classmethod
    def open(cls, url: str) -> Self:
        """Start the process and open the record there; raises as ``Record.open``."""
        client = cls(url)
        try:
            with client._turn:
                client._start()
        except BaseException:
            client.close()
            raise
        return client

    @property
    def pid(self) -> int | None:
        """Of the process, while it runs."""
        return None if self._process is None else self._process.pid

    def write_verdicts(
        self,
        verdicts: Verdicts,
        *,
        stream: str,
        positions: Mapping[str, int] | None = None,
        dead_letters: Sequence[DeadLetter] = (),
    ) -> list[bytes]:
        """Record verdicts; returns the messages of the decisions in force, see ``stream.recording``."""
        answer = self._ask(lambda shared: rows_of(verdicts, stream, positions, dead_letters, shared))
        if not isinstance(answer, VerdictsWritten):
            raise ServiceError(f"record process: answered {type(answer).__name__}; this is a fault of ours")
        return answer.decisions

    def write_batch(
        self,
        *,
        stream: str = "main",
        positions: Mapping[str, int] | None = None,
        states: Iterable[SavedState] = (),
        labels: Iterable[Label] = (),
        rings: Iterable[Ring] = (),
        alerts: Iterable[Alert] = (),
        dead_letters: Iterable[DeadLetter] = (),
    ) -> None:
        """Record what is no verdict; see ``Record.write_batch``."""
        self._ask(
            Batch(
                stream,
                None if positions is None else dict(positions),
                list(states),
                list(labels),
                list(rings),
                list(alerts),
                list(dead_letters),
            )
        )

    def mark_sent(self, idempotency_keys: Iterable[str], at: datetime) -> None:
        """Note that these states of alerts were handed over."""
        self._ask(MarkSent(list(idempotency_keys), at))

    def keep_rescoring(self, rescoring: Rescoring, scores: Sequence[StandingScore]) -> None:
        """Keep what was, or is to be, looked at again because of a case; see ``Record.keep_rescoring``."""
        self._ask(KeepRescoring(rescoring, list(scores)))

    def labels_sent(self, keys: Sequence[int], at: datetime) -> None:
        """Note that these labels of cases were taken in for good."""
        self._ask(LabelsSent(list(keys), at))

    def close(self) -> None:
        """Let the process finish, and close all connections."""
        with self._turn:
            self._end()
            self._shared.close()
        super().close()

    def _ask(self, request: Request | Callable[[SharedArrays], Request]) -> Answer:
        with self._turn:
            channel = self._channel or self._start()
            try:
                send(channel, request(self._shared) if callable(request) else request)
                answer = receive_answer(channel)
            except (OSError, EOFError) as error:
                self._end()
                raise StoreUnavailable(
                    "record process: ended while it wrote; it is started again with the next write"
                ) from error
            except BaseException:
                # Whatever comes next on this channel would be taken for the answer to another request.
                self._end()
                raise
        return _checked(answer)

    def _start(self) -> socket.socket:
        ours, theirs = socket.socketpair()
        self._shared.close()
        self._shared = SharedArrays.new()
        with theirs:
            numbers = theirs.fileno(), self._shared.descriptor
            self._process = subprocess.Popen(
                [sys.executable, "-m", "stream.record_process", *map(str, numbers)],
                env=os.environ | {"PYTHONPATH": _python_path()},
                stdin=subprocess.DEVNULL,
                pass_fds=numbers,
            )
        self._channel = ours
        try:
            send(ours, Open(self._url))
            _checked(receive_answer(ours))
        except (OSError, EOFError) as error:
            self._end()
            raise StoreUnavailable("record process: does not start; its output says why") from error
        except RingfenceError:
            self._end()
            raise
        return ours

    def _end(self) -> None:
        if self._channel is not None:
            with suppress(OSError):
                # Closing is not enough while a snapshot's process holds a copy of the socket.
                self._channel.shutdown(socket.SHUT_RDWR)
            self._channel.close()
            self._channel = None
        if self._process is not None:
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None


def _python_path() -> str:
    return os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))


def _checked(answer: Answer) -> Answer:
    """The answer, or the error that it tells of."""
    if isinstance(answer, Failed):
        raise ERRORS.get(answer.error, RingfenceError)(answer.text)
    return answer
