"""Each channel against a real server on the loopback: what it asks, and what it makes of the answers."""

from __future__ import annotations

import base64
import json
import ssl
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest
from twilio.request_validator import RequestValidator

from fraud.alert import Alert, Severity
from fraud.alert_message import Composer, Message
from fraud.alert_view import View
from fraud.channel_config import AppriseConfig, SmtpConfig, TwilioConfig, WebhookConfig
from fraud.channels.apprise_channel import AppriseChannel
from fraud.channels.local_folder import LocalFolder
from fraud.channels.safe_address import parse_target, resolve
from fraud.channels.smtp_email import SmtpEmail
from fraud.channels.twilio_sms import TwilioSms
from fraud.channels.twilio_status import TwilioStatus
from fraud.channels.webhook import Webhook
from fraud.channels.webhook_signature import WebhookKey, verify
from fraud.errors import DeliveryFailed, DeliveryRefused, DeliveryUncertain, InputError, SettingsError
from fraud.processes import free_port
from fraud.record import Record
from tests.certificates import make_certificate
from tests.fraud.alert_world import (
    NOW,
    SECRET,
    Answer,
    Mailbox,
    Request,
    alert,
    endpoint,
    login,
    mail_server,
    silent,
    twilio,
)

SID, TOKEN = "AC" + "1" * 32, "a-secret-of-twilio"
COMPOSER = Composer(View(base_url="https://desk.example.com", currency="EUR", zone=ZoneInfo("UTC")))


def message(**parts: object) -> Message:
    made = COMPOSER.message("msg_0001", [alert(severity=Severity.CRITICAL)])
    return msgspec.structs.replace(made, **parts)


def answering(status: int, headers: Mapping[str, str] | None = None, body: bytes = b"{}") -> Answer:
    return lambda _: (status, headers or {}, body)


# Folder


def test_the_folder_gets_the_file_that_the_outbox_writes(tmp_path: Path) -> None:
    receipt = LocalFolder(tmp_path).send(message(), "")
    assert receipt.delivered
    (file,) = tmp_path.iterdir()
    assert file.name == receipt.provider_id == "ring-ring-ab12cd-v0001.json"
    assert msgspec.json.decode(file.read_bytes(), type=Alert) == alert(severity=Severity.CRITICAL)


def test_a_folder_that_takes_nothing_is_tried_again(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DeliveryFailed):
        LocalFolder(tmp_path / "file").send(message(), "")


# Twilio


def sms(port: int, **options: object) -> TwilioSms:
    config = TwilioConfig(
        kind="twilio",
        account_sid_env="X",
        auth_token_env="X",
        api_url=f"http://127.0.0.1:{port}",
        timeout_seconds=1,
        **{"sender": "+15005550006", **options},  # type: ignore[arg-type]
    )
    return TwilioSms(config, SID, TOKEN, local=True)


def test_twilio_gets_the_request_of_its_own_client() -> None:
    with endpoint(twilio) as server:
        channel = sms(server.port, status_callback="https://desk.example.com/alerts/twilio-status?a=b")
        receipt = channel.send(message(), "+15005550001")
        channel.close()
    assert (receipt.provider_id, receipt.delivered) == ("SM" + "0" * 32, False)
    (request,) = server.requests
    assert request.method == "POST"
    assert request.path == f"/2010-04-01/Accounts/{SID}/Messages.json"
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
    sign_in = base64.b64decode(request.headers["Authorization"].removeprefix("Basic ")).decode()
    assert sign_in == f"{SID}:{TOKEN}"
    assert request.form == {
        "To": "+15005550001",
        "From": "+15005550006",
        "Body": message().sms,
        "StatusCallback": "https://desk.example.com/alerts/twilio-status?a=b&message=msg_0001",
    }
    assert len(request.form["Body"]) <= 160


def test_a_messaging_service_may_send_instead_of_a_number() -> None:
    service = "MG" + "2" * 32
    with endpoint(twilio) as server:
        channel = sms(server.port, sender=None, messaging_service_sid=service)
        channel.send(message(), "+15005550001")
        channel.close()
    assert server.requests[0].form["MessagingServiceSid"] == service
    assert "From" not in server.requests[0].form


@pytest.mark.parametrize(
    ("status", "error"),
    [(400, DeliveryRefused), (401, DeliveryFailed), (429, DeliveryFailed), (500, DeliveryFailed)],
)
def test_what_twilio_refuses_for_good_is_not_tried_again(status: int, error: type[Exception]) -> None:
    body = json.dumps({"code": 21211, "message": "Invalid 'To' +15005550001", "status": status}).encode()
    with endpoint(answering(status, {"Content-Type": "application/json"}, body)) as server:
        channel = sms(server.port)
        with pytest.raises(DeliveryFailed) as caught:
            channel.send(message(), "+15005550001")
        channel.close()
    assert type(caught.value) is error
    assert "21211" in str(caught.value)
    assert "+1500" not in str(caught.value)


