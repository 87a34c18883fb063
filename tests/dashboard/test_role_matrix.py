"""Every route and every callback × nobody and every role: who is let in is the server's say."""

from __future__ import annotations

from typing import Any

import dash
import pytest
from dash import Dash, Input, Output, html
from flask.testing import FlaskClient

from dashboard.app import create_app
from dashboard.guard import DASH_CALLBACKS, Guard
from fraud.access import Permission, Person, Role
from fraud.record import Record
from tests.dashboard.people import RULES, UPDATE, callback_body, client_of, pages_body

SOMEBODY: list[Role | None] = [None, *Role]


@pytest.fixture
def desk(record: Record) -> tuple[Dash, Guard]:
    """The app and its guard, as after the first request, with all that Dash adds then."""
    guards: list[Guard] = []

    class Noted(Guard):
        def __post_init__(self) -> None:
            guards.append(self)
            super().__post_init__()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dashboard.app.Guard", Noted)
        app = create_app(record, None, rules=RULES)
    app.server.test_client().get("/healthz")
    return app, guards[0]


def server_callbacks(app: Dash) -> list[dict[str, Any]]:
    return [entry for entry in app._callback_list if entry["clientside_function"] is None]


def may(role: Role | None, permission: Permission) -> bool:
    return role is not None and Person("p", "P", role).may(permission)


def test_nothing_is_registered_past_the_guard(desk: tuple[Dash, Guard]) -> None:
    assert desk[1].unguarded() == []
    assert len(desk[1].callbacks) >= 5
    assert len(desk[1].pages) == len(dash.page_registry)


def test_what_is_registered_past_the_guard_is_found(record: Record) -> None:
    app = create_app(record, None, rules=RULES)
    app.server.add_url_rule("/leak", "leak", lambda: "all of it")
    app.callback(Output("leak", "children"), Input("leak", "value"))(lambda value: value)
    guard = next(
        f.__self__
        for f in app.server.before_request_funcs[None]
        if isinstance(getattr(f, "__self__", None), Guard)
    )
    dash.register_page("leaky", path="/leaky", layout=lambda: html.Div("all of it"))
    try:
        app.server.test_client().get("/healthz")
        assert guard.unguarded() == ["leak", "leak.children", "leaky"]
        answer = app.server.test_client().get("/leak", headers={"Accept": "text/html"})
        assert answer.status_code == 302, "and a stranger does not get there all the same"
    finally:
        del dash.page_registry["leaky"]


@pytest.mark.parametrize("role", SOMEBODY)
def test_every_callback_asks_for_its_permission(
    desk: tuple[Dash, Guard], record: Record, role: Role | None
) -> None:
    app, guard = desk
    client = client_of(app, record, role)
    asked = 0
    for entry in server_callbacks(app):
        output = entry["output"]
        status = call(client, entry)
        if role is None:
            assert status in {400, 401}, output
        elif output in DASH_CALLBACKS or may(role, guard.callbacks[output]):
            assert status not in {401, 403}, f"{role} is shut out of {output}"
        else:
            assert status == 403, f"{role} is let into {output}"
        asked += 1
    assert asked == len(guard.callbacks) + len(DASH_CALLBACKS)


def call(client: FlaskClient, entry: dict[str, Any]) -> int:
    """The status of a call; that empty fields are too little for a callback is no matter here."""
    client.application.config["PROPAGATE_EXCEPTIONS"] = False
    return client.post(UPDATE, json=callback_body(entry)).status_code


@pytest.mark.parametrize("role", SOMEBODY)
def test_every_route_asks_for_its_permission(
    desk: tuple[Dash, Guard], record: Record, role: Role | None
) -> None:
    app, guard = desk
    for rule in app.server.url_map.iter_rules():
        if rule.rule.startswith(("/assets", "/static", "/_dash-component-suites")):
            continue
        for method in sorted((rule.methods or set()) & {"GET", "POST"}):
            client = client_of(app, record, role)
            client.application.config["PROPAGATE_EXCEPTIONS"] = False
            path = rule.build(dict.fromkeys(rule.arguments, "1"), append_unknown=False)
            assert path is not None
            status = client.open(
                path[1], method=method, headers={"Accept": "text/html"}, json={} if method == "POST" else None
            ).status_code
            said = f"{role} {method} {rule.rule}: {status}"
            if rule.endpoint in guard.open_endpoints:
                assert status not in {401, 403, 500} or rule.endpoint == "/sign-in", said
            elif role is None:
                assert status in {302, 400, 401}, said
            elif may(role, guard.routes[rule.endpoint]):
                assert status not in {401, 403}, said
            else:
                assert status == 403, said


@pytest.mark.parametrize("role", list(Role))
def test_every_page_asks_for_its_permission(desk: tuple[Dash, Guard], record: Record, role: Role) -> None:
    app, guard = desk
    client = client_of(app, record, role)
    for name, page in dash.page_registry.items():
        path = (page["path_template"] or page["path"]).replace("<", "").replace(">", "")
        answer = client.post(UPDATE, json=pages_body(path))
        assert answer.status_code == 200, name
        refused = "Not for your role" in answer.text
        assert refused != may(role, guard.pages[page["layout"]]), name
