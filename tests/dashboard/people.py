"""People for the tests: one of each role, signed in without the page, by a cookie that the server takes for its own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from dash import Dash
from flask import Flask
from flask.sessions import SecureCookieSessionInterface
from flask.testing import FlaskClient

from dashboard.app import create_app
from dashboard.guard import DASH_CALLBACKS
from dashboard.sign_in_rules import SignInRules
from fraud.access import SYSTEM, Person, Role
from fraud.record import Record
from fraud.sessions import Sessions
from fraud.users import Users

RULES = SignInRules(secret_key=b"a key that only the tests have...")
COOKIE = "ringfence"
UPDATE = "/_dash-update-component"


def person_of(record: Record, role: Role) -> Person:
    """The person of a role, added on first use; their name is the role's."""
    users = Users(record.engine)
    found = users.find(role.value)
    if found is not None:
        return found.person
    return users.add(role.value, role, by=SYSTEM, must_change=False)[0]


def session_cookie(record: Record, person: Person) -> str:
    """The cookie of a fresh session."""
    token = Sessions(record.engine, RULES.limits).begin(person, address="127.0.0.1", agent="test", how="test")
    server = Flask("cookies")
    server.secret_key = RULES.secret_key
    serializer = SecureCookieSessionInterface().get_signing_serializer(server)
    assert serializer is not None
    cookie: str | bytes = serializer.dumps({"_user_id": token, "_fresh": True})
    return cookie if isinstance(cookie, str) else cookie.decode()


def app_over(record: Record) -> Dash:
    """The app without a graph store, set up as after its first request."""
    app = create_app(record, None, rules=RULES)
    app.server.test_client().get("/healthz")
    return app


def client_of(app: Dash, record: Record, role: Role | None) -> FlaskClient:
    """A client that somebody of a role is signed in with, or nobody; posts bear the token that Dash would send."""
    client = app.server.test_client()
    if role is not None:
        client.set_cookie(COOKIE, session_cookie(record, person_of(record, role)))
        client.get("/")
        client.environ_base["HTTP_X_CSRFTOKEN"] = csrf_token(client)
    return client


def csrf_token(client: FlaskClient) -> str:
    """The token that the last page handed out."""
    cookie = client.get_cookie("_csrf_token")
    assert cookie is not None
    return cookie.decoded_value


def callback_body(entry: dict[str, Any], values: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """A request for a callback as Dash's own script sends it; ``values`` by ``id.property``, None for the rest.

    Of components that come in any number there are none, unless a list is given for them.
    """
    given = values or {}

    def part(of: dict[str, Any]) -> Any:
        name = f"{of['id']}.{of['property']}"
        if of["id"].startswith("{"):
            return given.get(name, [])
        return {"id": of["id"], "property": of["property"], "value": given.get(name)}

    def parts(of: list[Any]) -> list[Any]:
        return [parts(one) if isinstance(one, list) else part(one) for one in of]

    output: str = entry["output"]
    several = output.startswith("..")
    names = output[2:-2].split("...") if several else [output]
    outputs = [_output(name) for name in names]
    return {
        "output": output,
        "outputs": outputs if several else outputs[0],
        "inputs": parts(entry["inputs"]),
        "state": parts(entry["state"]),
        "changedPropIds": [f"{one['id']}.{one['property']}" for one in entry["inputs"] if "id" in one],
    }


def pages_body(path: str, search: str = "") -> dict[str, Any]:
    """A request for the layout of the page at a path, as Dash's own script sends it."""
    return {
        "output": next(iter(DASH_CALLBACKS)),
        "outputs": [
            {"id": "_pages_content", "property": "children"},
            {"id": "_pages_store", "property": "data"},
        ],
        "inputs": [
            {"id": "_pages_location", "property": "pathname", "value": path},
            {"id": "_pages_location", "property": "search", "value": search},
        ],
        "changedPropIds": ["_pages_location.pathname"],
    }


def _output(name: str) -> Any:
    ident, _, prop = name.rpartition(".")
    if not ident.startswith("{"):
        return {"id": ident, "property": prop}
    known = json.loads(ident)
    if ["ALL"] in known.values():
        return []
    one = {key: "x" if value == ["MATCH"] else value for key, value in known.items()}
    return {"id": one, "property": prop}
