from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from dash import Dash
from flask.testing import FlaskClient
from sqlalchemy import update
from werkzeug.test import TestResponse

from dashboard.app import create_app
from dashboard.sign_in import local_path
from dashboard.sign_in_rules import SignInRules
from fraud import audit_trail
from fraud.access import SYSTEM, Role
from fraud.access_tables import person_sessions
from fraud.database import writing
from fraud.lock_out import FREE
from fraud.record import Record
from fraud.sessions import Sessions
from fraud.users import Users
from tests.dashboard.people import COOKIE, UPDATE, app_over, client_of, csrf_token, person_of


@pytest.fixture
def app(record: Record) -> Dash:
    return app_over(record)


@pytest.fixture
def client(app: Dash) -> Iterator[FlaskClient]:
    with app.server.test_client() as client:
        yield client


def token_in(answer: TestResponse) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', answer.text)
    assert found is not None
    return found[1]


def sign_in(client: FlaskClient, name: str, password: str, there: str = "/") -> TestResponse:
    form = {"csrf_token": token_in(client.get("/sign-in")), "name": name, "password": password, "next": there}
    return client.post("/sign-in", data=form)


def add(record: Record, name: str = "ada", role: Role = Role.ADMIN, *, must_change: bool = False) -> str:
    return Users(record.engine).add(name, role, by=SYSTEM, must_change=must_change)[1]


def cookie(client: FlaskClient) -> str:
    found = client.get_cookie(COOKIE)
    return found.value if found else ""


def test_nobody_gets_past_the_sign_in_page(app: Dash, client: FlaskClient) -> None:
    page = {"Accept": "text/html"}
    for path in ("/", "/case/C-000001", "/admin", "/nowhere", "/search?q=a%26b"):
        answer = client.get(path, headers=page)
        assert answer.status_code == 302, path
        assert answer.location.startswith("/sign-in"), path
    assert client.get("/search?q=a%26b", headers=page).location == "/sign-in?next=%2Fsearch%3Fq%3Da%2526b"
    for path in ("/_dash-layout", "/_dash-dependencies", "/_reload-hash"):
        assert client.get(path).status_code == 401, path
    assert client.post(UPDATE, json={}).status_code in {400, 401}
    for path in ("/sign-in", "/healthz", "/assets/plain.css", "/_favicon.ico"):
        with client.get(path) as answer:
            assert answer.status_code == 200, path


def test_signing_in_and_out(record: Record, client: FlaskClient) -> None:
    password = add(record)
    answer = sign_in(client, "ada", password, "/search?q=x")
    assert (answer.status_code, answer.location) == (303, "/search?q=x")
    assert client.get("/").status_code == 200
    assert client.get("/sign-in").status_code == 302
    layout = client.get("/_dash-layout").text
    assert "ada, admin" in layout
    out = client.post("/sign-out", data={"csrf_token": csrf_token(client)})
    assert (out.status_code, out.location) == (303, "/sign-in")
    assert client.get("/_dash-layout").status_code == 401
    acts = [entry.act for entry in audit_trail.walk(record.engine)]
    assert acts == ["person.add", "sign_in", "sign_out"]


def test_a_cookie_kept_from_before_signing_out_opens_nothing(record: Record, client: FlaskClient) -> None:
    sign_in(client, "ada", add(record))
    kept = cookie(client)
    client.post("/sign-out", data={"csrf_token": csrf_token(client)})
    client.set_cookie(COOKIE, kept)
    assert client.get("/_dash-layout").status_code == 401


def test_the_session_is_a_new_one_at_every_sign_in(record: Record, app: Dash) -> None:
    password = add(record)
    attacker, victim = app.server.test_client(), app.server.test_client()
    attacker.get("/sign-in")
    planted = cookie(attacker)
    assert planted
    victim.set_cookie(COOKIE, planted)
    sign_in(victim, "ada", password)
    assert cookie(victim) != planted
    assert attacker.get("/_dash-layout").status_code == 401
    before = cookie(victim)
    csrf = csrf_token(victim)
    answer = victim.post(
        "/sign-in", data={"csrf_token": csrf, "name": "ada", "password": password, "next": "/"}
    )
    assert answer.status_code == 303
    assert cookie(victim) != before
    assert len(Sessions(record.engine).live("ada")) == 1, "the session that was left has ended"


def test_a_cookie_under_another_key_is_nobody(record: Record) -> None:
    client = client_of(app_over(record), record, Role.ADMIN)
    other = create_app(record, None, rules=SignInRules()).server.test_client()
    other.set_cookie(COOKIE, cookie(client))
    assert other.get("/_dash-layout").status_code == 401


def test_cookies_are_shut_to_scripts_other_sites_and_plain_text(record: Record) -> None:
    add(record)
    rules = SignInRules(https=True, public_url="https://desk.example")
    client = create_app(record, None, rules=rules, only_loopback=False).server.test_client()
    answer = client.get("/sign-in", base_url="https://desk.example")
    session, csrf = sorted(answer.headers.getlist("Set-Cookie"))
    assert session.startswith("__Host-ringfence=")
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= set(session.split("; "))
    assert {"Secure", "Path=/", "SameSite=Strict"} <= set(csrf.split("; "))
    assert "Domain" not in session + csrf
    assert answer.headers["Strict-Transport-Security"].startswith("max-age=")
    assert answer.headers["Cache-Control"] == "no-store"
    assert client.get("/sign-in", base_url="https://evil.example").status_code == 400


