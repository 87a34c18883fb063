"""``python -m fraud worker``: the Faust worker with our settings."""

from __future__ import annotations

import logging
import sys
from typing import Annotated

import typer

from fraud.errors import InputError
from fraud.memory_reuse import long_running
from fraud.settings import Settings

__all__ = ["command"]

SWITCH_SECONDS = 0.00005


def command(
    log_level: Annotated[
        str | None, typer.Option(help="debug, info, warning or error; default from the settings.")
    ] = None,
) -> None:
    """Score transactions from the broker until stopped; SIGTERM drains and saves the state."""
    settings = Settings.load()
    model = settings.stream.model or settings.home / "model"
    if not model.is_dir():
        raise InputError(f"{model}: no model; run `python -m fraud train`, or set RINGFENCE_STREAM__MODEL")
    from stream.app import create_app

    app = create_app(settings)
    # The record's thread gives the interpreter lock away at every statement; at Python's 5 ms it waits longer for
    # the lock to come back than its work takes.
    sys.setswitchinterval(SWITCH_SECONDS)
    # Faust's own log set-up would take the form of the settings away.
    logging.getLogger().setLevel((log_level or settings.log_level).upper())
    long_running()
    worker = app.Worker(override_logging=False, redirect_stdouts=False, quiet=True)
    # It shows the cursor again that it never hid, in the middle of a line of the log.
    worker.spinner = None
    worker.execute_from_commandline()
