from __future__ import annotations

import re
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fraud.alert import AlertState, Severity
from fraud.alert_message import Composer
from fraud.alert_view import View, shortened
from fraud.errors import SettingsError
from fraud.gsm_text import SEGMENT, fitting, gsm, septets
from tests.fraud.alert_world import TOKEN, alert

VIEW = View(base_url="https://desk.example.com/", currency="EUR", zone=ZoneInfo("Europe/Berlin"))
COMPOSER = Composer(VIEW)


def test_a_message_says_what_matters() -> None:
    message = COMPOSER.message("msg_1", [alert()], cases={"ring-ring-ab12cd": "C-000042"})
    assert message.subject == "[HIGH] ring-ab12cd: shared device"
    for part in (message.text, message.html):
        for told in (
            "New: high alert, ring-ab12cd",
            "2 members",
            "EUR 12,346",
            "0.87",
            "2026-03-02 13:00 CET",
        ):
            assert told in part
        assert "https://desk.example.com/case/C-000042" in part
    assert message.sms == (
        "Ringfence HIGH: ring-ab12cd, shared device, 2 members, EUR 12,346. "
        "3 accounts, a_abcd.. among them, are tied by one dev.. https://desk.example.com/case/C-000042"
    )
    assert len(message.sms) <= SEGMENT


def test_without_a_case_the_link_finds_it() -> None:
    assert "https://desk.example.com/alert/ring-ring-ab12cd" in COMPOSER.message("m", [alert()]).text


def test_no_token_is_sent_whole() -> None:
    message = COMPOSER.message("m", [alert()])
    for part in (message.text, message.html, message.sms, message.subject, repr(message.payload)):
        assert TOKEN not in part
        assert "d_abcdefgh" not in part
    assert shortened(f"x {TOKEN}, y") == "x a_abcd…, y"
    assert TOKEN in repr(COMPOSER.message("m", [alert()], full_tokens=True).payload)


def test_html_is_escaped_and_templates_are_not_run_from_values() -> None:
    message = COMPOSER.message("m", [alert(reason="<script>x</script> {{ 7 * 7 }}")])
    assert "<script>" not in message.html
    assert "&lt;script&gt;" in message.html
    assert "{{ 7 * 7 }}" in message.text
    assert "\n" not in COMPOSER.message("m", [alert(kind="a\r\nBcc: x@example.com")]).subject


def test_a_digest_begins_with_the_worst_and_counts_the_rest() -> None:
    many = [alert(ring=f"ring-{i:04}", severity=Severity.LOW) for i in range(30)]
    message = COMPOSER.message("m", [*many, alert(severity=Severity.CRITICAL)])
    assert message.subject == "Ringfence: 31 alerts, worst critical"
    assert message.text.startswith("New: critical alert, ring-ab12cd")
    assert "And 11 more: https://desk.example.com/" in message.text
    assert message.payload["type"] == "alert.digest"
    assert message.severity is Severity.CRITICAL
    assert len(message.sms) <= SEGMENT


@pytest.mark.parametrize(
    ("changes", "told", "head"),
    [
        ({}, False, "New:"),
        ({}, True, "Update:"),
        ({"reopened": True}, True, "Reopened:"),
        ({"state": AlertState.CLOSED}, True, "Closed:"),
    ],
)
def test_what_became_of_it_stands_first(changes: dict[str, object], told: bool, head: str) -> None:
    assert COMPOSER.message("m", [alert(**changes)], told=told).text.startswith(head)  # type: ignore[arg-type]


@settings(max_examples=40)
@given(reason=st.text(), kind=st.text(max_size=200), ring=st.text(min_size=1, max_size=100))
def test_a_text_message_is_one_segment_whatever_it_tells(reason: str, kind: str, ring: str) -> None:
    sms = COMPOSER.message("m", [alert(reason=reason, kind=kind, ring=ring)]).sms
    assert septets(sms) <= SEGMENT
    assert gsm(sms) == sms
    link = re.escape("https://desk.example.com/alert/")
    assert re.search(link, sms) or septets(gsm(VIEW.link(alert(ring=ring).alert_id, None))) >= SEGMENT


@given(st.text())
def test_text_in_the_gsm_alphabet_stays_as_it_is(text: str) -> None:
    assert gsm(gsm(text)) == gsm(text)


@given(st.text(), st.integers(0, 20))
def test_what_fits_is_the_longest_beginning(text: str, room: int) -> None:
    text = gsm(text)
    short = fitting(text, room)
    assert text.startswith(short)
    assert septets(short) <= room
    assert short == text or septets(text[: len(short) + 1]) > room


def test_templates_of_the_house_take_the_place_of_ours(tmp_path: Path) -> None:
    (tmp_path / "subject.txt").write_text("Betrug: {{ alert.title }}")
    message = Composer(VIEW, tmp_path).message("m", [alert()])
    assert message.subject == "Betrug: ring-ab12cd"
    assert "New: high alert" in message.text


@pytest.mark.parametrize(
    "template", ["{{ alert.nothing }}", "{% if %}", "{{ ''.__class__.__mro__[1].__subclasses__() }}"]
)
def test_a_bad_template_is_refused_by_name(tmp_path: Path, template: str) -> None:
    (tmp_path / "subject.txt").write_text(template)
    with pytest.raises(SettingsError, match=r"template subject\.txt"):
        Composer(VIEW, tmp_path).message("m", [alert()])


def test_a_template_that_is_none_is_refused_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "sms.txt").write_text("{% for %}")
    with pytest.raises(SettingsError, match=r"template sms\.txt"):
        Composer(VIEW, tmp_path)


def test_a_folder_that_there_is_not_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="is not a folder"):
        Composer(VIEW, tmp_path / "none")
