"""Who is calling, and whether they may: keys with scopes, or this machine's user in local mode."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from stream.api_keys import ApiKeys, Scope
from stream.api_limits import Rates
from stream.api_problems import ProblemError

__all__ = ["Access", "Caller", "require"]

LOCAL = "local"


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever sent a request."""

    name: str
    """For audit and log: prefix and name of the key."""
    scopes: frozenset[Scope]


_bearer = HTTPBearer(
    auto_error=False, scheme_name="key", description="A key of `python -m fraud api-key create`"
)


class Access:
    """Finds the caller of a request; without ``require_keys`` one that names no key is this machine's user."""

    def __init__(self, keys: ApiKeys, rates: Rates, *, require_keys: bool) -> None:
        self._keys = keys
        self._rates = rates
        self._require_keys = require_keys

    async def caller(self, credentials: HTTPAuthorizationCredentials | None, *, named: bool) -> Caller:
        """The caller; ``named`` says whether the request tried to name one. Raises ProblemError."""
        if credentials is None:
            if self._require_keys or named:
                raise _unknown("send a key as `Authorization: Bearer rf_…`")
            self._rates.take(LOCAL)
            return Caller(LOCAL, frozenset(Scope))
        key = await asyncio.to_thread(self._keys.find, credentials.credentials)
        if key is None:
            raise _unknown("this key is unknown, expired or revoked")
        self._rates.take(key.prefix)
        return Caller(f"{key.prefix} {key.name}", key.scopes)


def require(scope: Scope) -> Callable[..., Awaitable[Caller]]:
    """A dependency that lets in callers with a scope and gives their name."""

    async def check(
        request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
    ) -> Caller:
        access: Access = request.app.state.parts.access
        caller = await access.caller(credentials, named="authorization" in request.headers)
        request.scope["caller"] = caller.name
        if scope not in caller.scopes:
            raise ProblemError(403, f"this key lacks the scope {scope}")
        return caller

    return check


def _unknown(detail: str) -> ProblemError:
    return ProblemError(401, detail, headers={"WWW-Authenticate": "Bearer"})
