"""The one door to pages, callbacks and routes: each is asked on the server who is there and what they may do.

What is not let through here is shut: a request that nobody signed in for reaches open routes only, and the role
matrix test fails for a callback or a route that was added without a permission.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import wraps
from typing import Any
from urllib.parse import quote

import dash
import dash_mantine_components as dmc
from dash import Dash
from flask import Response, abort, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from fraud.access import Permission, Person

__all__ = ["Guard"]

SIGN_IN = "/sign-in"

DASH_ROUTES = (
    "/_dash-layout",
    "/_dash-dependencies",
    "/_dash-update-component",
    "/_reload-hash",
    "/",
    "/<path:path>",
)
"""What Dash serves beside its static files; what its callbacks do is asked for callback by callback."""

STATIC = frozenset(
    {
        "static",
        "_dash_assets.static",
        "/_dash-component-suites/<string:package_name>/<path:fingerprinted_path>",
        "/_favicon.ico",
    }
)
"""Endpoints of files that are the same for everybody: scripts, styles and pictures of the released software."""

DASH_CALLBACKS = frozenset({".._pages_content.children..._pages_store.data.."})
"""Dash's own way to a page's layout; each layout asks for its permission itself."""


@dataclass(slots=True)
class Guard:
    """Asks for a permission before anything is done, and remembers what asks for which.

    ``signed_in`` gives the person of the request under way, None when nobody signed in.
    """

    app: Dash
    signed_in: Callable[[], Person | None]
    callbacks: dict[str, Permission] = field(default_factory=dict)
    """Output of each callback, as in ``app.callback_map``, and what it asks for."""
    routes: dict[str, Permission] = field(default_factory=lambda: dict.fromkeys(DASH_ROUTES, Permission.VIEW))
    """Endpoint of each route and what it asks for."""
    pages: dict[Callable[..., Any], Permission] = field(default_factory=dict)
    """Layout of each page and what it asks for."""
    open_endpoints: set[str] = field(default_factory=lambda: set(STATIC))
    """Endpoints that answer without a sign-in."""

    def __post_init__(self) -> None:
        self.app.server.before_request(self._refuse_strangers)

    def person(self) -> Person:
        """The person of the request under way; answers 401 when nobody signed in."""
        return self.signed_in() or abort(401, "Sign in first.")

    def check(self, permission: Permission) -> Person:
        """The person of the request under way; answers 401 when nobody signed in, 403 when the role is too low."""
        person = self.person()
        if not person.may(permission):
            abort(403, f"Your role, {person.role}, does not permit this.")
        return person

    def callback(self, permission: Permission, *parts: Any, **options: Any) -> Callable[..., Any]:
        """Like ``app.callback``, run only for a person whose role permits it."""

        def register(function: Callable[..., Any]) -> Callable[..., Any]:
            @wraps(function)
            def guarded(*values: Any, **named: Any) -> Any:
                self.check(permission)
                return function(*values, **named)

            before = set(self.app.callback_map)
            registered: Callable[..., Any] = self.app.callback(*parts, **options)(guarded)
            self.callbacks.update(dict.fromkeys(set(self.app.callback_map) - before, permission))
            return registered

        return register

    def page(self, permission: Permission, layout: Callable[..., Any]) -> Callable[..., Any]:
        """The layout of a page, shown only to a person whose role permits it."""

        @wraps(layout)
        def guarded(**parameters: Any) -> Any:
            person = self.person()
            if person.may(permission):
                return layout(**parameters)
            return dmc.Alert(
                f"Your role, {person.role}, does not permit this page. Ask an admin for the role that does.",
                title="Not for your role",
                color="gray",
                variant="light",
            )

        self.pages[guarded] = permission
        return guarded

    def route(
        self,
        rule: str,
        permission: Permission,
        view: Callable[..., Any],
        *,
        methods: Sequence[str] = ("GET",),
    ) -> None:
        """Serve a Flask view at a rule, for a person whose role permits it."""

        @wraps(view)
        def guarded(**parameters: Any) -> Any:
            self.check(permission)
            return view(**parameters)

        self.app.server.add_url_rule(rule, rule, guarded, methods=list(methods))
        self.routes[rule] = permission

    def open_route(self, rule: str, view: Callable[..., Any], *, methods: Sequence[str] = ("GET",)) -> None:
        """Serve a Flask view at a rule to anybody: the way in, and what machines ask for health."""
        self.app.server.add_url_rule(rule, rule, view, methods=list(methods))
        self.open_endpoints.add(rule)

    def unguarded(self) -> list[str]:
        """Callbacks, routes and pages that were added to the app past this guard; empty in a sound app."""
        clientside = {
            entry["output"] for entry in self.app._callback_list if entry["clientside_function"] is not None
        }
        callbacks = set(self.app.callback_map) - set(self.callbacks) - clientside - DASH_CALLBACKS
        endpoints = {rule.endpoint for rule in self.app.server.url_map.iter_rules()}
        pages = {name for name, page in dash.page_registry.items() if page["layout"] not in self.pages}
        return sorted(callbacks | pages | (endpoints - set(self.routes) - self.open_endpoints))

    def _refuse_strangers(self) -> AnyResponse | None:
        if request.endpoint in self.open_endpoints or self.signed_in() is not None:
            return None
        wants_page = request.method == "GET" and request.accept_mimetypes.accept_html
        if not wants_page or request.path.startswith("/_"):
            return Response("Sign in first.", 401, mimetype="text/plain")
        there = request.full_path.removesuffix("?")
        return redirect(SIGN_IN if there == "/" else f"{SIGN_IN}?next={quote(there, safe='')}")
