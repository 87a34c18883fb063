"""One address for the apps of many tests, so that a browser which has read the scripts once keeps them."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from werkzeug.serving import make_server


class Door:
    """A WSGI app that hands each request to the app that stands behind it at the time."""

    def __init__(self) -> None:
        self.app: WSGIApplication | None = None
        self.address = ""

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if self.app is None:
            start_response("503 Service Unavailable", [("Content-Type", "text/plain")])
            return [b"No test is at work."]
        return self.app(environ, start_response)


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
