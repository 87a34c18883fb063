"""The ``settings`` command."""

from __future__ import annotations

from fraud.settings import Settings

__all__ = ["command"]


def command() -> None:
    """Show every setting as NAME=value as it is in force now; secrets are masked."""
    for variable, value in Settings.load().masked().items():
        print(f"{variable}={value}")
