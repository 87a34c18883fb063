from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from http.client import HTTPConnection
from pathlib import Path

import pytest

from dashboard.app import create_app, serve
from dashboard.safety import check_host, is_loopback
from fraud.access import Role
from fraud.errors import ServiceError, SettingsError
from fraud.record import Record
from fraud.settings import Settings
from graph.arcade import ArcadeServer
from graph.store import GraphStore
from tests.dashboard.people import app_over, client_of
from tests.dashboard.world import fill


def test_health_tells_what_is_down(record: Record) -> None:
    client = create_app(record, None).server.test_client()
    assert client.get("/healthz").json == {"graph": "off", "record": "ok"}
    with GraphStore.connect("bolt://127.0.0.1:1", "u", "p", "d", patience=0.1) as down:
        answer = create_app(record, down).server.test_client().get("/healthz")
    assert (answer.status_code, answer.json) == (200, {"graph": "down", "record": "ok"})


def test_every_answer_bears_safe_headers(record: Record) -> None:
    client = client_of(app_over(record), record, Role.VIEWER)
    for path in (
        "/",
        "/healthz",
        "/_dash-layout",
        "/assets/ringfence.css",
        "/nowhere",
        "/sign-in",
        "/password",
    ):
        with client.get(path) as answer:
            headers = answer.headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    scripts = client.get("/").headers["Content-Security-Policy"].split("script-src")[1].split(";")[0]
    assert "unsafe" not in scripts


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "10.0.0.7:8050"])
def test_a_foreign_name_for_this_machine_is_refused(record: Record, host: str) -> None:
    client = create_app(record, None).server.test_client()
    assert client.get("/", headers={"Host": host}).status_code == 400


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8050", "[::1]:8050"])
def test_this_machine_by_its_own_names_is_served(record: Record, host: str) -> None:
    client = create_app(record, None).server.test_client()
    assert client.get("/healthz", headers={"Host": host}).status_code == 200


def test_a_port_that_is_taken_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dashboard.app._open_graph", lambda *_: None)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(ServiceError, match="cannot listen on"):
            serve(Settings.load(home=tmp_path), port=taken.getsockname()[1])


def test_other_machines_come_to_production_by_tls_only(tmp_path: Path) -> None:
    assert is_loopback("127.0.0.2")
    check_host("0.0.0.0", Settings.load())  # noqa: S104 - that it is allowed is the point
    production: dict[str, object] = {"home": tmp_path, "environment": "production", "token_key": "k" * 64}
    check_host("::1", Settings.load(**production))
    with pytest.raises(SettingsError, match="RINGFENCE_DASHBOARD__PUBLIC_URL: required"):
        serve(Settings.load(**production), host="192.168.1.4")
    plain = Settings.load(
        **production, dashboard={"public_url": "http://desk.example", "secret_key": "s" * 64}
    )
    with pytest.raises(SettingsError, match="https://"):
        serve(plain, host="192.168.1.4")
    with pytest.raises(SettingsError, match="RINGFENCE_DASHBOARD__SECRET_KEY: required"):
        serve(Settings.load(**production))


def test_the_command_serves_follows_the_record_and_stops_when_told(tmp_path: Path) -> None:
    record = Record.open(f"sqlite:///{tmp_path}/record.sqlite3")
    fill(record)
    newest = record.following("main", 0).batch_id
    record.close()
    command = [sys.executable, "-m", "fraud", "dashboard", "--port", "0"]
    environment = {**os.environ, "RINGFENCE_HOME": str(tmp_path), "RINGFENCE_ARCADE__MEMORY_MB": "256"}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        address = re.search(r"http://(127\.0\.0\.1:\d+)", server.stdout.readline())
        assert address is not None
        connection = HTTPConnection(address[1])
        connection.request("GET", "/healthz")
        with connection.getresponse() as answer:
            assert json.load(answer) == {"graph": "ok", "record": "ok"}
        connection.close()
        with ArcadeServer(tmp_path / "graph") as shared, shared.connect() as store:
            while store.position("main") < newest:
                time.sleep(0.1)
        server.send_signal(signal.SIGTERM)
        assert server.wait(60) == 0
    assert not (tmp_path / "graph" / "server.json").exists()
