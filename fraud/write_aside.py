"""Output that is either whole or not there: write under a hidden name beside the target, then rename.

What a killed process left aside is removed by the next writer of the same target.
"""

from __future__ import annotations

import ctypes
import os
import re
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from fraud.errors import InputError

__all__ = ["sweep", "write_aside", "write_files_aside", "write_folder_aside"]

_under_way: set[Path] = set()
"""What this process is writing now: after a restart in a container another may have had our process id."""

_swept: set[Path] = set()
"""Folders in which this process has looked for leavings: a folder of many files takes long to read."""

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2


@contextmanager
def write_aside(target: Path) -> Iterator[Path]:
    """Gives a path to write a file to, which becomes ``target`` when the block ends well.

    The path has the target's suffixes, keeps to its folder (made where missing) and does not exist yet. When the
    block raises, or the process dies, ``target`` is as it was. Raises InputError where no file can be put there.
    """
    target = target.resolve()
    if target.is_dir():
        raise InputError(f"{target}: is a folder; name a file")
    aside = _aside(target)
    try:
        yield aside
        _sync(aside)
        aside.replace(target)
        _sync(target.parent)
    finally:
        aside.unlink(missing_ok=True)
        _under_way.discard(aside)


def write_files_aside(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Write several files of a folder, each whole or not there; all are durable when it returns.

    Cheaper than one ``write_aside`` after the other: leavings of killed processes are looked for once a process, and
    the folder is flushed once a call.
    Raises InputError where nothing can be put there.
    """
    folder = folder.resolve()
    asides: dict[Path, Path] = {}
    try:
        _make_folder(folder)
        if folder not in _swept:
            sweep(folder)
            _swept.add(folder)
        for name, content in contents.items():
            asides[folder / name] = aside = _hidden(folder / name)
            aside.write_bytes(content)
        for aside in asides.values():
            _sync(aside)
        for target, aside in asides.items():
            aside.replace(target)
        _sync(folder)
    finally:
        for aside in asides.values():
            aside.unlink(missing_ok=True)
            _under_way.discard(aside)


@contextmanager
def write_folder_aside(target: Path, *, marker: str) -> Iterator[Path]:
    """Gives a fresh folder to fill, which becomes ``target`` when the block ends well.

    A folder already there is replaced whole, in one step, but only if it is empty or holds the file ``marker``,
    which every earlier output has: InputError otherwise, so that no one's own files are lost.
    """
    target = target.resolve()
    if target.exists() and not _is_ours(target, marker):
        raise InputError(f"{target}: exists and holds other files (no {marker}); name another folder")
    aside = _aside(target)
    aside.mkdir()
    try:
        yield aside
        for path in aside.rglob("*"):
            _sync(path)
        _put_in_place(aside, target)
        _sync(target.parent)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
        _under_way.discard(aside)


def _is_ours(folder: Path, marker: str) -> bool:
    return folder.is_dir() and ((folder / marker).is_file() or not any(folder.iterdir()))


def _aside(target: Path) -> Path:
    """A name no one has: hidden, with our process id in front so that leavings can be told from work under way."""
    _make_folder(target.parent)
    _remove_leavings(target.parent, re.escape(target.name))
    return _hidden(target)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise InputError(f"{folder}: is not a folder; nothing can be written below it") from None


def _hidden(target: Path) -> Path:
    aside = target.with_name(f".{os.getpid()}-{secrets.token_hex(4)}.aside.{target.name}")
    _under_way.add(aside)
    return aside


def sweep(folder: Path) -> None:
    """Remove what killed processes left aside in a folder, whatever it was to become."""
    _remove_leavings(folder, ".+")


def _remove_leavings(folder: Path, name: str) -> None:
    pattern = re.compile(rf"\.(\d+)-[0-9a-f]{{8}}\.aside\.{name}")
    for path in folder.iterdir():
        match = pattern.fullmatch(path.name)
        if match and path not in _under_way and not _is_another_running(int(match[1])):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def _is_another_running(process: int) -> bool:
    if process == os.getpid():
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _put_in_place(aside: Path, target: Path) -> None:
    if not target.exists():
        aside.rename(target)
    elif not _exchange(aside, target):
        # Without an exchanging rename there is an instant with no folder, but never one with half a folder.
        old = _aside(target)
        target.rename(old)
        aside.rename(target)
        shutil.rmtree(old)
        _under_way.discard(old)


def _exchange(first: Path, second: Path) -> bool:
    """Swaps two folders in one step, where the C library and the file system can (Linux)."""
    rename = getattr(ctypes.CDLL(None), "renameat2", None)
    if rename is None:
        return False
    names = os.fsencode(first), os.fsencode(second)
    status: int = rename(_AT_FDCWD, names[0], _AT_FDCWD, names[1], _RENAME_EXCHANGE)
    return status == 0
