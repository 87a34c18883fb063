from __future__ import annotations

import time
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask.testing import FlaskClient
from joserfc.jwk import RSAKey
from pydantic import SecretStr
from werkzeug.test import TestResponse

from dashboard.app import create_app
from dashboard.sign_in_rules import SignInRules
from fraud import audit_trail
from fraud.access import SYSTEM, Role
from fraud.errors import SettingsError
from fraud.record import Record
from fraud.settings import OidcSettings, Settings
from fraud.users import Users
from tests.dashboard.oidc_provider import CLIENT, SECRET, OidcProvider, query


@pytest.fixture
def provider() -> Iterator[OidcProvider]:
    with OidcProvider() as provider:
        yield provider


@pytest.fixture
def client(record: Record, provider: OidcProvider) -> FlaskClient:
    oidc = OidcSettings(
        issuer=provider.issuer,
        client_id=CLIENT,
        client_secret=SecretStr(SECRET),
        name="House login",
        roles={"desk": Role.ANALYST, "chiefs": Role.SUPERVISOR},
    )
    return create_app(record, None, rules=SignInRules(oidc=oidc)).server.test_client()


def come_back(client: FlaskClient, there: str = "/") -> TestResponse:
    """The way of a browser: to the provider, and back with what it gave."""
    gone = client.get("/sign-in/oidc", query_string={"next": there})
    assert gone.status_code == 302, gone.text
    address = urlsplit(gone.location)
    connection = HTTPConnection(address.netloc)
    connection.request("GET", f"{address.path}?{address.query}")
    with connection.getresponse() as answer:
        status, back = answer.status, answer.getheader("Location")
    connection.close()
    assert status == 302
    assert back is not None
    parts = urlsplit(back)
    return client.get(f"{parts.path}?{parts.query}")


def test_whom_the_provider_vouches_for_is_in_with_the_role_of_the_claim(
    client: FlaskClient, provider: OidcProvider, record: Record
) -> None:
    assert "Continue with House login" in client.get("/sign-in").text
    provider.claims["groups"] = ["staff", "desk", "chiefs"]
    answer = come_back(client, "/search?q=x")
    assert (answer.status_code, answer.location) == (302, "/search?q=x")
    assert "grace, supervisor" in client.get("/_dash-layout").text
    asked = provider.asked
    assert asked["code_challenge_method"] == "S256"
    assert asked["redirect_uri"] == "http://localhost/sign-in/oidc/back"
    provider.claims["groups"] = "desk"
    come_back(client)
    assert "grace, analyst" in client.get("/_dash-layout").text
    acts = [entry.act for entry in audit_trail.walk(record.engine)]
    assert acts == ["person.add", "sign_in", "person.set_role", "sign_out", "sign_in"]


def test_the_role_claim_may_come_from_the_userinfo_of_the_same_person(
    client: FlaskClient, provider: OidcProvider
) -> None:
    provider.more = {"sub": "somebody else", "groups": ["desk"]}
    assert come_back(client).status_code == 401
    provider.more = {"sub": "1", "groups": ["desk"]}
    answer = come_back(client)
    assert answer.status_code == 302, answer.text


def test_without_a_role_there_is_no_way_in(
    client: FlaskClient, provider: OidcProvider, record: Record
) -> None:
    provider.claims["groups"] = ["staff"]
    answer = come_back(client)
    assert answer.status_code == 401
    assert "gives you no role here" in answer.text
    assert client.get("/_dash-layout").status_code == 401
    assert Users(record.engine).all() == []


@pytest.mark.parametrize(
    "forged",
    [
        {"nonce": "of another sign-in"},
        {"aud": "another-client"},
        {"iss": "https://evil.example"},
        {"exp": int(time.time()) - 600},
    ],
)
def test_a_token_that_is_not_for_this_sign_in_is_refused(
    client: FlaskClient, provider: OidcProvider, forged: dict[str, Any]
) -> None:
    provider.claims["groups"] = ["desk"]
    provider.forge = forged
    answer = come_back(client)
    assert answer.status_code == 401
    assert "did not let you in" in answer.text
    assert client.get("/_dash-layout").status_code == 401


def test_a_token_signed_by_another_is_refused(client: FlaskClient, provider: OidcProvider) -> None:
    provider.claims["groups"] = ["desk"]
    provider.signs_with = RSAKey.generate_key(2048, {"kid": "one", "use": "sig", "alg": "RS256"})
    assert come_back(client).status_code == 401
    assert client.get("/_dash-layout").status_code == 401


def test_an_answer_that_nobody_here_asked_for_is_refused(client: FlaskClient, provider: OidcProvider) -> None:
    provider.claims["groups"] = ["desk"]
    gone = client.get("/sign-in/oidc")
    state = query(gone.location)["state"]
    victim = client.application.test_client()
    answer = victim.get("/sign-in/oidc/back", query_string={"code": "stolen", "state": state})
    assert answer.status_code == 401
    assert client.get("/sign-in/oidc/back?error=access_denied").status_code == 401


def test_a_provider_may_not_take_the_name_of_somebody_with_a_password(
    client: FlaskClient, provider: OidcProvider, record: Record
) -> None:
    Users(record.engine).add("grace", Role.ADMIN, by=SYSTEM)
    provider.claims["groups"] = ["desk"]
    answer = come_back(client)
    assert answer.status_code == 401
    assert "grace is taken" in answer.text


def test_a_provider_that_is_away_is_said(record: Record) -> None:
    oidc = OidcSettings(issuer="http://127.0.0.1:1", client_id="x", roles={"desk": Role.ANALYST})
    client = create_app(record, None, rules=SignInRules(oidc=oidc)).server.test_client()
    answer = client.get("/sign-in/oidc", headers={"Accept": "text/html"})
    assert answer.status_code == 503
    assert "cannot be reached" in answer.text


def test_half_a_provider_is_refused() -> None:
    with pytest.raises(SettingsError, match="OIDC__CLIENT_ID: required"):
        Settings.load(dashboard={"oidc": {"issuer": "https://id.example"}})
    with pytest.raises(SettingsError, match="OIDC__ROLES: required"):
        Settings.load(dashboard={"oidc": {"issuer": "https://id.example", "client_id": "x"}})
