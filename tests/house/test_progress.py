from __future__ import annotations

import io
import re
import sys

import pytest

from fraud.progress import stage, track


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_without_a_terminal_a_stage_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with stage("Train GraphSAGE", total=3) as advance:
        advance()
        advance(2)
    out, err = capsys.readouterr()
    assert out == ""
    assert re.fullmatch(r"Train GraphSAGE: done in 0\.\d s\n", err)


def test_a_long_stage_says_how_far_it_is(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([0.0, 5.0, 21.0, 30.0, 42.0, 50.0])
    monkeypatch.setattr("fraud.progress.time.monotonic", lambda: next(clock))
    with stage("Replay", total=8) as advance:
        for _ in range(4):
            advance(1)
    assert capsys.readouterr().err.splitlines() == [
        "Replay: 25% after 21 s",
        "Replay: 50% after 42 s",
        "Replay: done in 50.0 s",
    ]


def test_a_failed_stage_is_not_called_done(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ZeroDivisionError), stage("Train"):
        raise ZeroDivisionError
    assert capsys.readouterr().err == ""


def test_track_yields_everything(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(track(iter("abc"), "Read")) == ["a", "b", "c"]
    assert "Read: done" in capsys.readouterr().err


def test_on_a_terminal_nested_stages_share_one_display(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with stage("Outer", total=2) as outer:
        with stage("Inner") as inner:
            inner(5)
        outer(2)
    shown = terminal.getvalue()
    assert "Outer" in shown
    assert "Inner" in shown
    assert "2/2" in shown
    assert "5/5" in shown
    with pytest.raises(ZeroDivisionError), stage("Failing"):
        raise ZeroDivisionError
    with stage("Again", total=1) as again:
        again()
    assert "1/1" in terminal.getvalue()
