from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from argon2 import PasswordHasher
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, select, update

from fraud import audit_trail
from fraud.access import SYSTEM, Person, Role
from fraud.access_tables import people, person_sessions, sign_in_attempts
from fraud.database import writing
from fraud.errors import Conflict, Forbidden, InputError
from fraud.lock_out import FREE, LONGEST_PAUSE, LockOut
from fraud.passwords import check_new_password, needs_rehash, random_password, verify_password
from fraud.record import Record
from fraud.sessions import SessionLimits, Sessions
from fraud.users import Refused, Users

NOW = datetime(2026, 5, 1, 8, tzinfo=UTC)
HOME = "192.0.2.7"


@pytest.fixture
def engine(record_url: str) -> Iterator[Engine]:
    record = Record.open(record_url)
    yield record.engine
    record.close()


def acts(engine: Engine) -> list[tuple[str, str, str]]:
    return [(entry.by, entry.act, entry.subject) for entry in audit_trail.walk(engine)]


def password_hash(engine: Engine, name: str) -> str:
    with engine.connect() as connection:
        found = connection.execute(select(people.c.password_hash).where(people.c.name == name)).scalar_one()
    return str(found)


def test_a_person_signs_in_with_the_password_shown_once(engine: Engine) -> None:
    users = Users(engine)
    ada, password = users.add("Ada", Role.ADMIN, by=SYSTEM, shown_name="Ada  Lovelace")
    assert (ada.name, ada.shown_name) == ("ada", "Ada Lovelace")
    assert users.sign_in(" ADA ", password, HOME) == ada
    assert password_hash(engine, "ada").startswith("$argon2id$")
    assert password not in password_hash(engine, "ada")
    with pytest.raises(Conflict, match="ada is taken"):
        users.add("ada", Role.VIEWER, by=SYSTEM)


@pytest.mark.parametrize("name", ["", "-x", "a b", "system", "x" * 65, "a'; DROP TABLE people", "ä", "a:b"])
def test_a_name_that_will_not_do_is_refused(engine: Engine, name: str) -> None:
    with pytest.raises(InputError, match="name"):
        Users(engine).add(name, Role.VIEWER, by=SYSTEM)


def test_wrong_name_and_wrong_password_are_refused_in_the_same_words(engine: Engine) -> None:
    users = Users(engine)
    users.add("ada", Role.ADMIN, by=SYSTEM)
    said = []
    for name in ("ada", "nobody", "ada' OR '1'='1", "x" * 10_000):
        with pytest.raises(Refused) as refused:
            users.sign_in(name, "wrong", HOME)
        said.append(str(refused.value))
    assert len(set(said)) == 1
    assert ("ada", "sign_in.refused", "person ada") in acts(engine)
    assert not [act for act in acts(engine) if "nobody" in act[2]]


def test_only_those_who_may_manage_people(engine: Engine) -> None:
    users = Users(engine)
    supervisor = Person("sue", "Sue", Role.SUPERVISOR)
    users.add("ada", Role.ADMIN, by=SYSTEM)
    for act in (
        lambda: users.add("eve", Role.ADMIN, by=supervisor),
        lambda: users.set_role("ada", Role.VIEWER, by=supervisor),
        lambda: users.reset_password("ada", by=supervisor),
        lambda: users.set_disabled("ada", True, by=supervisor),
    ):
        with pytest.raises(Forbidden):
            act()
    assert [act for _, act, _ in acts(engine)] == ["person.add"]


def test_the_last_admin_stays(engine: Engine) -> None:
    users = Users(engine)
    users.add("ada", Role.ADMIN, by=SYSTEM)
    users.add("vera", Role.VIEWER, by=SYSTEM)
    with pytest.raises(InputError, match="only admin"):
        users.set_role("ada", Role.ANALYST, by=SYSTEM)
    with pytest.raises(InputError, match="only admin"):
        users.set_disabled("ada", True, by=SYSTEM)
    users.set_role("vera", Role.ADMIN, by=SYSTEM)
    users.set_disabled("ada", True, by=SYSTEM)
    with pytest.raises(InputError, match="only admin"):
        users.set_disabled("vera", True, by=SYSTEM)
    assert acts(engine)[-2:] == [
        ("system", "person.set_role", "person vera"),
        ("system", "person.disable", "person ada"),
    ]


def test_old_hashes_are_made_anew_at_the_next_sign_in(engine: Engine) -> None:
    users = Users(engine)
    _, password = users.add("ada", Role.ADMIN, by=SYSTEM)
    weak = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(password)
    with engine.connect() as connection, writing(connection):
        connection.execute(update(people).values(password_hash=weak))
    assert needs_rehash(weak)
    users.sign_in("ada", password, HOME)
    assert password_hash(engine, "ada") != weak
    assert not needs_rehash(password_hash(engine, "ada"))
    users.sign_in("ada", password, HOME)


