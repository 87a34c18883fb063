from __future__ import annotations

from pathlib import Path

import pytest

from fraud.__main__ import main
from fraud.record import Record
from fraud.settings import Settings
from fraud.users import Users


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    status = main(["users", *words])
    said = capsys.readouterr()
    return status, said.out, said.err


def test_the_first_admin_and_what_follows(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    status, password, said = run(capsys, "add", "ada", "--role", "admin", "--shown-name", "Ada Lovelace")
    assert status == 0
    assert "shown this once" in said
    record = Record.open(Settings.load().database_url.get_secret_value())
    users = Users(record.engine)
    assert users.sign_in("ada", password.strip(), "192.0.2.1").shown_name == "Ada Lovelace"
    assert run(capsys, "add", "vera", "--role", "viewer")[0] == 0
    listed = run(capsys, "list")[1].splitlines()
    assert [line.split()[:2] for line in listed] == [["ada", "admin"], ["vera", "viewer"]]
    assert password.strip() not in "".join(listed)
    assert run(capsys, "set-role", "vera", "--role", "analyst")[:2] == (
        0,
        "vera is analyst from the next request on\n",
    )
    fresh = run(capsys, "reset-password", "ada")[1].strip()
    assert fresh != password.strip()
    assert run(capsys, "disable", "vera")[0] == 0
    assert "vera" in run(capsys, "list")[1]
    assert run(capsys, "sessions")[1] == ""
    record.close()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["add", "ada"], "--role: say which"),
        (["add", "--role", "admin"], "add: say whom"),
        (["set-role", "nobody", "--role", "viewer"], "nobody is called 'nobody'"),
        (["end-session", "abc"], "none is called 'abc'"),
        (["add", "Not A Name", "--role", "viewer"], "name: takes"),
        (["fire", "ada"], "fire"),
    ],
)
def test_wrong_usage_is_said_in_one_line(
    capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    status, out, error = run(capsys, *words)
    assert (status, out) == (2, "")
    assert said in error
    assert error.count("\n") == 1
