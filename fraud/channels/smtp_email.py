"""Alerts as e-mail: text and HTML in one message, answers in one thread."""

from __future__ import annotations

import smtplib
import ssl
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime, localtime

from fraud.alert import Severity
from fraud.alert_message import Message
from fraud.channel_config import SmtpConfig
from fraud.channels.channel import Receipt
from fraud.errors import DeliveryFailed, DeliveryRefused, DeliveryUncertain, SettingsError

__all__ = ["SmtpEmail"]


class SmtpEmail:
    """Hands mail to a server. A message sent again has the same Message-ID, by which many mailboxes show it once."""

    def __init__(self, config: SmtpConfig, password: str | None, *, local: bool) -> None:
        if config.security == "none" and not (local or config.allow_plain):
            raise SettingsError(
                "security: must be starttls or tls; none asks for allow_plain outside of local mode"
            )
        self._config = config
        self._password = password
        self._tls = None if config.security == "none" else ssl.create_default_context(cafile=config.ca_file)

    def send(self, message: Message, address: str) -> Receipt:
        """Hand it to the server; that it lies in the mailbox is not known then."""
        mail = self._mail(message, address)
        handed_over = False
        try:
            server = self._connect()
            try:
                if self._config.user is not None:
                    server.login(self._config.user, self._password or "")
                handed_over = True
                server.send_message(mail, self._config.sender, [address])
            finally:
                _leave(server)
        except smtplib.SMTPAuthenticationError as error:
            raise DeliveryFailed(
                f"smtp: the login was refused ({error.smtp_code}); check user and password"
            ) from error
        except smtplib.SMTPResponseException as error:
            raise _refusal(error.smtp_code) from error
        except smtplib.SMTPRecipientsRefused as error:
            codes = [code for code, _ in error.recipients.values()]
            raise _refusal(max(codes)) from error
        except smtplib.SMTPNotSupportedError as error:
            raise DeliveryRefused(f"smtp: the server does not offer what is asked for ({error})") from error
        except (OSError, smtplib.SMTPException) as error:
            where = f"{self._config.host}:{self._config.port}"
            if handed_over:
                raise DeliveryUncertain(f"smtp: {where} broke off ({type(error).__name__})") from error
            raise DeliveryFailed(f"smtp: no connection to {where} ({type(error).__name__})") from error
        return Receipt(provider_id=str(mail["Message-ID"]))

    def find(self, message: Message, address: str, since: datetime) -> Receipt | None:
        """A mail server can't be asked."""
        return None

    def close(self) -> None:
        """Each message has a connection of its own."""

    def _connect(self) -> smtplib.SMTP:
        config = self._config
        if config.security == "tls":
            return smtplib.SMTP_SSL(
                config.host, config.port, timeout=config.timeout_seconds, context=self._tls
            )
        server = smtplib.SMTP(config.host, config.port, timeout=config.timeout_seconds)
        if config.security == "starttls":
            try:
                server.starttls(context=self._tls)
            except BaseException:
                server.close()
                raise
        return server

    def _mail(self, message: Message, address: str) -> EmailMessage:
        domain = self._config.sender.rpartition("@")[2]
        mail = EmailMessage()
        mail["From"] = f"Ringfence <{self._config.sender}>"
        mail["To"] = address
        mail["Subject"] = message.subject
        mail["Date"] = format_datetime(localtime())
        mail["Message-ID"] = f"<{message.message_id}@{domain}>"
        if message.answers is not None:
            mail["In-Reply-To"] = mail["References"] = f"<{message.answers}@{domain}>"
        mail["Auto-Submitted"] = "auto-generated"
        mail["X-Ringfence-Severity"] = message.severity.value
        if message.severity is Severity.CRITICAL:
            mail["Importance"] = "high"
        mail.set_content(message.text)
        mail.add_alternative(message.html, subtype="html")
        return mail


def _leave(server: smtplib.SMTP) -> None:
    try:
        server.quit()
    except (OSError, smtplib.SMTPException):
        # What was answered before counts; a server that hangs up first has said all it had to say.
        server.close()


def _refusal(code: int) -> DeliveryFailed:
    """Of the message or its recipient: 5 is for good, 4 is for now (RFC 5321)."""
    reason = f"smtp: the server answered {code}"
    return DeliveryRefused(f"{reason}; check the address") if code >= 500 else DeliveryFailed(reason)
