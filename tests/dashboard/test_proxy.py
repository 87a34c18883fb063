"""Who a request came from, behind a proxy and without one, at the server that really serves."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlencode

import pytest
import waitress

from dashboard.app import create_app, proxy_options
from dashboard.sign_in_rules import SignInRules
from fraud import audit_trail
from fraud.access import SYSTEM, Role
from fraud.record import Record
from fraud.settings import Settings
from fraud.users import Users

FORWARDED = {
    "X-Forwarded-For": "203.0.113.9",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "desk.example",
}


@pytest.fixture
def serve_behind(record: Record) -> Iterator[Callable[[str | None], int]]:
    servers: list[tuple[Any, threading.Thread]] = []

    def start(proxy: str | None) -> int:
        settings = Settings.load(dashboard={"proxy": proxy, "public_url": "https://desk.example"})
        rules = SignInRules(https=True, public_url="https://desk.example")
        app = create_app(record, None, only_loopback=False, rules=rules)
        server = waitress.create_server(
            app.server, host="127.0.0.1", port=0, threads=2, **proxy_options(settings)
        )
        thread = threading.Thread(target=server.run)
        thread.start()
        servers.append((server, thread))
        return int(server.effective_port)

    yield start
    for server, thread in servers:
        server.task_dispatcher.shutdown()
        # In the server's own thread: closed from here its sockets could go while it waits on them.
        server.trigger.pull_trigger(partial(server.asyncore.close_all, server._map))
        thread.join(10)
        assert not thread.is_alive()


def wrong_password(port: int, headers: dict[str, str]) -> int:
    connection = HTTPConnection("127.0.0.1", port)
    connection.request("GET", "/sign-in", headers=headers)
    with connection.getresponse() as answer:
        page = answer.read().decode()
        cookies = "; ".join(value.split(";")[0] for value in answer.headers.get_all("Set-Cookie", []))
    found = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert found is not None, page
    form = urlencode({"csrf_token": found[1], "name": "ada", "password": "wrong"})
    sent = {**headers, "Cookie": cookies, "Content-Type": "application/x-www-form-urlencoded"}
    connection.request("POST", "/sign-in", form, sent)
    with connection.getresponse() as answer:
        answer.read()
        status = answer.status
    connection.close()
    return status


def address_of_last(record: Record) -> str:
    (*_, last) = audit_trail.walk(record.engine)
    assert last.act == "sign_in.refused"
    return last.detail


def test_the_proxy_is_believed_and_nobody_else(
    record: Record, serve_behind: Callable[[str | None], int]
) -> None:
    Users(record.engine).add("ada", Role.ADMIN, by=SYSTEM)
    assert wrong_password(serve_behind("127.0.0.1"), FORWARDED) == 401
    assert address_of_last(record) == '{"address":"203.0.113.9"}'
    for proxy in (None, "192.0.2.1"):
        assert wrong_password(serve_behind(proxy), FORWARDED) == 401
        assert address_of_last(record) == '{"address":"127.0.0.1"}', proxy