def test_a_new_password_ends_every_session(engine: Engine) -> None:
    users, sessions = Users(engine), Sessions(engine)
    ada, password = users.add("ada", Role.ADMIN, by=SYSTEM)
    token = sessions.begin(ada, address=HOME, agent="browser", how="password")
    found = sessions.find(token)
    assert found is not None and found.must_change
    with pytest.raises(InputError, match="is the one you have"):
        users.change_password(ada, password, password, HOME)
    with pytest.raises(Refused):
        users.change_password(ada, "wrong", "a much better secret", HOME)
    users.change_password(ada, password, "a much better secret", HOME)
    assert sessions.find(token) is None
    users.sign_in("ada", "a much better secret", HOME)
    token = sessions.begin(ada, address=HOME, agent="browser", how="password")
    found = sessions.find(token)
    assert found is not None and not found.must_change
    fresh = users.reset_password("ada", by=SYSTEM)
    assert sessions.find(token) is None
    with pytest.raises(Refused):
        users.sign_in("ada", "a much better secret", HOME)
    users.sign_in("ada", fresh, HOME)


def test_a_disabled_person_is_out_at_once(engine: Engine) -> None:
    users, sessions = Users(engine), Sessions(engine)
    users.add("ada", Role.ADMIN, by=SYSTEM)
    vera, password = users.add("vera", Role.VIEWER, by=SYSTEM)
    token = sessions.begin(vera, address=HOME, agent="browser", how="password")
    users.set_disabled("vera", True, by=SYSTEM)
    assert sessions.find(token) is None
    with pytest.raises(Refused, match="Name or password is wrong"):
        users.sign_in("vera", password, HOME)
    users.set_disabled("vera", False, by=SYSTEM)
    users.sign_in("vera", password, HOME)
    assert sessions.find(token) is None


def test_pauses_grow_and_are_bounded_and_forgotten(engine: Engine) -> None:
    lock_out = LockOut(engine)
    now, pauses = NOW, []
    for _ in range(30):
        left = lock_out.attempt("ada", HOME, now)
        if left is None:
            continue
        pauses.append(left)
        now += left
    assert len(pauses) >= 8
    assert pauses[0] == timedelta(seconds=15)
    assert pauses == sorted(pauses)
    assert pauses[-1] == LONGEST_PAUSE
    assert lock_out.attempt("ada", HOME, now + timedelta(hours=2)) is None
    assert lock_out.attempt("ada", HOME, now + timedelta(hours=2)) is None


def test_one_address_cannot_try_everybody(engine: Engine) -> None:
    lock_out = LockOut(engine)
    tried = [lock_out.attempt(f"person{i}", "2001:db8::1", NOW) for i in range(FREE["address"])]
    assert tried == [None] * FREE["address"]
    assert lock_out.attempt("another", "2001:db8::2", NOW) is not None, "an IPv6 customer has a whole /64"
    assert lock_out.attempt("another", "2001:db8:0:1::1", NOW) is None


def test_signing_in_well_does_not_hide_guesses_at_others(engine: Engine) -> None:
    lock_out = LockOut(engine)
    for i in range(FREE["address"]):
        assert lock_out.attempt(f"victim{i}", HOME, NOW) is None
        if lock_out.attempt("mallory", HOME, NOW) is None:
            lock_out.succeeded("mallory", HOME)
    assert lock_out.attempt("one-more", HOME, NOW) is not None


