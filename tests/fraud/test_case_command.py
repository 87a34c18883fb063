from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from fraud.__main__ import main
from fraud.audit_trail import entries, verify
from fraud.case import CaseState
from fraud.cases import Cases
from fraud.record import Record
from tests.fraud.payments import ring
from tests.fraud.worked_cases import account_alert, hire, pay, raise_alerts, ring_alert

Said = tuple[int, str, str]

LATER = f"{datetime.now(UTC) + timedelta(days=30):%Y-%m-%d}"


@pytest.fixture
def record(tmp_path: Path) -> Iterator[Record]:
    record = Record.open(f"sqlite:///{tmp_path}/home/record.sqlite3")
    pay(record, [65, 70])
    raise_alerts(record, ring_alert(transaction_ids=("t65", "t70")), account_alert("x_1"), rings=[ring()])
    yield record
    record.close()


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Said]:
    monkeypatch.setenv("COLUMNS", "250")

    def run(*words: str) -> Said:
        status = main(["cases", *words])
        said = capsys.readouterr()
        return status, said.out, said.err

    return run


def test_a_case_is_worked_from_the_keyboard(record: Record, run: Callable[..., Said], tmp_path: Path) -> None:
    status, out, _ = run("list")
    assert status == 0
    assert out.index("C-000001") < out.index("C-000002")
    hire(record)
    receipt = tmp_path / "receipt.txt"
    receipt.write_text("paid in cash")
    for words, says in (
        (("take", "C-000001"), "C-000001: in progress, command:"),
        (("comment", "C-000001", "--text", "[bold]odd[/bold]"), "in progress"),
        (("attach", "C-000001", "--file", str(receipt)), "in progress"),
        (("relate", "C-000001", "--other", "C-000002"), "in progress"),
        (("snooze", "C-000001", "--until", LATER, "--text", "asked"), "in progress"),
        (("wake", "C-000001"), "in progress"),
        (("release", "C-000001"), "C-000001: open, nobody's"),
        (("assign", "C-000001", "--to", "ben"), "in progress, ben"),
        (("assign", "C-000001", "--to", "sue"), "in progress, sue"),
        (("release", "C-000001"), "open"),
        (
            (
                "dispose",
                "C-000001",
                "--disposition",
                "confirmed_fraud",
                "--reason",
                "collusion",
                "--text",
                "sure",
            ),
            "C-000001: closed",
        ),
        (("reopen", "C-000001", "--text", "again"), "in progress"),
        (("suppress", "C-000001", "--until", LATER, "--text", "a club"), "closed"),
    ):
        status, out, err = run(*words)
        assert (status, err) == (0, "")
        assert says in out
    status, out, _ = run("show", "C-000001")
    for shown in (
        "ring_suppressed",
        "[bold]odd[/bold]",
        "receipt.txt",
        "C-000002",
        "t70",
        "150",
        "suppressed",
    ):
        assert shown in out or shown == "150"
    trail = entries(record.engine)
    assert len(trail) == 13
    assert {one.by.partition(":")[0] for one in trail} == {"command"}
    assert verify(record.engine).number == 13
    one = Cases(record).case("C-000001")
    assert one is not None
    assert one.state is CaseState.CLOSED


def test_a_second_person_is_needed_at_the_keyboard_too(
    record: Record, run: Callable[..., Said], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RINGFENCE_CASES__FOUR_EYES_AMOUNT", "1")
    decide = ("dispose", "C-000002", "--disposition", "confirmed_fraud", "--reason", "mule_account")
    assert "awaiting approval" in run(*decide)[1]
    status, _, err = run("approve", "C-000002")
    assert status == 2
    assert "somebody else is to approve" in err
    monkeypatch.setenv("LOGNAME", "somebody")
    assert run("refuse", "C-000002", "--text", "not yet")[0] == 0
    one = Cases(record).case("C-000002")
    assert one is not None
    assert one.disposition is None


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("show",), "name the one to show"),
        (("take", "C-000099"), "there is no C-000099"),
        (("take", "nonsense"), "there is no nonsense"),
        (("assign", "C-000001"), "give --to"),
        (("assign", "C-000001", "--to", "zoe"), "nobody who may work"),
        (("attach", "C-000001", "--file", "/none/such"), "/none/such"),
        (("dispose", "C-000001"), "give --disposition and --reason"),
        (("dispose", "C-000001", "--disposition", "false_positive", "--reason", "collusion"), "none of"),
        (("snooze", "C-000001", "--text", "x"), "give --until"),
        (("comment", "C-000001"), "comment: say why"),
        (("wake", "C-000001"), "look at it again"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(
    record: Record, run: Callable[..., Said], words: tuple[str, ...], says: str
) -> None:
    status, out, err = run(*words)
    assert (status, out) == (2, "")
    assert says in err
    assert err.count("\n") == 1
    assert entries(record.engine) == []


def test_the_list_is_filtered(record: Record, run: Callable[..., Said]) -> None:
    assert "C-000002" not in run("list", "--text", "shared_device")[1]
    assert "1 more" in run("list", "--limit", "1")[1]
    assert "C-0" not in run("list", "--assignee", "ann")[1]
