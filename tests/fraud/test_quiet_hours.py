from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fraud.quiet_hours import Hours, end_of_quiet

BERLIN = ZoneInfo("Europe/Berlin")
moments = st.datetimes(datetime(2024, 1, 1), datetime(2027, 1, 1)).map(lambda t: t.replace(tzinfo=UTC))
clock = st.tuples(st.integers(0, 23), st.integers(0, 59)).map(lambda t: f"{t[0]:02}:{t[1]:02}")
stretches = st.builds(
    lambda a, b, zone, days: Hours.parse(f"{a}-{b}", ZoneInfo(zone), days),
    clock,
    clock,
    st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Chatham"]),
    st.lists(st.sampled_from(["mon", "wed", "sat", "sun"]), min_size=1),
)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN)


@pytest.mark.parametrize(
    ("moment", "ends"),
    [
        ("2026-03-02T21:59", None),
        ("2026-03-02T22:00", "2026-03-03T07:00"),
        ("2026-03-03T06:59", "2026-03-03T07:00"),
        ("2026-03-03T07:00", None),
        # The clocks go forward in this night, and back in that one.
        ("2026-03-28T23:00", "2026-03-29T07:00"),
        ("2026-10-24T23:00", "2026-10-25T07:00"),
    ],
)
def test_a_night_in_its_time_zone(moment: str, ends: str | None) -> None:
    night = Hours.parse("22:00-07:00", BERLIN)
    assert night.end(at(moment)) == (at(ends) if ends else None)


def test_a_stretch_over_midnight_belongs_to_the_day_it_begins_on() -> None:
    friday_night = Hours.parse("22:00-07:00", BERLIN, ["fri"])
    assert friday_night.end(at("2026-03-07T03:00")) == at("2026-03-07T07:00")
    assert friday_night.end(at("2026-03-06T03:00")) is None
    assert friday_night.end(at("2026-03-07T23:00")) is None


def test_a_weekend_after_a_night_is_one_quiet_time() -> None:
    quiet = [Hours.parse("20:00-00:00", BERLIN, ["fri"]), Hours.parse("00:00-00:00", BERLIN, ["sat", "sun"])]
    assert end_of_quiet(at("2026-03-06T20:30"), quiet) == at("2026-03-09T00:00")


def test_quiet_for_ever_ends_after_two_weeks() -> None:
    always = [Hours.parse("00:00-00:00", BERLIN)]
    ends = end_of_quiet(at("2026-03-06T20:30"), always)
    assert ends is not None
    assert timedelta(days=14) <= ends - at("2026-03-06T20:30") <= timedelta(days=15)


@pytest.mark.parametrize("text", ["22-7", "22:00-24:00", "25:00-07:00", "07:60-08:00", "", "22:00–07:00"])
def test_bad_hours_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must"):
        Hours.parse(text, BERLIN)


@given(hours=stretches, moment=moments)
def test_the_end_lies_ahead_and_what_follows_it_is_no_part_of_the_same_stretch(
    hours: Hours, moment: datetime
) -> None:
    ends = hours.end(moment)
    if ends is None:
        return
    assert moment < ends <= moment + timedelta(hours=26)
    local = ends.astimezone(hours.zone)
    # A clock that jumps over the end shows a later time.
    assert (local.hour, local.minute) >= (hours.ends.hour, hours.ends.minute) or local.hour == 0
    again = hours.end(ends)
    assert again is None or again > ends


@given(quiet=st.lists(stretches, max_size=3), moment=moments)
def test_at_the_end_of_quiet_no_stretch_holds(quiet: list[Hours], moment: datetime) -> None:
    ends = end_of_quiet(moment, quiet)
    if ends is None:
        assert all(one.end(moment) is None for one in quiet)
    elif ends - moment < timedelta(days=14):
        assert all(one.end(ends) is None for one in quiet)
