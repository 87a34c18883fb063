from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fraud.errors import InputError
from graph.browser_text import browser_parameters, browser_query, literal

PLAIN = re.compile(r'"(?:[^"\\\n\r]|\\["\\/bfnrt]|\\u[0-9a-f]{4})*"')


@given(st.text())
def test_no_text_gets_out_of_its_quotes(text: str) -> None:
    assert PLAIN.fullmatch(literal(text))
    assert literal(text).isascii()
    assert "'" not in literal(text)


def test_parameters_stand_on_one_line_with_their_defaults() -> None:
    evil = 'x"}) DETACH DELETE n //\n:param {'
    text = browser_parameters("ring_members", {"ring": evil})
    assert text.startswith(':param {ring: "x\\"}) DETACH DELETE n //\\n:param {", ')
    assert "\n" not in text
    assert text.endswith("limit: 200}")
    assert evil not in browser_query("ring_members")
    with pytest.raises(InputError, match="must be given"):
        browser_parameters("ring_members", {})
