"""The pages, and how people sign in to them."""

from __future__ import annotations

from typing import Self

from pydantic import Field, SecretStr, field_validator, model_validator

from fraud.access import Role
from fraud.settings.group import Group, Port, long_key

__all__ = ["DashboardSettings", "OidcSettings"]


class OidcSettings(Group):
    """Sign-in through a provider of OpenID Connect; off without an ``issuer``."""

    issuer: str | None = Field(default=None, pattern=r"^https?://[^\s?#]+$")
    """Address of the provider; ``/.well-known/openid-configuration`` lies below it."""
    client_id: str | None = None
    client_secret: SecretStr | None = None
    """None: a public client, kept safe by PKCE alone."""
    name: str = Field(default="single sign-on", min_length=1, max_length=40)
    """What the button on the sign-in page calls the provider."""
    name_claim: str = "preferred_username"
    """Claim that gives a person's name here."""
    role_claim: str = "groups"
    """Claim whose value, or each of whose values, is looked up in ``roles``."""
    roles: dict[str, Role] = Field(default_factory=dict)
    """Role by value of that claim; of several the highest counts, without any the sign-in is refused."""

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.issuer is not None and self.client_id is None:
            raise ValueError("client_id: required when the issuer is set")
        if self.issuer is not None and not self.roles:
            raise ValueError('roles: required when the issuer is set, as {"fraud-desk": "analyst"}')
        return self


class DashboardSettings(Group):
    """Where the dashboard listens, and how long people stay signed in to it."""

    host: str = Field(default="127.0.0.1", min_length=1)
    port: Port = 8050
    public_url: str | None = Field(default=None, pattern=r"^https?://[^\s/?#@]+/?$")
    """Address that people open, such as ``https://desk.example``; None: what the browser asked for."""
    proxy: str | None = None
    """Address of the proxy in front, whose X-Forwarded-For, -Proto and -Host are believed; None: nobody's are."""
    secret_key: SecretStr | None = None
    """Signs session cookies; required in production, else kept in ``home``."""
    idle_minutes: float = Field(default=30.0, gt=0, le=1_440, allow_inf_nan=False)
    """A session that nothing was asked in for as long has ended."""
    session_hours: float = Field(default=12.0, gt=0, le=168, allow_inf_nan=False)
    """A session ends after as long whatever is asked."""
    oidc: OidcSettings = OidcSettings()

    @field_validator("secret_key")
    @classmethod
    def _is_long_enough(cls, key: SecretStr | None) -> SecretStr | None:
        return long_key(key)
