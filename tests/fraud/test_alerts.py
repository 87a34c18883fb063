"""The dispatcher as a whole: from the record to real servers, through failures, kill -9 and the command."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from fraud.__main__ import main
from fraud.alert import Severity
from fraud.alert_config import AlertConfig
from fraud.alerts import Dispatcher, send_test
from fraud.audit_trail import entries
from fraud.channels.channel import Receipt
from fraud.channels.webhook_signature import verify
from fraud.deliveries import Deliveries
from fraud.delivery import DeliveryState
from fraud.errors import DeliveryFailed, SettingsError
from fraud.processes import free_port
from fraud.record import Record
from fraud.settings import Settings
from tests.fraud.alert_world import (
    NOW,
    SECRET,
    Request,
    alert,
    config,
    endpoint,
    mail_server,
    ok,
    silent,
    twilio,
)

MINUTE = timedelta(minutes=1)


@pytest.fixture
def record(tmp_path: Path) -> Iterator[Record]:
    record = Record.open(Settings.load().database_url.get_secret_value())
    yield record
    record.close()


@pytest.fixture(autouse=True)
def secrets_of_channels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALERTS_SECRET", SECRET)
    monkeypatch.setenv("ALERTS_SID", "AC" + "1" * 32)
    monkeypatch.setenv("ALERTS_TOKEN", "x" * 32)


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


def hook(port: int, **options: Any) -> dict[str, Any]:
    return {
        "kind": "webhook", "url": f"http://127.0.0.1:{port}/", "secret_env": "ALERTS_SECRET",
        "allow_private": True, "timeout_seconds": 1, **options,
    }  # fmt: skip


def to(channel: Mapping[str, Any], **parts: Any) -> AlertConfig:
    return config(channels={"one": channel}, routes=[{"name": "all", "channels": ["one"]}], **parts)


def of(record: Record) -> list[tuple[int, DeliveryState]]:
    return [(one.version, one.state) for one in Deliveries(record.engine).deliveries_of("ring-ring-ab12cd")]


def test_an_alert_reaches_the_receiver_once(record: Record) -> None:
    record.write_batch([], [], alerts=[alert()])
    with (
        endpoint() as server,
        Dispatcher(record.engine, Settings.load(), to(hook(server.port))) as dispatcher,
    ):
        assert dispatcher.once() == 1
        assert dispatcher.once() == 0
    (request,) = server.requests
    (one,) = Deliveries(record.engine).deliveries_of("ring-ring-ab12cd")
    assert verify(SECRET, request.headers, request.body) == one.message_id
    assert (one.state, one.attempts, one.error) == (DeliveryState.DELIVERED, 1, None)


def test_a_failing_receiver_is_tried_less_and_less_until_it_is_given_up(record: Record) -> None:
    record.write_batch([], [], alerts=[alert()])
    clock, moments = Clock(), list[datetime]()

    def busy(_: Request) -> tuple[int, Mapping[str, str], bytes]:
        moments.append(clock.now)
        return 503, {}, b""

    policy = {"attempts": 5, "first_pause_seconds": 8, "longest_pause_seconds": 30}
    with endpoint(busy) as server:
        of_file = to(hook(server.port), delivery=policy)
        with Dispatcher(record.engine, Settings.load(), of_file, now=clock) as dispatcher:
            while clock.now < NOW + 10 * MINUTE:
                dispatcher.once()
                clock.now += timedelta(seconds=1)
            waits = [(after - before).total_seconds() for before, after in pairwise(moments)]
            assert len(moments) == 5
            for wait, longest in zip(waits, [8, 16, 30, 30], strict=True):
                assert longest / 2 <= wait <= longest + 1
            (one,) = Deliveries(record.engine).deliveries_of("ring-ring-ab12cd")
            assert one.state is DeliveryState.FAILED
            assert one.error == "webhook: 127.0.0.1 answered 503 (tried 5 times)"
            server.answer = ok
            assert Deliveries(record.engine).retry() == 1
            clock.now = datetime.now(NOW.tzinfo) + MINUTE
            assert dispatcher.once() == 1
    assert of(record) == [(1, DeliveryState.DELIVERED)]


def test_a_receiver_that_asks_for_time_gets_it(record: Record) -> None:
    record.write_batch([], [], alerts=[alert()])
    clock = Clock()
    with (
        endpoint(lambda _: (429, {"Retry-After": "600"}, b"")) as server,
        Dispatcher(record.engine, Settings.load(), to(hook(server.port)), now=clock) as dispatcher,
    ):
        for minutes in (0, 9, 11):
            clock.now = NOW + minutes * MINUTE
            dispatcher.once()
    assert len(server.requests) == 2


def test_while_a_channel_is_down_not_all_that_waits_is_tried(record: Record) -> None:
    record.write_batch([], [], alerts=[alert(ring=f"ring-{i}") for i in range(20)])
    port = free_port()
    with Dispatcher(record.engine, Settings.load(), to(hook(port)), now=Clock()) as dispatcher:
        assert dispatcher.once() == 1


def test_a_channel_that_hangs_holds_up_no_other(record: Record) -> None:
    record.write_batch([], [], alerts=[alert()])
    with silent() as hanging, endpoint() as server:
        both = config(
            channels={"stuck": hook(hanging, timeout_seconds=20), "quick": hook(server.port)},
            routes=[{"name": "all", "channels": ["stuck", "quick"]}],
        )
        with Dispatcher(record.engine, Settings.load(), both) as dispatcher:
            stop = threading.Event()
            thread = threading.Thread(target=dispatcher.run, args=(stop,), daemon=True)
            thread.start()
            deadline = time.monotonic() + 10
            while not server.requests and time.monotonic() < deadline:
                time.sleep(0.05)
            stop.set()
            assert len(server.requests) == 1
    thread.join(30)
    assert not thread.is_alive()


def test_a_part_that_ends_ends_the_rest_and_is_told(record: Record) -> None:
    class Broken:
        def send(self, *_: object) -> Receipt:
            raise ZeroDivisionError("a fault of ours")

        def find(self, *_: object) -> None:
            return None

        def close(self) -> None:
            pass

    record.write_batch([], [], alerts=[alert()])
    with Dispatcher(record.engine, Settings.load(), to(hook(1)), channels={"one": Broken()}) as dispatcher:
        assert dispatcher.fault() is None
        with pytest.raises(ZeroDivisionError):
            dispatcher.run(threading.Event())
        assert dispatcher.fault() == "ZeroDivisionError: a fault of ours"


def test_a_test_message_goes_to_whom_the_routes_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    with mail_server() as mailbox:
        mail = {
            "kind": "smtp", "host": "127.0.0.1", "port": mailbox.port, "security": "none",
            "sender": "ringfence@example.com",
        }  # fmt: skip
        settings, of_file = Settings.load(), to(mail)
        assert list(send_test(settings, of_file, "one")) == ["asha", "ben"]
        assert list(send_test(settings, of_file, "one", "ben")) == ["ben"]
        assert [mail["To"] for mail in mailbox.mails] == [
            "asha@example.com",
            "ben@example.com",
            "ben@example.com",
        ]
        assert mailbox.mails[0]["Subject"] == "Ringfence: test of one"
        with pytest.raises(SettingsError, match="contact: no 'carl'"):
            send_test(settings, of_file, "one", "carl")
        with pytest.raises(SettingsError, match="channel: no 'two'"):
            send_test(settings, of_file, "two")


# kill -9

DIES = """
import os, signal
from {module} import {cls}
def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)
{cls}.{method} = die
from fraud.__main__ import main
main(["alerts", "run", "--once"])
"""


def toml(channel: str, entries_: Mapping[str, Any], contact: bool = True) -> str:
    lines = ["[delivery]", "lease_seconds = 1", "first_pause_seconds = 0.1", "[channels.one]"]
    lines += [f"{name} = {json.dumps(value)}" for name, value in {"kind": channel, **entries_}.items()]
    lines += ["[contacts.asha]", 'email = "asha@example.com"', 'phone = "+15005550001"']
    return "\n".join([*lines, "[[routes]]", 'name = "all"', 'channels = ["one"]', ""])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "policy", "when"),
    [
        ("folder", "resend", "after sending"),
        ("webhook", "resend", "before sending"),
        ("webhook", "report", "before sending"),
        ("webhook", "resend", "after sending"),
        ("smtp", "resend", "after sending"),
        ("twilio", "resend", "after sending"),
        ("twilio", "report", "after sending"),
        ("twilio without its list", "resend", "after sending"),
        ("twilio without its list", "report", "after sending"),
        ("apprise", "resend", "after sending"),
        ("apprise", "report", "after sending"),
    ],
)
def test_kill_between_sending_and_recording(
    record: Record,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    policy: str,
    when: str,
) -> None:
    """No loss; whether it comes twice is what docs/alerts.md says of the channel."""
    record.write_batch([], [], alerts=[alert()])
    listed: list[dict[str, str]] = []

    def remembering(request: Request) -> tuple[int, Mapping[str, str], bytes]:
        status, headers, body = twilio(request)
        if request.method == "GET":
            found = listed if kind == "twilio" else []
            return status, headers, json.dumps({**json.loads(body), "messages": found}).encode()
        listed.append({"sid": "SM" + "7" * 32, "body": request.form["Body"], "status": "queued"})
        return status, headers, body

    with ExitStack() as stack:
        server = stack.enter_context(endpoint(remembering if kind.startswith("twilio") else ok))
        mailbox = stack.enter_context(mail_server())
        entries_: dict[str, Any] = {
            "folder": {"folder": str(tmp_path / "alerts")},
            "webhook": {"url": server.url, "secret_env": "ALERTS_SECRET", "allow_private": True},
            "smtp": {"host": "127.0.0.1", "port": mailbox.port, "security": "none", "sender": "r@example.com"},
            "twilio": {
                "account_sid_env": "ALERTS_SID", "auth_token_env": "ALERTS_TOKEN", "sender": "+15005550006",
                "api_url": server.url,
            },
            "apprise": {"url_env": "ALERTS_URL"},
        }[kind.split()[0]]  # fmt: skip
        file = tmp_path / "alerts.toml"
        file.write_text(toml(kind.split()[0], {**entries_, "on_uncertain": policy}))
        monkeypatch.setenv("RINGFENCE_ALERTS__FILE", str(file))
        monkeypatch.setenv("ALERTS_URL", f"json://127.0.0.1:{server.port}/")

        def taken() -> int:
            posts = sum(request.method == "POST" for request in server.requests)
            return posts + len(mailbox.mails) + len(list((tmp_path / "alerts").glob("*.json")))

        module, cls, method = ("fraud.delivery_claims", "Claims", "taken")
        if when == "before sending":
            module, cls, method = ("fraud.delivery_lane", "Lane", "_settle")
        dies = [sys.executable, "-c", DIES.format(module=module, cls=cls, method=method)]
        assert subprocess.run(dies, check=False, timeout=60).returncode == -signal.SIGKILL
        assert of(record) == [(1, DeliveryState.SENDING)]
        assert taken() == (when == "after sending")
        time.sleep(1.1)
        assert main(["alerts", "run", "--once"]) == 0
        ((_, state),) = of(record)
        sent = taken()

    found_out = kind == "twilio" and when == "after sending"
    if policy == "report" and not found_out:
        # Nobody can tell which of the two it was, so a person is asked.
        assert state is DeliveryState.UNCERTAIN
        assert sent == (when == "after sending")
        return
    assert state in (DeliveryState.SENT, DeliveryState.DELIVERED)
    twice = when == "after sending" and kind not in ("folder", "twilio")
    assert sent == (2 if twice else 1)
    if kind == "webhook":
        assert len({verify(SECRET, one.headers, one.body) for one in server.requests}) == 1
    if kind == "smtp":
        assert len({mail["Message-ID"] for mail in mailbox.mails}) == 1


# The service and the command


def metrics(port: int, path: str = "/metrics") -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
        text: str = answer.read().decode()
    return text


@pytest.mark.slow
def test_the_service_sends_what_is_raised_while_it_runs(record: Record, tmp_path: Path) -> None:
    file, port = tmp_path / "alerts.toml", free_port()
    file.write_text(toml("folder", {"folder": str(tmp_path / "alerts")}))
    service = subprocess.Popen(
        [sys.executable, "-m", "fraud", "alerts", "run", "--skip-backlog"],
        env={
            **os.environ,
            "RINGFENCE_ALERTS__FILE": str(file),
            "RINGFENCE_STREAM__METRICS_PORT": str(port),
        },
        stdout=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 60
        while not _answers(port) and time.monotonic() < deadline:
            time.sleep(0.1)
        record.write_batch([], [], alerts=[alert(1), alert(2, severity=Severity.CRITICAL)])
        while len(list((tmp_path / "alerts").glob("*.json"))) < 2 and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(0.3)
        assert 'ringfence_alert_messages_total{channel="one",outcome="taken"} 2.0' in metrics(port)
        assert "ringfence_alert_states_routed_total 2.0" in metrics(port)
        assert '"ok"' in metrics(port, "/healthz")
    finally:
        service.send_signal(signal.SIGTERM)
        assert service.wait(30) == 0
    assert of(record) == [(1, DeliveryState.DELIVERED), (2, DeliveryState.DELIVERED)]


def _answers(port: int) -> bool:
    try:
        return bool(metrics(port, "/healthz"))
    except OSError:
        return False


def test_the_command(
    record: Record, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    record.write_batch([], [], alerts=[alert()])
    file = tmp_path / "alerts.toml"
    monkeypatch.setenv("RINGFENCE_ALERTS__FILE", str(file))
    monkeypatch.setenv("COLUMNS", "200")

    def alerts(*words: str, status: int = 0) -> str:
        assert main(["alerts", *words]) == status
        said = capsys.readouterr()
        assert not status or (said.out == "" and said.err.count("\n") == 1)
        return said.err if status else said.out

    with endpoint(lambda _: (410, {}, b"")) as server:
        hooked = {"url": server.url, "secret_env": "ALERTS_SECRET", "allow_private": True}
        file.write_text(toml("webhook", hooked))
        assert "webhook" in alerts("routes")
        assert "all" in alerts("routes", "--alert", "ring-ring-ab12cd")
        assert "not routed yet: 1" in alerts("status")
        assert alerts("run", "--once") == "alerts: 1 messages tried\n"
        assert "answered 410" in alerts("status")
        assert "answered 410" in alerts("status", "--alert", "ring-ring-ab12cd")
        refused = alerts("test", "--channel", "one", status=1)
        assert refused == "ringfence: webhook: 127.0.0.1 answered 410\n"
        server.answer = ok
        assert alerts("test", "--channel", "one").startswith("one: took the test message (msg_test_")
        assert alerts("retry", "--channel", "one") == "alerts: 1 deliveries are to be sent again\n"
        assert alerts("run", "--once") == "alerts: 1 messages tried\n"
        record.write_batch([], [], alerts=[alert(2)])
        skipped = alerts("run", "--once", "--skip-backlog")
        assert skipped == "alerts: skipped 1 states of alerts\nalerts: 0 messages tried\n"
        for words, said in (
            (["test"], "--channel: name one of one"),
            (["run", "--channel", "one"], "--channel: only with test or retry"),
            (["test", "--channel", "two"], "channel: no 'two'"),
            (["routes", "--alert", "x"], "--alert: 'x' is not on record"),
        ):
            assert said in alerts(*words, status=2)
    assert of(record) == [(1, DeliveryState.DELIVERED)]
    acts = Counter(entry.act for entry in entries(record.engine))
    assert acts == {"test alert channel": 2, "retry deliveries": 1}


def test_a_channel_that_refuses_a_test_says_so(record: Record) -> None:
    with endpoint(lambda _: (500, {}, b"")) as server, pytest.raises(DeliveryFailed, match="answered 500"):
        send_test(Settings.load(), to(hook(server.port)), "one")
