from __future__ import annotations

from pathlib import Path

import pytest

from data.canonical import read_transactions
from fraud.__main__ import main
from tests.data.files import write
from tests.data.test_loaders import AMLWORLD, BANKSIM, PATTERNS


def load(*words: str | Path) -> int:
    return main(["load", *map(str, words)])


def test_a_source_is_loaded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RINGFENCE_LABEL_DELAY_DAYS", "3")
    out = tmp_path / "out.csv.gz"
    source = write(tmp_path / "bs.csv", BANKSIM)
    letters = tmp_path / "letters.jsonl"
    assert load("--source", "banksim", "--in", source, "--out", out, "--dead-letters", letters) == 0
    assert f"{out}: 2 transactions, 2012-11-01 to 2012-11-02" in capsys.readouterr().out
    frame = read_transactions(out)
    assert (frame["label_time"] - frame["event_time"]).dt.days.tolist() == [3, 3]
    assert letters.read_text().count("\n") == 1


def test_a_custom_file_is_loaded_through_its_mapping(tmp_path: Path) -> None:
    mapping = write(
        tmp_path / "m.toml",
        '[columns]\ntransaction_id="i"\nevent_time="t"\naccount_id="a"\nmerchant_id="m"\namount="c"\n',
    )
    source = write(tmp_path / "t.csv", "i,t,a,m,c\n1,2026-03-01,x,y,5\n")
    assert load("--mapping", mapping, "--in", source, "--out", tmp_path / "out.csv") == 0
    assert len(read_transactions(tmp_path / "out.csv")) == 1


def test_patterns_go_with_amlworld(tmp_path: Path) -> None:
    source = write(tmp_path / "HI-Small_Trans.csv", AMLWORLD)
    patterns = write(tmp_path / "p.txt", PATTERNS)
    out = tmp_path / "out.parquet"
    assert load("--source", "amlworld", "--in", source, "--patterns", patterns, "--out", out) == 0
    assert read_transactions(out)["ring_id"].tolist() == [None, "attempt-1"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "give either --source NAME or --mapping FILE"),
        (["--source", "banksim", "--mapping", "m.toml"], "give either"),
        (["--source", "bank"], "no source 'bank'; one of canonical, handbook"),
        (["--source", "banksim", "--patterns", "p.txt"], "--patterns goes with"),
        (["--source", "banksim"], "cannot be read"),
    ],
)
def test_wrong_usage_ends_in_one_line_and_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], says: str
) -> None:
    assert load(*words, "--in", tmp_path / "none.csv", "--out", tmp_path / "out.csv") == 2
    error = capsys.readouterr().err
    assert says in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out.csv").exists()
