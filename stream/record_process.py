"""The process that writes a worker's record: SQL, compression and commits beside the scoring, not in its way.

Python runs one thread at a time, so that a record written by a thread of the worker would hold up the very rows that
come next. ``stream.record_client`` starts this program with a socket; it ends when the worker closes it, or is gone.
What is under way then is still committed, which is harmless: whoever takes over finds the rows on record, and writing
them again changes nothing.
"""

from __future__ import annotations

import logging
import signal
import socket
import sys
from contextlib import ExitStack, suppress

import msgspec

from fraud.cases import Cases
from fraud.errors import RingfenceError, StoreUnavailable
from fraud.memory_reuse import long_running
from fraud.record import Record
from fraud.record_checkpoints import Checkpoints
from stream.messages import decision_message
from stream.record_wire import (
    Answer,
    Batch,
    Done,
    Failed,
    KeepRescoring,
    LabelsSent,
    MarkSent,
    Open,
    Request,
    VerdictsWritten,
    receive_request,
    send,
    verdicts_of,
)
from stream.recording import write_verdicts
from stream.shared_arrays import SharedArrays

__all__ = ["main", "serve"]

log = logging.getLogger(__name__)


def serve(channel: socket.socket, shared: SharedArrays) -> None:
    """Carry out requests one after another until the other end is gone."""
    record: Record | None = None
    with suppress(EOFError, ConnectionError), ExitStack() as opened:
        while True:
            request = receive_request(channel)
            answer: Answer
            try:
                if isinstance(request, Open):
                    record, answer = Record.open(request.url), Done()
                    opened.callback(record.close)
                    opened.enter_context(Checkpoints(record.engine))
                elif record is None:
                    answer = Failed(
                        "ServiceError", "record process: nothing is open; this is a fault of ours"
                    )
                else:
                    answer = _carry_out(record, request, shared)
            except RingfenceError as error:
                answer = Failed(type(error).__name__, str(error))
            send(channel, answer)
            if record is not None:
                _make_room(record)


def _make_room(record: Record) -> None:
    """Nobody waits just now; whoever asks next meets what keeps it from being done."""
    try:
        record.make_room()
    except StoreUnavailable as error:
        log.warning("the record's names stay where they are for now: %s", error)


def _carry_out(record: Record, request: Request, shared: SharedArrays) -> Answer:
    match request:
        case Batch():
            record.write_batch([], [], **msgspec.structs.asdict(request))
        case MarkSent(keys, at):
            record.mark_sent(keys, at)
        case KeepRescoring(rescoring, scores):
            record.keep_rescoring(rescoring, scores)
        case LabelsSent(keys, at):
            Cases(record).labels_sent(keys, at)
        case Open():
            raise AssertionError("unreachable: serve opens")
        case rows:
            decisions = write_verdicts(
                record,
                verdicts_of(rows, shared),
                stream=rows.stream,
                positions=rows.positions,
                dead_letters=rows.dead_letters,
            )
            return VerdictsWritten([decision_message(one) for one in decisions])
    return Done()


def main() -> None:
    """Serve the socket whose number is the first argument, with the shared memory of the second."""
    # A Ctrl-C or a stop of the whole group is the worker's to handle: it drains first.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    long_running()
    with socket.socket(fileno=int(sys.argv[1])) as channel:
        serve(channel, SharedArrays(int(sys.argv[2])))


if __name__ == "__main__":
    main()
