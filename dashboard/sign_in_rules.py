"""The rules of signing in that settings fix: key of the cookies, TLS, time limits, provider."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import urlsplit

from fraud.errors import SettingsError
from fraud.local_key import local_key
from fraud.sessions import SessionLimits
from fraud.settings import OidcSettings, Settings

__all__ = ["KEY_FILE", "SignInRules"]

KEY_FILE = "desk.key"
"""Name of the local key in the home folder."""


@dataclass(frozen=True, slots=True)
class SignInRules:
    """How people sign in here; without more said by password, over loopback, until this process ends."""

    secret_key: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)
    """Signs the cookies; with another key everybody is signed out."""
    https: bool = False
    """Whether browsers come by TLS: cookies then travel by it only."""
    public_url: str | None = None
    """Address that people open, without a slash at its end."""
    limits: SessionLimits = field(default_factory=SessionLimits)
    oidc: OidcSettings = field(default_factory=OidcSettings)

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Raises SettingsError in production without a key or with an address that is not https."""
        dashboard = settings.dashboard
        address = dashboard.public_url.rstrip("/") if dashboard.public_url else None
        in_production = settings.environment == "production"
        if in_production and address is not None and not address.startswith("https://"):
            raise SettingsError(
                "RINGFENCE_DASHBOARD__PUBLIC_URL: must begin with https:// in production, as passwords travel there"
            )
        return cls(
            secret_key=_key(settings),
            https=address.startswith("https://") if address else in_production,
            public_url=address,
            limits=SessionLimits.from_settings(dashboard),
            oidc=dashboard.oidc,
        )

    @property
    def host(self) -> str | None:
        """Name that requests must ask for; None: any."""
        return urlsplit(self.public_url).hostname if self.public_url else None


def _key(settings: Settings) -> bytes:
    key = settings.dashboard.secret_key
    if key is not None:
        return key.get_secret_value().strip().encode()
    if settings.environment == "production":
        raise SettingsError(
            "RINGFENCE_DASHBOARD__SECRET_KEY: required in production, make one with `openssl rand -hex 32`"
        )
    return local_key(settings.home / KEY_FILE)
