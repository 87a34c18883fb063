"""Keys that a machine makes for itself in local mode: kept in the home folder, readable by their owner only."""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path

from fraud.errors import SettingsError
from fraud.settings import MINIMUM_KEY_LENGTH

__all__ = ["local_key"]


def local_key(path: Path) -> bytes:
    """The key in a file, made on first use; raises SettingsError where it is damaged or open to other users."""
    if not path.exists():
        _make_key(path)
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise SettingsError(f"{path}: other users can read this key; run `chmod 600 {path}`")
    key = path.read_bytes().strip()
    if len(key) < MINIMUM_KEY_LENGTH:
        raise SettingsError(
            f"{path}: damaged key; restore it from a copy (what an old key made, a new one does not know)"
        )
    return key


def _make_key(path: Path) -> None:
    """Makes the key so that of several processes starting at once one wins and none sees half a key."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(32) + "\n")
            file.flush()
            os.fsync(file.fileno())
        # A link, unlike a rename, never replaces the key that another process made first.
        path.hardlink_to(aside)
    except FileExistsError:
        return
    finally:
        aside.unlink()
