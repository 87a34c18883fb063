"""Sign-in through a provider of OpenID Connect: authorization code with PKCE, the role by a claim."""

from __future__ import annotations

from typing import Any

import msgspec
import requests
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.flask_client import OAuth
from flask import Flask, session
from joserfc.errors import JoseError
from werkzeug.wrappers import Response as AnyResponse

from fraud.access import Role
from fraud.errors import ServiceError
from fraud.settings import OidcSettings
from fraud.users import Refused

__all__ = ["Arrival", "Provider"]

SECONDS = 10
"""Longest wait for the provider."""

NEXT = "oidc_next"


class Arrival(msgspec.Struct, frozen=True):
    """Whom a provider vouches for; ``subject`` is its own lasting name for them."""

    subject: str
    name: str
    shown_name: str
    role: Role


class Provider:
    """The one provider that the settings name."""

    def __init__(self, server: Flask, settings: OidcSettings) -> None:
        self._settings = settings
        issuer = (settings.issuer or "").rstrip("/")
        secret = settings.client_secret
        self._client = OAuth(server).register(
            name="oidc",
            server_metadata_url=f"{issuer}/.well-known/openid-configuration",
            client_id=settings.client_id,
            client_secret=secret.get_secret_value() if secret else None,
            client_kwargs={
                "scope": "openid profile email",
                "code_challenge_method": "S256",
                "token_endpoint_auth_method": "client_secret_basic" if secret else "none",
                "default_timeout": SECONDS,
            },
        )

    def begin(self, back: str, there: str) -> AnyResponse:
        """Send the browser to the provider; it comes back to ``back`` and goes on to ``there``.

        Raises ServiceError where the provider does not answer.
        """
        session[NEXT] = there
        try:
            answer: AnyResponse = self._client.authorize_redirect(back)
        except (AuthlibBaseError, requests.RequestException) as error:
            what = f"{self._settings.name} cannot be reached ({type(error).__name__}); try again later"
            raise ServiceError(what) from error
        return answer

    def finish(self) -> tuple[Arrival, str]:
        """Who came back, and where they wanted to go; raises Refused."""
        try:
            token = self._client.authorize_access_token()
            claims = dict(token["userinfo"])
            if self._settings.role_claim not in claims:
                more = dict(self._client.userinfo(token=token))
                # The one who is asked about must be the one who came (OpenID Connect Core 5.3.2).
                claims = {**more, **claims} if more.get("sub") == claims["sub"] else claims
        except (AuthlibBaseError, JoseError, requests.RequestException, KeyError) as error:
            raise self._refused("did not let you in", error) from error
        return self._arrival(claims), session.pop(NEXT, "/")

    def _arrival(self, claims: dict[str, Any]) -> Arrival:
        given = claims.get(self._settings.role_claim, [])
        values = [given] if isinstance(given, str) else given
        roles = [self._settings.roles[value] for value in values if value in self._settings.roles]
        if not roles:
            raise Refused(f"{self._settings.name} gives you no role here. Ask an admin.")
        name = str(claims.get(self._settings.name_claim, ""))
        order = list(Role)
        return Arrival(
            subject=f"{claims['iss']}|{claims['sub']}",
            name=name,
            shown_name=str(claims.get("name") or name),
            role=max(roles, key=order.index),
        )

    def _refused(self, what: str, error: Exception) -> Refused:
        return Refused(f"{self._settings.name} {what} ({type(error).__name__}). Try again.")