@pytest.mark.parametrize("path", ["/sign-in", "/sign-out", "/password", UPDATE])
def test_a_post_without_its_token_is_refused(record: Record, app: Dash, path: str) -> None:
    client = client_of(app, record, Role.ADMIN)
    real = client.environ_base.pop("HTTP_X_CSRFTOKEN")
    assert client.post(path, data={"name": "x"}).status_code == 400
    assert client.post(path, headers={"X-CSRFToken": "made-up"}).status_code == 400
    other = client_of(app, record, Role.VIEWER)
    foreign = other.environ_base["HTTP_X_CSRFTOKEN"]
    assert client.post(path, headers={"X-CSRFToken": foreign}).status_code == 400
    assert client.get("/_dash-layout").status_code == 200, "no refused request signed anybody out"
    assert client.post("/sign-out", headers={"X-CSRFToken": real}).status_code == 303


def test_wrong_passwords_meet_growing_pauses(record: Record, client: FlaskClient) -> None:
    password = add(record)
    for _ in range(FREE["person"]):
        answer = sign_in(client, "ada", "wrong")
        assert answer.status_code == 401
        assert "Name or password is wrong" in answer.text
    answer = sign_in(client, "ada", password)
    assert answer.status_code == 429
    assert 1 <= int(answer.headers["Retry-After"]) <= 15
    assert client.get("/_dash-layout").status_code == 401


def test_sessions_end_by_themselves(record: Record, app: Dash) -> None:
    client = client_of(app, record, Role.VIEWER)
    columns = person_sessions.c

    def shift(column: str, by: timedelta) -> None:
        with record.engine.connect() as connection, writing(connection):
            value = connection.execute(person_sessions.select()).mappings().one()[column]
            connection.execute(update(person_sessions).values({columns[column]: value - by}))

    assert client.get("/_dash-layout").status_code == 200
    shift("last_seen_at", timedelta(minutes=29))
    assert client.get("/_dash-layout").status_code == 200
    shift("last_seen_at", timedelta(minutes=31))
    assert client.get("/_dash-layout").status_code == 401
    client = client_of(app, record, Role.ANALYST)
    with record.engine.connect() as connection, writing(connection):
        connection.execute(person_sessions.delete().where(columns.name == "viewer"))
    shift("expires_at", timedelta(hours=11, minutes=59))
    assert client.get("/_dash-layout").status_code == 200
    shift("expires_at", timedelta(minutes=2))
    assert client.get("/_dash-layout").status_code == 401


def test_the_ticking_of_a_page_keeps_nobody_signed_in(record: Record, app: Dash) -> None:
    client = client_of(app, record, Role.VIEWER)

    def seen_after(changed: list[str]) -> timedelta:
        with record.engine.connect() as connection, writing(connection):
            row = connection.execute(person_sessions.select()).one()
            old = row.last_seen_at - timedelta(minutes=5)
            connection.execute(update(person_sessions).values(last_seen_at=old))
        client.post(UPDATE, json={"changedPropIds": changed, "output": "x.y", "inputs": []})
        with record.engine.connect() as connection:
            return connection.execute(person_sessions.select()).one().last_seen_at - old

    assert seen_after(["queue-clock.n_intervals"]) == timedelta(0)
    assert seen_after(["queue-clock.n_intervals", "filter.value"]) > timedelta(minutes=4)


def test_a_password_that_somebody_else_gave_must_be_changed_first(
    record: Record, client: FlaskClient
) -> None:
    password = add(record, must_change=True)
    sign_in(client, "ada", password)
    answer = client.get("/case/C-1", headers={"Accept": "text/html"})
    assert (answer.status_code, answer.location) == (302, "/password")
    assert client.get("/_dash-layout").status_code == 403
    token = csrf_token(client)

    def change(old: str, new: str, again: str) -> TestResponse:
        form = {"csrf_token": token, "old": old, "new": new, "again": again}
        return client.post("/password", data=form)

    assert "differ" in change(password, "plenty of words here", "other words").text
    assert "at least 12" in change(password, "short", "short").text
    assert "wrong" in change("guess", "plenty of words here", "plenty of words here").text
    assert client.get("/_dash-layout").status_code == 403
    before = cookie(client)
    assert change(password, "plenty of words here", "plenty of words here").status_code == 303
    assert cookie(client) != before
    assert client.get("/_dash-layout").status_code == 200


def test_ended_sessions_and_lower_roles_count_at_once(record: Record, app: Dash) -> None:
    client = client_of(app, record, Role.ADMIN)
    person_of(record, Role.SUPERVISOR)
    users, sessions = Users(record.engine), Sessions(record.engine)
    users.set_role("supervisor", Role.ADMIN, by=SYSTEM)
    users.set_role("admin", Role.VIEWER, by=SYSTEM)
    assert "admin, viewer" in client.get("/_dash-layout").text
    sessions.revoke(sessions.live("admin")[0].handle, SYSTEM)
    assert client.get("/_dash-layout").status_code == 401


def test_the_first_admin_is_told_how_to_begin(client: FlaskClient, record: Record) -> None:
    assert "users add NAME --role admin" in client.get("/sign-in").text
    add(record)
    assert "users add NAME" not in client.get("/sign-in").text


@pytest.mark.parametrize(
    "there",
    [
        "//evil.example",
        "https://evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
        "/\tx",
        "/sign-out",
        "evil",
        "",
        "/_dash-layout",
        "///evil",
    ],
)
def test_the_way_on_stays_in_the_house(there: str) -> None:
    assert local_path(there) == "/"


@pytest.mark.parametrize("there", ["/", "/case/C-1", "/search?q=%2F%2Fx", "/?state=open&sort=score"])
def test_the_way_on_is_kept(there: str) -> None:
    assert local_path(there) == there


def test_what_is_typed_comes_back_as_text(client: FlaskClient, record: Record) -> None:
    add(record)
    evil = '"><script>alert(1)</script>'
    answer = sign_in(client, evil, "x", f"/{evil}")
    assert "<script>" not in answer.text
    assert "&lt;script&gt;" in answer.text
