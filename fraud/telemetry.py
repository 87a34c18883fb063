"""Logging for people and machines: one line an event on standard error, as key=value or JSON, secrets masked."""

from __future__ import annotations

import json
import logging
import math
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime

from fraud.settings import Settings

__all__ = ["configure_logging", "mask"]

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_SECRET_NAME = re.compile(r"password|passwd|secret|api_?key|token_key|authorization", re.IGNORECASE)
_URL_PASSWORD = re.compile(r"(?<=://)([^:/@\s]*):[^@\s]*@")
_SECRET_PAIR = re.compile(
    r"\b(\w*(?:password|secret|api_?key|token_key)\w*)(\s*[=:]\s*)[^\s,;&]+", re.IGNORECASE
)
_NEEDS_QUOTES = re.compile(r'[\s"=]|^$')
MASK = "********"


def configure_logging(settings: Settings) -> None:
    """Sends all log records of this process to standard error in the form that the settings ask for."""
    handler = _StandardErrorHandler()
    handler.setFormatter(_JsonFormatter() if settings.log_format == "json" else _KeyValueFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level.upper())


def mask(value: object) -> str:
    """A personal value fit for an error message: its first two characters and its length, never the whole."""
    text = str(value)
    shown = text[:2] if len(text) > 4 else ""
    return f"{shown}… ({len(text)} characters)"


def _clean(text: str) -> str:
    return _SECRET_PAIR.sub(rf"\1\2{MASK}", _URL_PASSWORD.sub(rf"\1:{MASK}@", text))


def _fields(record: logging.LogRecord, formatter: logging.Formatter) -> Iterator[tuple[str, object]]:
    """What a record says: time, level, logger, event, then its ``extra`` fields, then the traceback if any."""
    yield "time", datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
    yield "level", record.levelname.lower()
    yield "logger", record.name
    yield "event", _clean(record.getMessage())
    for name, value in vars(record).items():
        if name not in _STANDARD:
            yield name, MASK if _SECRET_NAME.search(name) else _plain(value)
    if record.exc_info:
        yield "traceback", _clean(formatter.formatException(record.exc_info))


def _plain(value: object) -> object:
    is_number = isinstance(value, bool | int | float) and math.isfinite(value)
    return value if is_number or value is None else _clean(str(value))


class _StandardErrorHandler(logging.Handler):
    """Asks for standard error at each record, as a progress bar puts itself in front of it while it runs.

    A line that cannot be written (the log lies on a full disk, say) is no reason to stop the work that it tells of;
    how many were lost is told with the next one that gets through.
    """

    def __init__(self) -> None:
        super().__init__()
        self._lost = 0

    def emit(self, record: logging.LogRecord) -> None:
        if self._lost:
            record.lost_lines = self._lost
        try:
            print(self.format(record), file=sys.stderr, flush=True)
        except OSError:
            self._lost += 1
        else:
            self._lost = 0


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return json.dumps(dict(_fields(record, self)), ensure_ascii=False)


class _KeyValueFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return " ".join(f"{name}={_quoted(str(value))}" for name, value in _fields(record, self))


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False) if _NEEDS_QUOTES.search(text) else text
