"""The alerts file (TOML): which channels there are, who is reached by them, and which alerts go where.

It holds no secrets, only the names of the environment variables that hold them. Without a file every alert goes to the
folder of ``RINGFENCE_ALERT_OUTBOX``.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from fraud.alert import Severity, Subject
from fraud.channel_config import ChannelConfig, Days, FolderConfig, HoursText, Updates
from fraud.errors import SettingsError
from fraud.quiet_hours import Hours
from fraud.settings import Settings

__all__ = ["AlertConfig", "ContactConfig", "QuietConfig", "RouteConfig", "load_config"]

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$")]
RoleName = Literal["viewer", "analyst", "supervisor", "admin"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class QuietConfig(_Part):
    """Hours in which nobody is disturbed by anything milder than ``below``; a digest follows at their end."""

    hours: HoursText
    days: Days = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    time_zone: str | None = None
    below: Severity = Severity.CRITICAL


class ContactConfig(_Part):
    """Someone to reach: a person or a shared mailbox. Only the name of a contact is ever stored."""

    role: RoleName = "analyst"
    email: Annotated[str, StringConstraints(pattern=r"^[^@\s<>,;]+@[^@\s<>,;]+$")] | None = None
    phone: Annotated[str, StringConstraints(pattern=r"^\+[1-9]\d{6,14}$")] | None = None
    quiet: QuietConfig | None = None


class RouteConfig(_Part):
    """Which alerts go to which channels: every condition that is set must hold.

    ``kinds`` and ``subject_ids`` are shell patterns. ``contacts`` and ``roles`` choose who is reached by channels to
    people, everybody with an address where both are left out; ``last``: routes further down are not looked at.
    """

    name: Name
    channels: tuple[Name, ...] = Field(min_length=1)
    contacts: tuple[Name, ...] = ()
    roles: tuple[RoleName, ...] = ()
    min_severity: Severity = Severity.LOW
    min_money: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    subjects: tuple[Subject, ...] = tuple(Subject)
    subject_ids: tuple[str, ...] = ("*",)
    kinds: tuple[str, ...] = ("*",)
    hours: HoursText | None = None
    days: Days = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    time_zone: str | None = None
    updates: Updates | None = None
    quiet: QuietConfig | None = None
    last: bool = False


class DeliveryPolicy(_Part):
    """How often and how long a message is tried."""

    attempts: int = Field(default=20, ge=1, le=100)
    first_pause_seconds: float = Field(default=5.0, gt=0, le=3_600)
    longest_pause_seconds: float = Field(default=900.0, gt=0, le=86_400)
    lease_seconds: float = Field(default=60.0, gt=0, le=3_600)
    """How long a dispatcher has for one sending before another may take it for dead."""

    @property
    def lease(self) -> timedelta:
        """The same as a timedelta."""
        return timedelta(seconds=self.lease_seconds)


class AlertConfig(_Part):
    """The whole file."""

    time_zone: str = "UTC"
    quiet: QuietConfig | None = None
    templates: Path | None = None
    delivery: DeliveryPolicy = DeliveryPolicy()
    channels: dict[Name, ChannelConfig] = Field(min_length=1)
    contacts: dict[Name, ContactConfig] = {}
    routes: tuple[RouteConfig, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        faults = list(self._faults())
        if faults:
            raise ValueError("; ".join(faults))
        return self

    def _faults(self) -> Iterator[str]:
        for zone in filter(None, [self.time_zone, *self._zones()]):
            try:
                ZoneInfo(zone)
            except (ZoneInfoNotFoundError, ValueError):
                yield f"time_zone {zone!r}: not known; use a name such as Europe/Berlin"
        names = [route.name for route in self.routes]
        if len(set(names)) != len(names):
            yield "routes: two have the same name"
        for route in self.routes:
            for missing in sorted({*route.channels} - {*self.channels}):
                yield f"routes {route.name}: no channel {missing!r}"
            for missing in sorted({*route.contacts} - {*self.contacts}):
                yield f"routes {route.name}: no contact {missing!r}"
            for name in route.channels:
                address = self.channels[name].address if name in self.channels else None
                if address and not self.reached(route, address):
                    yield f"routes {route.name}: channel {name} reaches nobody; no contact of it has a {address}"

    def _zones(self) -> Iterator[str | None]:
        quiets = [self.quiet, *(one.quiet for one in self.contacts.values())]
        for quiet in [*quiets, *(one.quiet for one in self.routes)]:
            yield quiet.time_zone if quiet else None
        yield from (route.time_zone for route in self.routes)

    def reached(self, route: RouteConfig, address: Literal["email", "phone"]) -> list[str]:
        """Contacts that a route reaches by such an address, in the order of the file."""
        return [
            name
            for name, contact in self.contacts.items()
            if getattr(contact, address)
            and (not route.contacts or name in route.contacts)
            and (not route.roles or contact.role in route.roles)
        ]

    def hours_of(self, part: RouteConfig | QuietConfig) -> Hours | None:
        """The hours of a route or of a quiet time, in its own time zone or that of the file."""
        if part.hours is None:
            return None
        return Hours.parse(part.hours, ZoneInfo(part.time_zone or self.time_zone), part.days)


def load_config(settings: Settings) -> AlertConfig:
    """The alerts file of the settings, or the one channel that needs none.

    Raises SettingsError in one line that names the file, the entry and what is wrong with it.
    """
    path = settings.alerts.file
    if path is None:
        return AlertConfig(
            channels={"folder": FolderConfig(kind="folder")},
            routes=(RouteConfig(name="everything", channels=("folder",)),),
        )
    try:
        content: dict[str, Any] = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise SettingsError(f"RINGFENCE_ALERTS__FILE: cannot read {path} ({error.strerror})") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: not readable as TOML ({error})") from error
    try:
        config = AlertConfig.model_validate(content)
    except ValidationError as error:
        raise SettingsError(f"{path}: {'; '.join(_explain(error))}") from None
    if config.templates is not None:
        config = config.model_copy(update={"templates": path.parent / config.templates})
    return config


def _explain(error: ValidationError) -> Iterator[str]:
    for problem in error.errors(include_url=False, include_input=False, include_context=False):
        where = ".".join(str(part) for part in problem["loc"])
        text = re.sub(r"^Value error, ", "", problem["msg"])
        yield f"{where}: {text}" if where else text
