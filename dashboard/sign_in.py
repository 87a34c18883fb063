"""The way in and out: pages that the server writes itself, so that they need no script."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, Response, make_response, redirect, render_template, request, url_for
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as AnyResponse

from dashboard.guard import Guard
from dashboard.oidc import Provider
from dashboard.sign_in_rules import SignInRules
from dashboard.signed_in import SignedIn
from fraud.access import Permission
from fraud.errors import Forbidden, InputError, RingfenceError
from fraud.users import Refused, Users

__all__ = ["SignIn", "local_path"]

PASSWORD = "/password"  # noqa: S105 - a path
SIGN_OUT = "/sign-out"
OIDC, OIDC_BACK = "/sign-in/oidc", "/sign-in/oidc/back"


class SignIn:
    """Registers sign-in, sign-out and change of password, and what a refused request looks like."""

    def __init__(self, guard: Guard, users: Users, signed_in: SignedIn, rules: SignInRules) -> None:
        self._users = users
        self._signed_in = signed_in
        self._rules = rules
        self._guard = guard
        server = guard.app.server
        self._provider = Provider(server, rules.oidc) if rules.oidc.issuer else None
        guard.open_route("/sign-in", self._sign_in, methods=("GET", "POST"))
        guard.route(SIGN_OUT, Permission.VIEW, self._sign_out, methods=("GET", "POST"))
        guard.route(PASSWORD, Permission.VIEW, self._password, methods=("GET", "POST"))
        if self._provider is not None:
            guard.open_route(OIDC, self._go_to_provider)
            guard.open_route(OIDC_BACK, self._come_from_provider)
        server.before_request(self._ask_for_own_password)
        _say_errors(server)

    def _sign_in(self) -> AnyResponse:
        there = local_path(request.values.get("next", "/"))
        if request.method == "GET":
            if self._signed_in.person() is not None:
                return redirect(there)
            return self._page(there)
        name = request.form.get("name", "")
        try:
            person = self._users.sign_in(name, request.form.get("password", ""), request.remote_addr or "")
        except Refused as refused:
            return self._page(there, name, refused)
        self._signed_in.enter(person, "password")
        return redirect(there, HTTPStatus.SEE_OTHER)

    def _page(self, there: str, name: str = "", refused: Refused | None = None) -> AnyResponse:
        text = render_template(
            "sign_in.html",
            title="Sign in",
            next=there,
            name=name,
            trouble=refused,
            nobody=not self._users.all(),
            provider=self._rules.oidc.name if self._provider else None,
        )
        answer = make_response(text)
        if refused is not None:
            answer.status_code = HTTPStatus.TOO_MANY_REQUESTS if refused.wait else HTTPStatus.UNAUTHORIZED
            if refused.wait:
                answer.headers["Retry-After"] = str(max(1, round(refused.wait.total_seconds())))
        return answer

    def _sign_out(self) -> AnyResponse:
        if request.method == "GET":
            return redirect(PASSWORD)
        self._signed_in.leave(self._guard.person())
        answer = redirect("/sign-in", HTTPStatus.SEE_OTHER)
        # Nothing of what was shown stays behind in the browser.
        answer.headers["Clear-Site-Data"] = '"cache"'
        return answer

    def _password(self) -> AnyResponse:
        session = self._signed_in.session()
        person = self._guard.person()
        trouble = None
        if request.method == "POST":
            form = request.form
            try:
                if form.get("new") != form.get("again"):
                    raise InputError("password: the two new ones differ; type them again")
                self._users.change_password(
                    person, form.get("old", ""), form.get("new", ""), request.remote_addr or ""
                )
            except InputError as error:
                trouble = error
            else:
                self._signed_in.enter(person, "changed password")
                return redirect("/", HTTPStatus.SEE_OTHER)
        must = session is not None and session.must_change
        page = render_template(
            "password.html", title="Your password", person=person, trouble=trouble, must=must
        )
        return make_response(page, HTTPStatus.OK if trouble is None else HTTPStatus.UNPROCESSABLE_ENTITY)

    def _go_to_provider(self) -> AnyResponse:
        return self._required_provider().begin(self._back(), local_path(request.args.get("next", "/")))

    def _come_from_provider(self) -> AnyResponse:
        there = "/"
        try:
            arrival, there = self._required_provider().finish()
            person = self._users.arrive(arrival.subject, arrival.name, arrival.shown_name, arrival.role)
        except InputError as error:
            refused = error if isinstance(error, Refused) else Refused(str(error))
            return self._page("/", "", refused)
        self._signed_in.enter(person, "oidc")
        return redirect(local_path(there))

    def _back(self) -> str:
        if self._rules.public_url is not None:
            return f"{self._rules.public_url}{OIDC_BACK}"
        return url_for(OIDC_BACK, _external=True)

    def _required_provider(self) -> Provider:
        if self._provider is None:
            raise RuntimeError("the routes of a provider are there only with one")
        return self._provider

    def _ask_for_own_password(self) -> AnyResponse | None:
        """A password that somebody else knows opens nothing but the page that changes it."""
        if request.endpoint in {*self._guard.open_endpoints, PASSWORD, SIGN_OUT}:
            return None
        session = self._signed_in.session()
        if session is None or not session.must_change:
            return None
        if request.method == "GET" and not request.path.startswith("/_"):
            return redirect(PASSWORD)
        return Response("Change your password first.", HTTPStatus.FORBIDDEN, mimetype="text/plain")


def local_path(there: str) -> str:
    """Where to go after the sign-in: a path of ours, else the first page, whatever was asked for."""
    parts = urlsplit(there)
    is_ours = there.startswith("/") and not there.startswith(("//", "/\\")) and there.isprintable()
    if not is_ours or parts.scheme or parts.netloc or parts.path.startswith(("/sign-", "/_", PASSWORD)):
        return "/"
    return there


def _say_errors(server: Flask) -> None:
    def answer(status: int, title: str, text: str) -> Any:
        if request.accept_mimetypes.accept_html and not request.path.startswith("/_"):
            return render_template("message.html", title=title, text=text), status
        return Response(text, status, mimetype="text/plain")

    def refuse_forgery(error: CSRFError) -> Any:
        server.logger.info("request refused: %s", error.description)
        text = "This form is out of date: the sign-in changed since it was opened. Open the page anew."
        return answer(HTTPStatus.BAD_REQUEST, "Out of date", text)

    def say(error: HTTPException) -> Any:
        return answer(error.code or 500, error.name, error.description or "")

    def say_trouble(error: RingfenceError) -> Any:
        server.logger.warning("request: %s", error)
        if isinstance(error, InputError):
            return answer(HTTPStatus.BAD_REQUEST, "Not so", f"{error}.")
        if isinstance(error, Forbidden):
            return answer(HTTPStatus.FORBIDDEN, "Not for your role", f"{error}.")
        return answer(HTTPStatus.SERVICE_UNAVAILABLE, "Not now", f"{error}.")

    server.register_error_handler(CSRFError, refuse_forgery)
    server.register_error_handler(HTTPException, say)
    server.register_error_handler(RingfenceError, say_trouble)
