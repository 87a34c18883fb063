"""Snapshots of a worker's state with the ledger position they include, so that a restart replays minutes, not years.

A snapshot is a folder named after its ledger position: ``graph.bin``, ``seen.npz`` and ``manifest.json``, written aside
and renamed. The state at a position is the same on every worker, so workers on one host share the folder.
"""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
import shutil
import sys
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec
import numpy as np

from fraud.errors import InputError, StoreError
from fraud.write_aside import sweep, write_folder_aside
from graph import snapshot
from graph.seen import SeenIds
from stream.ledger import Kind, Source
from stream.state import LedgerState

__all__ = ["Saving", "Snapshots"]

log = logging.getLogger(__name__)

FORMAT = 1
KEPT = 3
"""Snapshots that are kept beside the seed: a worker may have to go back behind the newest, or find it damaged."""

MANIFEST, GRAPH, SEEN, LOCK = "manifest.json", "graph.bin", "seen.npz", ".saving"


class _Manifest(msgspec.Struct):
    format: int
    position: int
    settled: list[tuple[Kind, int, int]]
    horizon: int
    seen_sha256: str


class Saving:
    """A snapshot on its way, written by a child process from its copy of memory as of the fork."""

    def __init__(self, process: int, position: int) -> None:
        self.position = position
        self._process = process
        self._status: int | None = None

    def done(self) -> bool:
        """Whether it has ended, well or not; never waits."""
        return self._reap(os.WNOHANG)

    def wait(self) -> bool:
        """Wait for its end; whether the snapshot is there."""
        self._reap(0)
        return self._status == 0

    def _reap(self, flags: int) -> bool:
        if self._status is None:
            process, status = os.waitpid(self._process, flags)
            if process == 0:
                return False
            self._status = os.waitstatus_to_exitcode(status)
            if self._status != 0:
                log.error("snapshot at ledger %d failed with status %d", self.position, self._status)
        return True


class Snapshots:
    """The folder of snapshots of one ledger."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def positions(self) -> list[int]:
        """Ledger positions of the snapshots that are there, newest first."""
        if not self.folder.is_dir():
            return []
        return sorted((int(path.name) for path in self.folder.iterdir() if path.name.isdigit()), reverse=True)

    def save(self, state: LedgerState) -> None:
        """Write a snapshot and remove the oldest ones; waits for nobody: where another saves, nothing is done.

        Raises StoreError where it cannot be written; those already there then stay.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with self._only_saver() as alone:
                if alone and state.position not in self.positions():
                    self._write(state)
                    self._prune()
        except OSError as error:
            raise StoreError(
                f"{self.folder}: the state cannot be saved ({error.strerror or error})"
            ) from error

    def save_in_background(self, state: LedgerState) -> Saving:
        """Begin a snapshot of the state as it is now; the caller goes on changing the state at once.

        A child process writes it from its copy-on-write memory, so the pause is that of a fork; pages that change
        meanwhile are held twice. The child runs nothing but this and ends without any clean-up.
        """
        process = os.fork()
        if process:
            return Saving(process, state.position)
        status = 1
        try:
            self.save(state)
            status = 0
        except (StoreError, InputError) as error:
            print(f"ringfence: snapshot at ledger {state.position}: {error}", file=sys.stderr)
        finally:
            os._exit(status)

    def newest(self, undecided: Mapping[Source, int] | None = None) -> LedgerState | None:
        """The state of the newest good snapshot; None where there is none.

        With ``undecided``, only one that has taken in nothing at or above these source offsets. A damaged
        snapshot is passed over with a warning.
        """
        for position in self.positions():
            try:
                manifest = self._manifest(position)
                if _is_before(manifest, undecided or {}):
                    return self._read(position, manifest)
            except StoreError as error:
                log.warning("snapshot at ledger %d is passed over: %s", position, error)
        return None

    def seed(self) -> LedgerState | None:
        """The state at the beginning of the ledger, which is never removed; None where nothing was seeded.

        Raises StoreError where it is damaged.
        """
        return self._read(0, self._manifest(0)) if 0 in self.positions() else None

    @contextmanager
    def _only_saver(self) -> Iterator[bool]:
        with (self.folder / LOCK).open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            yield True

    def _write(self, state: LedgerState) -> None:
        with write_folder_aside(self.folder / f"{state.position:020d}", marker=MANIFEST) as aside:
            snapshot.save(state.graph, aside / GRAPH)
            seen = state.seen.arrays()
            np.savez(aside / SEEN, young=seen["young"], older=seen["older"])
            manifest = _Manifest(
                format=FORMAT,
                position=state.position,
                settled=[(kind, partition, offset) for (kind, partition), offset in state.settled.items()],
                horizon=state.seen.horizon,
                seen_sha256=_sha256(aside / SEEN),
            )
            body = msgspec.json.encode(manifest)
            (aside / MANIFEST).write_bytes(body + _closing(body))

    def _prune(self) -> None:
        sweep(self.folder)
        for position in [one for one in self.positions() if one][KEPT:]:
            shutil.rmtree(self._path(position), ignore_errors=True)

    def _path(self, position: int) -> Path:
        return self.folder / f"{position:020d}"

    def _manifest(self, position: int) -> _Manifest:
        path = self._path(position) / MANIFEST
        try:
            content = path.read_bytes()
            body = content[: content.find(b"\n")]
            if content != body + _closing(body):
                raise StoreError(f"{path}: damaged")
            manifest = msgspec.json.decode(body, type=_Manifest)
        except (OSError, msgspec.DecodeError) as error:
            raise StoreError(f"{path}: unreadable ({error})") from error
        if manifest.format != FORMAT:
            raise StoreError(f"format {manifest.format}, this release reads {FORMAT}")
        return manifest

    def _read(self, position: int, manifest: _Manifest) -> LedgerState:
        folder = self._path(position)
        try:
            if _sha256(folder / SEEN) != manifest.seen_sha256:
                raise StoreError(f"{folder / SEEN}: damaged")
            with np.load(folder / SEEN, allow_pickle=False) as arrays:
                seen = SeenIds.restore(manifest.horizon, arrays)
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise StoreError(f"{folder / SEEN}: unreadable ({error})") from error
        settled: dict[Source, int] = {
            (kind, partition): offset for kind, partition, offset in manifest.settled
        }
        return LedgerState(snapshot.load(folder / GRAPH), seen, manifest.position, settled)


def _is_before(manifest: _Manifest, undecided: Mapping[Source, int]) -> bool:
    settled = {(kind, partition): offset for kind, partition, offset in manifest.settled}
    return all(settled.get(source, 0) <= offset for source, offset in undecided.items())


def _closing(body: bytes) -> bytes:
    """What follows the body of a manifest, so that a changed byte shows; graph and ids have sums of their own."""
    return b"\n" + hashlib.sha256(body).hexdigest().encode() + b"\n"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
