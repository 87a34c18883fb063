"""Who is signed in, in the corner of every page: name, role, password, sign-out."""

from __future__ import annotations

from typing import Any

from dash import dcc, html
from flask_wtf.csrf import generate_csrf

from fraud.access import Permission, Person

__all__ = ["person_menu"]

NAMED: dict[str, Any] = {"aria-label": "You"}


def person_menu(person: Person) -> Any:
    """A menu that opens without a script."""
    ways: list[Any] = [html.A("Your password", href="/password")]
    if person.may(Permission.SEE_AUDIT):
        ways.insert(0, dcc.Link("Administration", href="/admin"))
    sign_out = html.Form(
        [
            dcc.Input(type="hidden", name="csrf_token", value=generate_csrf()),
            html.Button("Sign out", type="submit", id="sign-out"),
        ],
        action="/sign-out",
        method="POST",
    )
    card = html.Div(
        [
            html.Div(html.Strong(person.shown_name)),
            html.Div(f"{person.name}, {person.role}", className="person-role"),
            *ways,
            sign_out,
        ],
        className="person-card",
    )
    return html.Details(
        [html.Summary(person.shown_name, title=f"Signed in as {person.name}, {person.role}"), card],
        id="person-menu",
        className="person-menu",
        **NAMED,
    )
