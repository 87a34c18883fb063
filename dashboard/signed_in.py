"""Who is signed in: a signed cookie with the token of a session that the server keeps."""

from __future__ import annotations

from typing import Any

from flask import Flask, Response, request, session
from flask_login import LoginManager, UserMixin, current_user, login_user, logout_user
from flask_wtf.csrf import CSRFProtect, generate_csrf

from dashboard.sign_in_rules import SignInRules
from fraud.access import Person
from fraud.sessions import Session, Sessions

__all__ = ["SignedIn"]

CSRF_COOKIE = "_csrf_token"
"""The cookie that Dash sends back as a header with every callback."""

UPDATE = "/_dash-update-component"


class Visitor(UserMixin):  # type: ignore[misc]
    """A live session as Flask-Login knows people: its id is the session's token."""

    def __init__(self, token: str, session: Session) -> None:
        self.token = token
        self.session = session

    def get_id(self) -> str:
        """What the cookie holds."""
        return self.token


class SignedIn:
    """Reads and writes the cookie of the request under way."""

    def __init__(self, server: Flask, sessions: Sessions, rules: SignInRules) -> None:
        self._sessions = sessions
        self._https = rules.https
        server.config.update(
            SECRET_KEY=rules.secret_key,
            # The prefix makes browsers refuse the cookie from a sister domain or without TLS.
            SESSION_COOKIE_NAME="__Host-ringfence" if rules.https else "ringfence",
            SESSION_COOKIE_HTTPONLY=True,
            SESSION_COOKIE_SECURE=rules.https,
            # Strict would not come back with the redirect of an OpenID provider.
            SESSION_COOKIE_SAMESITE="Lax",
            SESSION_COOKIE_PATH="/",
            WTF_CSRF_TIME_LIMIT=None,
            # Asks for a Referer, which our own Referrer-Policy withholds.
            WTF_CSRF_SSL_STRICT=False,
        )
        manager = LoginManager(server)
        # The server keeps the sessions: what this would bind to the address, a revocation does better.
        manager.session_protection = None
        manager.user_loader(self._load)
        CSRFProtect(server)
        server.after_request(self._hand_out_csrf)

    def session(self) -> Session | None:
        """The session of the request under way."""
        visitor: Any = current_user
        return visitor.session if visitor.is_authenticated else None

    def person(self) -> Person | None:
        """The person of the request under way."""
        found = self.session()
        return None if found is None else found.person

    def enter(self, person: Person, how: str) -> None:
        """Begin a session with a new token, whatever cookie the browser came with."""
        self.leave(person)
        address, agent = request.remote_addr or "unknown", request.user_agent.string
        token = self._sessions.begin(person, address=address, agent=agent, how=how)
        found = self._sessions.find(token)
        if found is not None:
            login_user(Visitor(token, found))

    def leave(self, person: Person) -> None:
        """End the session of the request, if there is one, and empty its cookie."""
        visitor: Any = current_user
        if visitor.is_authenticated:
            self._sessions.end(visitor.token, person)
        logout_user()
        session.clear()

    def _load(self, token: str) -> Visitor | None:
        found = self._sessions.find(token, touch=not _is_clockwork())
        return None if found is None else Visitor(token, found)

    def _hand_out_csrf(self, response: Response) -> Response:
        if response.mimetype == "text/html" and request.method in {"GET", "POST"}:
            response.set_cookie(
                CSRF_COOKIE, generate_csrf(), secure=self._https, samesite="Strict", path="/", httponly=False
            )
        return response


def _is_clockwork() -> bool:
    """Whether a page asks by itself, as its clock ticks: that is no sign that anybody sits there."""
    if request.endpoint != UPDATE:
        return False
    body = request.get_json(silent=True)
    changed = body.get("changedPropIds") if isinstance(body, dict) else None
    return (
        isinstance(changed, list)
        and changed != []
        and all(str(name).endswith(".n_intervals") for name in changed)
    )
