"""One address for the apps of many tests, so that a browser which has read the scripts once keeps them."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from werkzeug.serving import make_server

SECONDS = 30.0


class Door:
    """A WSGI app that hands each request to the app that stands behind it at the time."""

    def __init__(self) -> None:
        self.app: WSGIApplication | None = None
        self.address = ""
        self._idle = threading.Condition()
        self._under_way = 0

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        with self._idle:
            app = self.app
            self._under_way += app is not None
        if app is None:
            start_response("503 Service Unavailable", [("Content-Type", "text/plain")])
            return [b"No test is at work."]
        try:
            return app(environ, start_response)
        finally:
            with self._idle:
                self._under_way -= 1
                self._idle.notify_all()

    def shut(self) -> None:
        """Take the app away once no request is with it any more: its stores may be closed then."""
        with self._idle:
            self.app = None
            assert self._idle.wait_for(lambda: not self._under_way, SECONDS), "a request does not end"


@contextmanager
def open_door() -> Iterator[Door]:
    """A door served on the loopback until the block ends."""
    door = Door()
    server = make_server("127.0.0.1", 0, door, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    door.address = f"http://127.0.0.1:{server.server_port}"
    try:
        yield door
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
