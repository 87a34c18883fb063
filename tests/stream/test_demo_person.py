from __future__ import annotations

import re

import pytest

from fraud.access import Role
from fraud.record import Record
from fraud.settings import Settings
from fraud.users import Users
from stream import demo


def test_the_demonstration_has_somebody_to_sign_in_as(capsys: pytest.CaptureFixture[str]) -> None:
    settings = Settings.load()
    demo._introduce(settings)
    said = re.search(r"Sign in as demo with the password (\S+) \(shown this once\)", capsys.readouterr().out)
    assert said is not None
    record = Record.open(settings.database_url.get_secret_value())
    person = Users(record.engine).sign_in("demo", said[1], "127.0.0.1")
    assert person.role is Role.ADMIN
    record.close()
