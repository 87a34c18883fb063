"""Server processes of this machine: free ports, a sure way to tell ours from others, and how they end."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple

__all__ = [
    "Watch",
    "end",
    "free_port",
    "is_listening",
    "is_running",
    "launch",
    "resident_mb",
    "telling_lines",
]

PORTS = range(15_000, 32_000)
"""Below what systems hand out to outgoing connections: a client that calls a dead server's port again and again
would otherwise be given that very port one day, connect to itself, and keep the server from coming back."""
STOP_SECONDS = 30.0
LOG_LINES, LINE_CHARACTERS = 4, 240


class _Child(NamedTuple):
    process: subprocess.Popen[bytes]
    command_line: str


_children: dict[int, _Child] = {}
"""Servers started by this process: a child must be waited for, or it stays behind as a zombie."""

_WATCH_SCRIPT = """
cat > /dev/null
ps -ww -o command= -p "$1" | grep -qF -- "$2" || exit 0
for request in TERM KILL; do
  kill "-$request" "$1"
  tries=$3
  while [ "$tries" -gt 0 ]; do
    ps -ww -o command= -p "$1" | grep -qF -- "$2" || exit 0
    sleep 1
    tries=$((tries - 1))
  done
done
"""


def free_port(besides: Collection[int] = ()) -> int:
    """A TCP port of the loopback that nobody holds now, and none of those named, which are to be held soon."""
    for port in random.sample(PORTS, 100):
        if port in besides:
            continue
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        last_resort: int = probe.getsockname()[1]
    return last_resort


def telling_lines(said: str, words: Collection[str]) -> str:
    """What a program printed, as one short line: the last lines with one of these words, else its last ones."""
    lines = [line.strip()[:LINE_CHARACTERS] for line in said.splitlines()]
    telling = [line for line in lines if any(word in line for word in words)]
    return " | ".join((telling or lines)[-LOG_LINES:]) or "nothing"


def is_listening(port: int) -> bool:
    """Whether something on the loopback accepts connections at the port."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def launch(command: Sequence[str], folder: Path, log: Path) -> int:
    """Start a server in ``folder``, its output in ``log``, and return its process id.

    It gets a session of its own: Ctrl-C at the terminal must not take a store before what uses it is done.
    """
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=folder,
            start_new_session=True,
        )
    _children[process.pid] = _Child(process, f"{' '.join(command)} ")
    return process.pid


def is_running(pid: int, mark: str) -> bool:
    """Whether the process lives and has ``mark`` in its command line.

    The mark tells a server from a stranger: numbers are used again after a crash or a reboot.
    """
    child = _children.get(pid)
    if child is not None:
        # Surer than the list of processes, where one that is on its way out has lost its command line already.
        return child.process.poll() is None and mark in child.command_line
    listing = subprocess.run(
        ["ps", "-ww", "-o", "command=", "-p", str(pid)],  # noqa: S607 - where ps lies differs between systems
        capture_output=True,
        text=True,
        check=False,
    )
    return mark in listing.stdout


def end(pid: int, mark: str, *, patience: float = STOP_SECONDS) -> None:
    """Ask the process to end, insist after ``patience`` seconds (0: at once), and return when it has."""
    requests = (signal.SIGTERM, signal.SIGKILL) if patience else (signal.SIGKILL,)
    for request in requests:
        if not is_running(pid, mark):
            break
        os.kill(pid, request)
        deadline = time.monotonic() + (patience or STOP_SECONDS)
        while is_running(pid, mark) and time.monotonic() < deadline:
            time.sleep(0.05)
    child = _children.get(pid)
    if child is not None and child.process.poll() is not None:
        del _children[pid]


def resident_mb(pid: int) -> float:
    """Memory that the process holds now, in MiB; 0 when it is gone."""
    listing = subprocess.run(
        ["ps", "-o", "rss=", "-p", str(pid)],  # noqa: S607 - as above
        capture_output=True,
        text=True,
        check=False,
    )
    return int(listing.stdout.strip() or 0) / 1024


class Watch:
    """Ends a server when this process dies, however it dies: asks it, and insists after ``patience`` seconds.

    A shell waits at a pipe that only this process holds open. Linux's parent-death signal would not do: it comes
    when the *thread* ends that started the server, and tests start servers from threads.
    """

    def __init__(self, pid: int, mark: str, *, patience: int = 20) -> None:
        self._shell = subprocess.Popen(
            ["/bin/sh", "-c", _WATCH_SCRIPT, "watch", str(pid), mark, str(patience)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def close(self) -> None:
        """Leave off watching; the server must have ended."""
        if self._shell.stdin is not None:
            self._shell.stdin.close()
        self._shell.wait()
