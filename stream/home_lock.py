"""Who keeps the online state of a home folder: its workers, or the one process of the embedded interface.

Both would write decisions into the same record out of states of their own, so a home belongs to one kind for good.
"""

from __future__ import annotations

import fcntl
import time
from pathlib import Path
from typing import IO, Literal

from fraud.errors import ServiceError

__all__ = ["HomeLock", "Keeper"]

Keeper = Literal["workers", "embedded"]

FILE = "state.owner"
PATIENCE = 5.0
"""Seconds to wait for one that is just ending; a snapshot it had begun holds the home until it is written."""

PAUSE = 0.1
_OTHER: dict[Keeper, str] = {
    "workers": "`python -m fraud worker`",
    "embedded": "`python -m fraud api` in embedded mode",
}


class HomeLock:
    """A share in a home folder, held until ``release`` or the end of the process, however that comes.

    Workers of one host share a home; the embedded interface is alone in it. Raises ServiceError where a process holds
    the home that excludes this one, or where its state was made by the other kind.
    """

    def __init__(self, home: Path, keeper: Keeper, *, patience: float = PATIENCE) -> None:
        home.mkdir(parents=True, exist_ok=True)
        path = home / FILE
        path.touch()
        self._file: IO[str] = path.open("r+")
        try:
            self._lock(home, keeper, patience)
            self._claim(home, keeper)
        except BaseException:
            self._file.close()
            raise

    def _lock(self, home: Path, keeper: Keeper, patience: float) -> None:
        kind = fcntl.LOCK_EX if keeper == "embedded" else fcntl.LOCK_SH
        until = time.monotonic() + patience
        while True:
            try:
                return fcntl.flock(self._file, kind | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > until:
                    raise ServiceError(
                        f"{home}: in use by another process that keeps its state; stop that, or set another "
                        "RINGFENCE_HOME"
                    ) from None
            time.sleep(PAUSE)

    def _claim(self, home: Path, keeper: Keeper) -> None:
        self._file.seek(0)
        owner = self._file.read().strip()
        if owner not in ("", keeper):
            other: Keeper = "workers" if keeper == "embedded" else "embedded"
            raise ServiceError(
                f"{home}: its state belongs to {_OTHER[other]}, and a record has one state; "
                "use that command, or set another RINGFENCE_HOME and record"
            )
        if not owner:
            self._file.seek(0)
            self._file.write(keeper)
            self._file.flush()

    def release(self) -> None:
        """Let others in."""
        self._file.close()