def test_no_connection_is_a_failure_and_no_answer_is_uncertain() -> None:
    channel = sms(free_port())
    with pytest.raises(DeliveryFailed, match="no connection") as caught:
        channel.send(message(), "+15005550001")
    assert not isinstance(caught.value, DeliveryUncertain)
    channel.close()
    with silent() as port:
        channel = sms(port)
        with pytest.raises(DeliveryUncertain):
            channel.send(message(), "+15005550001")
        channel.close()


def test_twilio_is_asked_what_it_has_sent() -> None:
    def listed(request: Request) -> tuple[int, Mapping[str, str], bytes]:
        rows = [
            {"sid": "SM1", "body": "something else", "status": "delivered"},
            {"sid": "SM2", "body": message().sms, "status": "undelivered"},
            {"sid": "SM3", "body": message().sms, "status": "delivered"},
        ]
        body = {"messages": rows, "page_size": 50, "next_page_uri": None}
        return 200, {"Content-Type": "application/json"}, json.dumps(body).encode()

    with endpoint(listed) as server:
        channel = sms(server.port)
        found = channel.find(message(), "+15005550001", NOW)
        assert channel.find(message(sms="never sent"), "+15005550001", NOW) is None
        channel.close()
    assert found is not None
    assert (found.provider_id, found.delivered) == ("SM3", True)
    assert "To=%2B15005550001" in server.requests[0].path
    assert "2026-03-02" in server.requests[0].path


def test_a_status_callback_counts_only_with_the_signature_of_twilio(tmp_path: Path) -> None:
    record = Record.open(f"sqlite:///{tmp_path}/record.sqlite3")
    callback = "https://desk.example.com/alerts/twilio-status"
    status = TwilioStatus(record.engine, callback, TOKEN)
    form = {"MessageSid": "SM1", "MessageStatus": "delivered"}
    query = "message=msg_0001"
    right = RequestValidator(TOKEN).compute_signature(f"{callback}?{query}", form)
    assert status.take(query, form, right, NOW) is HTTPStatus.NO_CONTENT
    for bad in (
        status.take("message=msg_0002", form, right, NOW),
        status.take(query, {**form, "MessageStatus": "failed"}, right, NOW),
        status.take(query, form, "", NOW),
        status.take(query, form, None, NOW),
        TwilioStatus(record.engine, callback, "another").take(query, form, right, NOW),
    ):
        assert bad is HTTPStatus.FORBIDDEN
    record.close()


# E-mail


