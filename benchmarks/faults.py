"""Faults that a drill can plant and take away again: a network that is cut, a disk that is full."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import subprocess
import threading
import time
from pathlib import Path
from typing import Self

__all__ = ["CutNetwork", "FullDisk", "SmallDisk"]

CUT_SECONDS = 12.0
"""Longer than the session of a worker with its broker: partitions would move, if there were anyone to take them."""

FULL_SECONDS = 5.0
PORTION = 1 << 16


class CutNetwork:
    """A TCP proxy in front of one server; while the network is cut, connections are dropped and none is let in."""

    def __init__(self, target: int, port: int) -> None:
        self._target = target
        self._port = port
        self._whole = True
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="cut-network", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        until = time.monotonic() + 10
        while time.monotonic() < until:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self._port), 0.2):
                return self
            time.sleep(0.05)
        raise RuntimeError("the proxy does not listen")

    def __exit__(self, *_: object) -> None:
        self.kill()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def kill(self) -> None:
        """Cut."""
        self._loop.call_soon_threadsafe(self._cut)

    def restart(self) -> None:
        """Leave it cut for a while, then join it again."""
        time.sleep(CUT_SECONDS)
        self._whole = True

    def _cut(self) -> None:
        self._whole = False
        for writer in self._writers:
            writer.transport.abort()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", self._port))
        self._loop.run_forever()
        server.close()
        left = asyncio.all_tasks(self._loop)
        for task in left:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*left, server.wait_closed(), return_exceptions=True))
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._whole:
            writer.transport.abort()
            return
        try:
            onward_reader, onward = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, onward}
        await asyncio.gather(self._pass(reader, onward), self._pass(onward_reader, writer))
        self._writers -= {writer, onward}

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while portion := await reader.read(PORTION):
                writer.write(portion)
                await writer.drain()
        writer.close()


class SmallDisk:
    """A file system of its own in memory; needs the right to mount."""

    def __init__(self, folder: Path, megabytes: int) -> None:
        self.folder = folder
        self._megabytes = megabytes

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={self._megabytes}m", "tmpfs", str(self.folder)],  # noqa: S607
            check=True,
            capture_output=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        subprocess.run(["umount", "-l", str(self.folder)], check=True, capture_output=True)  # noqa: S607


class FullDisk:
    """Fills what is left of a disk, and frees it again."""

    def __init__(self, folder: Path) -> None:
        self._filler = folder / "filler"

    def kill(self) -> None:
        """Fill it to the last byte."""
        with self._filler.open("wb") as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(PORTION))
                file.flush()

    def restart(self) -> None:
        """Leave it full for a while, then free it."""
        time.sleep(FULL_SECONDS)
        self._filler.unlink()
