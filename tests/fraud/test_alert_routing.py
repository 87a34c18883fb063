from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from fraud.alert import Severity, Subject
from fraud.routing import Router
from tests.fraud.alert_world import NOW, alert, config

NIGHT = {"hours": "22:00-07:00"}


def ways(route: dict[str, Any], state: Any = None, now: datetime = NOW) -> list[tuple[str, str]]:
    router = Router(config(routes=[{"name": "one", "channels": ["hook"], **route}]))
    return [(leg.channel, leg.recipient) for leg in router.legs(state or alert(), now)]


@pytest.mark.parametrize(
    ("route", "takes"),
    [
        ({}, True),
        ({"min_severity": "high"}, True),
        ({"min_severity": "critical"}, False),
        ({"min_money": 12_345.6}, True),
        ({"min_money": 12_345.7}, False),
        ({"subjects": ["ring"]}, True),
        ({"subjects": ["account"]}, False),
        ({"kinds": ["card_testing", "shared_*"]}, True),
        ({"kinds": ["card_testing"]}, False),
        ({"subject_ids": ["ring-ab*"]}, True),
        ({"subject_ids": ["ring-zz*"]}, False),
        ({"hours": "11:00-13:00"}, True),
        ({"hours": "13:00-14:00"}, False),
        ({"hours": "13:00-14:00", "time_zone": "Europe/Berlin"}, True),
        ({"hours": "00:00-00:00", "days": ["tue"]}, False),
        ({"hours": "00:00-00:00", "days": ["mon"]}, True),
    ],
)
def test_every_condition_must_hold(route: dict[str, Any], takes: bool) -> None:
    assert ways(route) == ([("hook", "")] if takes else [])


def test_an_account_is_not_a_ring() -> None:
    assert ways({"subjects": ["account"]}, alert(subject=Subject.ACCOUNT)) == [("hook", "")]


@pytest.mark.parametrize(
    ("route", "reached"),
    [
        ({}, ["asha", "ben"]),
        ({"roles": ["supervisor"]}, ["asha"]),
        ({"contacts": ["ben"]}, ["ben"]),
        ({"roles": ["analyst", "supervisor"], "contacts": ["asha"]}, ["asha"]),
    ],
)
def test_contacts_are_chosen_by_name_and_role(route: dict[str, Any], reached: list[str]) -> None:
    assert ways({"channels": ["mail"], **route}) == [("mail", name) for name in reached]


def test_only_who_has_a_telephone_is_texted() -> None:
    assert ways({"channels": ["sms", "mail"]}) == [("sms", "asha"), ("mail", "asha"), ("mail", "ben")]


def test_routes_add_up_until_the_last_and_the_first_to_name_a_way_counts() -> None:
    routes = [
        {"name": "first", "channels": ["mail"], "contacts": ["ben"], "updates": "rise"},
        {"name": "second", "channels": ["mail", "hook"], "last": True},
        {"name": "third", "channels": ["sms"]},
    ]
    legs = Router(config(routes=routes)).legs(alert(), NOW)
    assert [(leg.route, leg.channel, leg.recipient, leg.updates.value) for leg in legs] == [
        ("first", "mail", "ben", "rise"),
        ("second", "mail", "asha", "newest"),
        ("second", "hook", "", "every"),
    ]


@pytest.mark.parametrize(
    ("severity", "hours", "until"),
    [
        (Severity.HIGH, 0, None),
        (Severity.HIGH, 11, 19),
        (Severity.CRITICAL, 11, None),
    ],
)
def test_quiet_hours_hold_back_all_but_the_critical(
    severity: Severity, hours: int, until: int | None
) -> None:
    parts = config(quiet=NIGHT, routes=[{"name": "one", "channels": ["mail", "hook"], "contacts": ["ben"]}])
    mail, hook = Router(parts).legs(alert(severity=severity), NOW)
    moment = NOW + timedelta(hours=hours)
    assert mail.quiet_until(moment, severity) == (until and NOW + timedelta(hours=until))
    # A machine does not sleep.
    assert hook.quiet_until(moment, severity) is None


def test_quiet_hours_of_house_route_and_contact_add_up() -> None:
    contacts = {"ben": {"email": "ben@example.com", "quiet": {"hours": "07:00-09:00", "below": "medium"}}}
    route = {"name": "one", "channels": ["mail"], "quiet": {"hours": "06:30-08:00"}}
    (leg,) = Router(config(quiet=NIGHT, contacts=contacts, routes=[route])).legs(alert(), NOW)
    night = NOW + timedelta(hours=11)
    assert leg.quiet_until(night, Severity.LOW) == NOW + timedelta(hours=21)
    assert leg.quiet_until(night, Severity.HIGH) == NOW + timedelta(hours=20)