def smtp(port: int, password: str | None = None, **options: object) -> SmtpEmail:
    config = SmtpConfig(
        kind="smtp",
        host="localhost",
        port=port,
        sender="ringfence@example.com",
        timeout_seconds=2,
        **{"security": "none", **options},  # type: ignore[arg-type]
    )
    return SmtpEmail(config, password, local=True)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for localhost, signed by itself, with its key in the same file."""
    file = tmp_path_factory.mktemp("tls") / "localhost.pem"
    make_certificate(Path(f"{file}.crt"), file)
    file.write_text(file.read_text() + Path(f"{file}.crt").read_text())
    return file


def server_tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    return context


def test_mail_has_text_html_and_a_thread() -> None:
    with mail_server() as mailbox:
        channel = smtp(mailbox.port)
        first = channel.send(message(), "asha@example.com")
        channel.send(message(message_id="msg_0002", answers="msg_0001"), "asha@example.com")
    mail, later = mailbox.mails
    assert mailbox.recipients == [["asha@example.com"]] * 2
    assert mail["Message-ID"] == first.provider_id == "<msg_0001@example.com>"
    assert later["In-Reply-To"] == later["References"] == "<msg_0001@example.com>"
    assert mail["From"] == "Ringfence <ringfence@example.com>"
    assert mail["Subject"] == "[CRITICAL] ring-ab12cd: shared device"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Importance"] == "high"
    text, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert text is not None and html is not None
    assert "https://desk.example.com/alert/ring-ring-ab12cd" in text.get_content()
    assert "<h1" in html.get_content()
    assert mail.get_content_type() == "multipart/alternative"


def test_mail_over_starttls_with_a_login(certificate: Path) -> None:
    options = {
        "tls_context": server_tls(certificate),
        "require_starttls": True,
        "authenticator": login("ringfence", "right"),
        "auth_required": True,
    }
    with mail_server(**options) as mailbox:
        secure = {"security": "starttls", "user": "ringfence", "password_env": "X", "ca_file": certificate}
        smtp(mailbox.port, "right", **secure).send(message(), "asha@example.com")
        with pytest.raises(DeliveryFailed, match="the login was refused"):
            smtp(mailbox.port, "wrong", **secure).send(message(), "asha@example.com")
        with pytest.raises(DeliveryFailed, match="no connection"):
            smtp(mailbox.port, "right", **{**secure, "ca_file": None}).send(message(), "asha@example.com")
        with pytest.raises(DeliveryFailed):
            smtp(mailbox.port).send(message(), "asha@example.com")
    assert len(mailbox.mails) == 1


def test_mail_over_tls_from_the_start(certificate: Path) -> None:
    with mail_server(ssl_context=server_tls(certificate)) as mailbox:
        smtp(mailbox.port, security="tls", ca_file=certificate).send(message(), "asha@example.com")
    assert len(mailbox.mails) == 1


def test_starttls_is_not_given_up_where_a_server_does_not_offer_it() -> None:
    with mail_server() as mailbox:
        with pytest.raises(DeliveryRefused, match="does not offer"):
            smtp(mailbox.port, security="starttls").send(message(), "asha@example.com")
        assert mailbox.mails == []


@pytest.mark.parametrize(("said", "error"), [("451 later", DeliveryFailed), ("554 never", DeliveryRefused)])
def test_a_mail_server_may_say_later_or_never(said: str, error: type[Exception]) -> None:
    with mail_server() as mailbox:
        mailbox.refusal = said
        with pytest.raises(DeliveryFailed) as caught:
            smtp(mailbox.port).send(message(), "asha@example.com")
    assert type(caught.value) is error


def test_no_mail_server_is_a_failure() -> None:
    with pytest.raises(DeliveryFailed, match="no connection"):
        smtp(free_port()).send(message(), "asha@example.com")


def test_a_mail_server_that_goes_away_leaves_it_open() -> None:
    class Gone(Mailbox):
        async def handle_DATA(self, server, _, envelope):  # type: ignore[no-untyped-def,override]  # noqa: N802, ANN
            server.transport.close()
            return "250 OK"

    with mail_server(mailbox=Gone()) as mailbox, pytest.raises(DeliveryUncertain, match="broke off"):
        smtp(mailbox.port).send(message(), "asha@example.com")


# Webhook


def webhook(url: str, *, local: bool = True, **options: object) -> Webhook:
    config = WebhookConfig(
        kind="webhook",
        url=url,
        secret_env="X",
        **{"allow_private": True, "timeout_seconds": 1, **options},  # type: ignore[arg-type]
    )
    return Webhook(config, SECRET, local=local)


def test_a_receiver_can_verify_a_webhook() -> None:
    with endpoint() as server:
        receipt = webhook(f"{server.url}/in?a=b").send(message(), "")
    assert receipt.delivered
    (request,) = server.requests
    assert request.path == "/in?a=b"
    assert request.headers["Host"] == f"127.0.0.1:{server.port}"
    assert verify(SECRET, request.headers, request.body) == "msg_0001"
    body = request.json
    assert body["type"] == "alert.new"
    assert body["data"]["alerts"][0]["idempotency_key"] == "ring-ring-ab12cd:1"
    assert body["data"]["alerts"][0]["members"][0]["member_id"] == "a_abcd…"


def test_the_signature_is_that_of_the_standard() -> None:
    # The example of the Standard Webhooks' own libraries.
    key = WebhookKey("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    body = b'{"test": 2432232314}'
    signature = "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert key.signature("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body) == signature


@pytest.mark.parametrize(
    "change", ["body", "id", "timestamp", "secret", "signature", "late", "early", "missing"]
)
def test_an_altered_webhook_is_refused(change: str) -> None:
    key, stamp, body = WebhookKey(SECRET), 1_700_000_000, b"{}"
    headers = {name.title(): value for name, value in key.headers("msg_1", stamp, body).items()}
    now, secret = float(stamp), SECRET
    assert verify(secret, headers, body, now=now) == "msg_1"
    both = f"v1,AAAA {headers['Webhook-Signature']}"
    assert verify(secret, {**headers, "Webhook-Signature": both}, body, now=now) == "msg_1"
    match change:
        case "body":
            body = b"{ }"
        case "id":
            headers["Webhook-Id"] = "msg_2"
        case "timestamp":
            headers["Webhook-Timestamp"] = str(stamp + 1)
        case "secret":
            secret = "whsec_" + "B" * 40
        case "signature":
            headers["Webhook-Signature"] = "v1,é v2,x"
        case "late":
            now += 301
        case "early":
            now -= 301
        case "missing":
            del headers["Webhook-Signature"]
    with pytest.raises(InputError, match="webhook: "):
        verify(secret, headers, body, now=now)


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_AAAA", "not base64 !", "whsec_" + "A" * 200])
def test_a_weak_secret_is_refused(secret: str) -> None:
    with pytest.raises(SettingsError, match="24 to 64 bytes"):
        WebhookKey(secret)


@pytest.mark.parametrize(
    ("status", "error", "wait"),
    [
        (302, DeliveryFailed, None),
        (404, DeliveryFailed, None),
        (410, DeliveryRefused, None),
        (429, DeliveryFailed, 30.0),
        (500, DeliveryFailed, 30.0),
    ],
)
def test_what_a_receiver_answers(status: int, error: type[Exception], wait: float | None) -> None:
    headers = {"Retry-After": "30"} if wait else {"Location": "http://127.0.0.1:1/"}
    with endpoint(answering(status, headers)) as server, pytest.raises(DeliveryFailed) as caught:
        webhook(server.url).send(message(), "")
    assert type(caught.value) is error
    assert caught.value.retry_after == wait
    assert len(server.requests) == 1


def test_a_receiver_that_does_not_answer_leaves_it_open() -> None:
    with silent() as port, pytest.raises(DeliveryUncertain, match="did not answer"):
        webhook(f"http://127.0.0.1:{port}/").send(message(), "")
    with pytest.raises(DeliveryFailed, match="no connection"):
        webhook(f"http://127.0.0.1:{free_port()}/").send(message(), "")


def test_https_checks_the_name_though_it_connects_to_an_address(certificate: Path) -> None:
    with endpoint(tls=server_tls(certificate)) as server:
        webhook(f"https://localhost:{server.port}/", local=False, ca_file=certificate).send(message(), "")
        with pytest.raises(DeliveryFailed, match="SSLError"):
            webhook(f"https://localhost:{server.port}/").send(message(), "")
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "10.0.0.8", "192.168.1.1", "172.16.0.1", "169.254.169.254", "0.0.0.0",  # noqa: S104 - not bound to
     "100.64.0.1",
     "224.0.0.1", "[::1]", "[fe80::1]", "[fd00::1]", "[::ffff:10.0.0.8]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]",
     "2130706433", "0x7f000001", "127.1"],
)  # fmt: skip
def test_private_addresses_are_refused_however_they_are_written(host: str) -> None:
    target = parse_target(f"https://{host}/", field="url", allow_plain=False)
    with pytest.raises(DeliveryFailed, match=r"private network|is not known now"):
        resolve(target, allow_private=False)


@pytest.mark.parametrize("host", ["8.8.8.8", "[2606:4700::1111]"])
def test_public_addresses_are_let_through(host: str) -> None:
    target = parse_target(f"https://{host}/", field="url", allow_plain=False)
    assert resolve(target, allow_private=False) == host.strip("[]")


@pytest.mark.parametrize(
    "url", ["ftp://h/", "https:///x", "x", "https://u:p@h/", "https://h:99999/", "file:///etc/passwd"]
)
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match=r"^url: "):
        webhook(url)


# Apprise


def test_apprise_takes_it_further(monkeypatch: pytest.MonkeyPatch) -> None:
    config = AppriseConfig(kind="apprise", url_env="ALERTS_URL", timeout_seconds=1)
    with endpoint() as server:
        AppriseChannel(config, f"json://127.0.0.1:{server.port}/in").send(message(), "")
        server.answer = answering(503)
        with pytest.raises(DeliveryFailed, match=r"ALERTS_URL did not take it \(HTTP 503\)"):
            AppriseChannel(config, f"json://127.0.0.1:{server.port}/in?x=y").send(message(), "")
    first = server.requests[0]
    assert first.path == "/in"
    assert first.json["title"] == message().subject
    assert "Critical".lower() in first.json["message"]
    assert first.json["type"] == "failure"


@pytest.mark.parametrize(
    "url",
    [
        "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/",
        "workflows://prod-1.westeurope.logic.azure.com:443/643e69f83c8944/iXvN_signature",  # Teams
        "pagerduty://A@" + "B" * 32,
        "sns://AHIAJGNT76XIMXDBIJYA/bu1dHSdO22pfaaVy/wmNsdjJF4D/us-east-1/+15005550001/",
    ],
)
def test_apprise_knows_the_services_that_are_promised(url: str) -> None:
    AppriseChannel(AppriseConfig(kind="apprise", url_env="ALERTS_URL"), url)


def test_an_address_that_apprise_does_not_know_names_its_variable() -> None:
    with pytest.raises(SettingsError, match="ALERTS_URL: not an address"):
        AppriseChannel(AppriseConfig(kind="apprise", url_env="ALERTS_URL"), "pigeon://loft")
