"""How a command ends: one line on standard error and an exit status, never a traceback for what was foreseen."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from fraud.errors import InputError, RingfenceError

__all__ = ["BAD_INPUT", "FAILED", "INTERRUPTED", "OK", "complain", "exit_status"]

OK = 0
FAILED = 1
BAD_INPUT = 2
INTERRUPTED = 130
BROKEN_PIPE = 141

_MENDABLE_BY_CALLER = (
    FileNotFoundError,
    FileExistsError,
    PermissionError,
    IsADirectoryError,
    NotADirectoryError,
)


def complain(message: str) -> None:
    """Writes one line to standard error, whatever line breaks the message has."""
    print(f"ringfence: {' '.join(message.split())}", file=sys.stderr)


def exit_status(action: Callable[[], object]) -> int:
    """Runs ``action`` and returns the status to exit with, after saying why where it is not 0.

    InputError and paths that cannot be used give 2, other RingfenceErrors and a full disk 1, an interrupt 130,
    a reader that went away 141. Anything else is a fault of ours and passes through with its traceback.
    """
    try:
        action()
        sys.stdout.flush()
    except InputError as error:
        complain(str(error))
        return BAD_INPUT
    except RingfenceError as error:
        complain(str(error))
        return FAILED
    except KeyboardInterrupt:
        complain("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        # The interpreter flushes standard output once more at its end; let that go nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except OSError as error:
        if error.filename is None:
            raise
        complain(f"{os.fspath(error.filename)!s}: {error.strerror}")
        return BAD_INPUT if isinstance(error, _MENDABLE_BY_CALLER) else FAILED
    return OK
