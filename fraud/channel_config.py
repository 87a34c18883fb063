"""What the alerts file says of one channel, by its kind."""

from __future__ import annotations

import re
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from fraud.pace import Rate
from fraud.quiet_hours import Hours, unknown

__all__ = [
    "AppriseConfig",
    "ChannelConfig",
    "Days",
    "FolderConfig",
    "HoursText",
    "SmtpConfig",
    "TwilioConfig",
    "Updates",
    "WebhookConfig",
]


class Updates(StrEnum):
    """Which later states of an alert are told to someone who was told of it before."""

    EVERY = "every"
    """Each state by itself."""
    NEWEST = "newest"
    """The newest, at most once in ``update_minutes``, at once where the severity rises."""
    RISE = "rise"
    """Only where the severity rises above what was told, or the alert was reopened."""


def _is_variable(name: str) -> str:
    if not re.fullmatch(r"[A-Z][A-Z0-9_]*", name):
        raise ValueError("must be the name of an environment variable, such as ALERTS_SMTP_PASSWORD")
    if name.startswith("RINGFENCE_"):
        raise ValueError("must not begin with RINGFENCE_, which is for settings")
    return name


def _is_hours(text: str) -> str:
    Hours.parse(text, ZoneInfo("UTC"))
    return text


def _are_days(days: tuple[str, ...]) -> tuple[str, ...]:
    if not days or unknown(days):
        raise ValueError("must be some of mon, tue, wed, thu, fri, sat, sun")
    return days


def _is_rate(text: str) -> str:
    Rate.parse(text)
    return text


Variable = Annotated[str, AfterValidator(_is_variable)]
HoursText = Annotated[str, AfterValidator(_is_hours)]
Days = Annotated[tuple[str, ...], AfterValidator(_are_days)]
RateText = Annotated[str, AfterValidator(_is_rate)]
Phone = Annotated[str, StringConstraints(pattern=r"^\+[1-9]\d{6,14}$")]


class _Channel(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    address: ClassVar[Literal["email", "phone"] | None] = None
    """Which address of a contact it needs; None: it has one receiver."""

    updates: Updates = Updates.EVERY
    update_minutes: float = Field(default=15.0, ge=0, le=10_080)
    rate: RateText | None = None
    """Messages of the whole channel, as ``100/hour``."""
    recipient_rate: RateText | None = None
    """Messages to one recipient."""
    on_uncertain: Literal["resend", "report"] = "resend"
    """What to do where a crash or a lost connection leaves open whether a message went out."""
    timeout_seconds: float = Field(default=10.0, gt=0, le=120)

    @property
    def update_gap(self) -> timedelta:
        """Least time between two messages on one alert to one recipient."""
        return timedelta(minutes=self.update_minutes)

    @property
    def rates(self) -> tuple[Rate | None, Rate | None]:
        """Of the channel, and of one recipient."""
        one, other = (None if text is None else Rate.parse(text) for text in (self.rate, self.recipient_rate))
        return one, other


class FolderConfig(_Channel):
    """Each state as one JSON file; ``folder`` left out is that of RINGFENCE_ALERT_OUTBOX."""

    kind: Literal["folder"]
    folder: Path | None = None


class TwilioConfig(_Channel):
    """Text messages by Twilio."""

    address: ClassVar[Literal["email", "phone"] | None] = "phone"

    kind: Literal["twilio"]
    account_sid_env: Variable
    auth_token_env: Variable
    sender: Phone | None = None
    messaging_service_sid: Annotated[str, StringConstraints(pattern=r"^MG[0-9a-fA-F]{32}$")] | None = None
    status_callback: str | None = None
    """Public address of the route that takes Twilio's delivery receipts."""
    api_url: str = "https://api.twilio.com"
    updates: Updates = Updates.RISE
    rate: RateText | None = "100/hour"
    recipient_rate: RateText | None = "6/hour"

    @model_validator(mode="after")
    def _has_one_sender(self) -> Self:
        if (self.sender is None) == (self.messaging_service_sid is None):
            raise ValueError("set either sender or messaging_service_sid")
        if self.status_callback is not None and not urlsplit(self.status_callback).hostname:
            raise ValueError(
                "status_callback: must look like https://api.example.com/v1/alert-receipts/twilio"
            )
        return self


class SmtpConfig(_Channel):
    """E-mail by a server that takes mail over SMTP."""

    address: ClassVar[Literal["email", "phone"] | None] = "email"

    kind: Literal["smtp"]
    host: str = Field(min_length=1)
    port: int = Field(default=587, ge=1, le=65_535)
    security: Literal["starttls", "tls", "none"] = "starttls"
    allow_plain: bool = False
    """Let ``security`` be none also outside of the local environment: a relay in one's own network, without a login."""
    ca_file: Path | None = None
    """Certificates that the server's is checked against; left out: the system's."""
    user: str | None = None
    password_env: Variable | None = None
    sender: Annotated[str, StringConstraints(pattern=r"^[^@\s<>,;]+@[^@\s<>,;]+$")]
    updates: Updates = Updates.NEWEST
    rate: RateText | None = "600/hour"
    recipient_rate: RateText | None = "30/hour"

    @model_validator(mode="after")
    def _has_whole_login(self) -> Self:
        if (self.user is None) != (self.password_env is None):
            raise ValueError("set user and password_env together, or neither")
        if self.allow_plain and self.user is not None:
            raise ValueError("allow_plain: never with a login, which anyone on the way could read")
        return self


class WebhookConfig(_Channel):
    """A signed HTTP request to a service of one's own."""

    kind: Literal["webhook"]
    url: str
    secret_env: Variable
    ca_file: Path | None = None
    allow_private: bool = False
    """Let the address be one of a private network."""
    full_tokens: bool = False
    """Send tokens of accounts, devices and addresses whole, for receivers that look them up."""


class AppriseConfig(_Channel):
    """Any service that Apprise knows (Slack, Teams, PagerDuty, AWS SNS …), by the address in a variable."""

    kind: Literal["apprise"]
    url_env: Variable
    updates: Updates = Updates.NEWEST
    rate: RateText | None = "60/hour"


ChannelConfig = Annotated[
    FolderConfig | TwilioConfig | SmtpConfig | WebhookConfig | AppriseConfig, Field(discriminator="kind")
]