def test_guesses_at_once_count_one_by_one(engine: Engine) -> None:
    lock_out = LockOut(engine)
    let_in: list[bool] = []
    threads = [
        threading.Thread(target=lambda: let_in.append(lock_out.attempt("ada", HOME, NOW) is None))
        for _ in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(let_in) == FREE["person"]


def test_a_pause_holds_for_the_right_password_too_and_a_reset_ends_it(engine: Engine) -> None:
    users = Users(engine)
    _, password = users.add("ada", Role.ADMIN, by=SYSTEM)
    for _ in range(FREE["person"]):
        with pytest.raises(Refused, match="wrong"):
            users.sign_in("ada", "wrong", HOME)
    with pytest.raises(Refused, match=r"Too many attempts. Try again in \d+ seconds") as refused:
        users.sign_in("ada", password, "198.51.100.1")
    assert refused.value.wait is not None
    users.sign_in("ada", users.reset_password("ada", by=SYSTEM), "198.51.100.1")
    with engine.connect() as connection:
        keys = connection.execute(select(sign_in_attempts.c.key)).scalars().all()
    assert "person:ada" not in keys


def test_sessions_end_by_idleness_and_by_age(engine: Engine) -> None:
    ada, _ = Users(engine).add("ada", Role.ADMIN, by=SYSTEM)
    limits = SessionLimits(idle=timedelta(minutes=30), whole=timedelta(hours=2))
    sessions = Sessions(engine, limits)
    token = sessions.begin(ada, address=HOME, agent="browser", how="password", now=NOW)
    assert sessions.find(token, NOW + timedelta(minutes=29), touch=False) is not None
    assert sessions.find(token, NOW + timedelta(minutes=31)) is None
    for minutes in range(25, 120, 25):
        assert sessions.find(token, NOW + timedelta(minutes=minutes)) is not None
    assert sessions.find(token, NOW + timedelta(minutes=119)) is not None
    assert sessions.find(token, NOW + timedelta(minutes=120)) is None


def test_a_session_is_kept_as_a_hash_and_can_be_ended_from_elsewhere(engine: Engine) -> None:
    users, sessions = Users(engine), Sessions(engine)
    ada, _ = users.add("ada", Role.ADMIN, by=SYSTEM)
    vera, _ = users.add("vera", Role.VIEWER, by=SYSTEM)
    token = sessions.begin(vera, address=HOME, agent="x" * 1_000, how="password")
    other = sessions.begin(ada, address=HOME, agent="browser", how="password")
    with engine.connect() as connection:
        kept = connection.execute(select(person_sessions)).all()
    assert all(token not in str(row) and other not in str(row) for row in kept)
    shown = {session.person.name: session for session in sessions.live()}
    assert len(shown["vera"].agent) == 200
    with pytest.raises(Forbidden):
        sessions.revoke(shown["ada"].handle, vera)
    assert sessions.find(other) is not None
    assert sessions.revoke(shown["vera"].handle, ada) == "vera"
    assert sessions.find(token) is None
    assert [session.person.name for session in sessions.live()] == ["ada"]
    for handle in ("", "%", "____________", "0" * 12):
        with pytest.raises(InputError, match="none is called"):
            sessions.revoke(handle, ada)
    sessions.end(other, ada)
    assert sessions.live() == []
    assert acts(engine)[-2:] == [("ada", "session.end", "person vera"), ("ada", "sign_out", "person ada")]


def test_a_new_role_counts_from_the_next_request(engine: Engine) -> None:
    users, sessions = Users(engine), Sessions(engine)
    vera, _ = users.add("vera", Role.VIEWER, by=SYSTEM)
    token = sessions.begin(vera, address=HOME, agent="browser", how="password")
    users.set_role("vera", Role.ANALYST, by=SYSTEM)
    found = sessions.find(token)
    assert found is not None and found.person.role is Role.ANALYST


def test_whom_a_provider_sends_is_known_by_its_own_name_for_them(engine: Engine) -> None:
    users = Users(engine)
    _ada, _ = users.add("ada", Role.ADMIN, by=SYSTEM)
    with pytest.raises(Conflict):
        users.arrive("https://id|1", "ada", "Not Ada", Role.VIEWER)
    first = users.arrive("https://id|1", "grace", "Grace", Role.VIEWER)
    again = users.arrive("https://id|1", "renamed", "Grace H.", Role.ANALYST)
    assert (first.name, again.name, again.role, again.shown_name) == (
        "grace",
        "grace",
        Role.ANALYST,
        "Grace H.",
    )
    with pytest.raises(Refused):
        users.sign_in("grace", "", HOME)
    with pytest.raises(InputError, match="signs in elsewhere"):
        users.reset_password("grace", by=SYSTEM)
    users.set_disabled("grace", True, by=SYSTEM)
    with pytest.raises(Refused, match="any more"):
        users.arrive("https://id|1", "grace", "Grace", Role.ANALYST)


def test_random_passwords_pass_their_own_rules_and_differ() -> None:
    made = {random_password() for _ in range(100)}
    assert len(made) == 100
    for password in made:
        check_new_password(password, "grace")


@pytest.mark.parametrize("password", ["short", "aaaaaaaaaaaaaaaa", "my name is grace yes", "x" * 300])
def test_a_password_that_will_not_do_is_refused(password: str) -> None:
    with pytest.raises(InputError, match="password"):
        check_new_password(password, "grace")


@settings(max_examples=15)
@given(st.text(max_size=400), st.text(st.characters(), max_size=100))
def test_verifying_never_breaks(known: str, password: str) -> None:
    assert not verify_password(None, password)
    assert not verify_password(known, password)
