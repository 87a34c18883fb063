"""Alerts, an alerts file, and real servers on the loopback that take what is sent to people."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from fraud.alert import Alert, AlertState, Severity, Subject
from fraud.alert_config import AlertConfig
from fraud.decision import Reason
from fraud.processes import free_port
from fraud.ring import NodeKind, RingMember

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
"""A Monday."""
TOKEN = "a_abcdefghijklmnopqrstuvwxyz"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="


def alert(
    version: int = 1,
    *,
    ring: str = "ring-ab12cd",
    severity: Severity = Severity.HIGH,
    state: AlertState = AlertState.OPEN,
    reopened: bool = False,
    kind: str = "shared_device",
    money: float = 12_345.6,
    reason: str = f"3 accounts, {TOKEN} among them, are tied by one device",
    subject: Subject = Subject.RING,
) -> Alert:
    return Alert(
        alert_id=Alert.id_for(subject, ring),
        version=version,
        subject=subject,
        subject_id=ring,
        kind=kind,
        severity=severity,
        score=0.87,
        money=money,
        members=(
            RingMember(TOKEN, NodeKind.ACCOUNT, "payer", 0.9, NOW),
            RingMember("d_abcdefghijklmnopqrstuvwxyz", NodeKind.DEVICE, "shared device", 0.5, NOW),
        ),
        reasons=(Reason("ring", reason),),
        opened_at=NOW,
        first_seen=NOW,
        last_seen=NOW,
        transaction_ids=("t1", "t2"),
        state=state,
        reopened=reopened,
    )


def config(**parts: Any) -> AlertConfig:
    """An alerts file with one webhook and one route to it, or as the parts say."""
    base: dict[str, Any] = {
        "channels": {
            "hook": {"kind": "webhook", "url": "https://example.com/", "secret_env": "ALERTS_SECRET"},
            "mail": {"kind": "smtp", "host": "127.0.0.1", "sender": "ringfence@example.com"},
            "sms": {
                "kind": "twilio",
                "account_sid_env": "ALERTS_SID",
                "auth_token_env": "ALERTS_TOKEN",
                "sender": "+15005550006",
            },
        },
        "contacts": {
            "asha": {"email": "asha@example.com", "phone": "+15005550001", "role": "supervisor"},
            "ben": {"email": "ben@example.com"},
        },
        "routes": [{"name": "all", "channels": ["hook"]}],
    }
    return AlertConfig.model_validate({**base, **parts})


@dataclass
class Request:
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode()))

    @property
    def json(self) -> Any:
        return json.loads(self.body)


Answer = Callable[[Request], tuple[int, Mapping[str, str], bytes]]


@dataclass
class Endpoint:
    """An HTTP server that keeps every request and answers as it is told."""

    answer: Answer
    requests: list[Request] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def ok(_: Request) -> tuple[int, Mapping[str, str], bytes]:
    return 200, {}, b"{}"


@contextmanager
def endpoint(answer: Answer = ok, tls: ssl.SSLContext | None = None) -> Iterator[Endpoint]:
    found = Endpoint(answer)

    class Handler(BaseHTTPRequestHandler):
        def take(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            request = Request(self.command, self.path, dict(self.headers), body)
            found.requests.append(request)
            status, headers, content = found.answer(request)
            self.send_response(status)
            for name, value in {"Content-Length": str(len(content)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def do_GET(self) -> None:
            self.take()

        def do_POST(self) -> None:
            self.take()

        def log_message(self, format: str, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    found.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def silent() -> Iterator[int]:
    """A port that takes connections and says nothing."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield listening.getsockname()[1]


def twilio(request: Request) -> tuple[int, Mapping[str, str], bytes]:
    """Answers as Twilio does: 201 with the message, or the list of those sent."""
    kind = {"Content-Type": "application/json"}
    if request.method == "GET":
        return 200, kind, json.dumps({"messages": [], "page_size": 50, "next_page_uri": None}).encode()
    form = request.form
    body = {"sid": "SM" + "0" * 32, "status": "queued", "to": form["To"], "body": form["Body"]}
    return 201, kind, json.dumps(body).encode()


class Mailbox:
    """What aiosmtpd hands over; ``refusal`` is what it answers instead of taking a message."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.recipients: list[list[str]] = []
        self.refusal: str | None = None
        self.port = 0

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, _: SMTP, __: Session, envelope: Envelope
    ) -> str:
        if self.refusal is not None:
            return self.refusal
        mail = message_from_bytes(envelope.original_content or b"", policy=policy.default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        self.recipients.append(list(envelope.rcpt_tos))
        return "250 OK"


@contextmanager
def mail_server(mailbox: Mailbox | None = None, **options: Any) -> Iterator[Mailbox]:
    mailbox = mailbox or Mailbox()
    mailbox.port = free_port()
    controller = Controller(mailbox, hostname="127.0.0.1", port=mailbox.port, **options)
    controller.start()
    try:
        yield mailbox
    finally:
        controller.stop()


def login(user: str, password: str) -> Callable[..., AuthResult]:
    def check(_: SMTP, __: Session, ___: Envelope, ____: str, given: Any) -> AuthResult:
        right = (given.login.decode(), given.password.decode()) == (user, password)
        return AuthResult(success=right, handled=right)

    return check
