from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from data.mapping import load, read_mapping
from fraud.errors import InputError
from tests.data.files import OPTIONS, refused, write

ROOT = Path(__file__).parents[2]

BANK = """
[file]
delimiter = ";"
encoding = "cp1252"
row_ids = "bank-"

[columns]
event_time = "Gebucht"
account_id = "Konto"
counterparty_id = "Empfänger"
amount = "Betrag"
is_fraud = "Betrug"

[constants]
currency = "EUR"
channel = "transfer"

[time]
format = "%d.%m.%Y %H:%M"
timezone = "Europe/Berlin"

[amount]
payments = "negative"
decimal_comma = true
strip = "€ "

[truth]
fraud = ["ja"]
honest = ["nein"]
"""


def test_a_bank_file_in_another_tongue(tmp_path: Path) -> None:
    mapping = read_mapping(write(tmp_path / "bank.toml", BANK))
    lines = [
        "Gebucht;Konto;Empfänger;Betrag;Betrug;Notiz",
        "01.07.2025 14:30;DE1;DE2;-1.250,50 €;ja;x",
        "01.12.2025 14:30;DE1;DE3;-7;;",
        "01.12.2025 14:30;DE1;DE3;7,00;nein;income",
        "2025-12-01;DE1;DE3;-7;nein;",
        "01.12.2025 14:30;DE1;DE3;-7;vielleicht;",
        "01.12.2025 14:30;DE1;DE3;viel;nein;",
    ]
    path = write(tmp_path / "bank.txt", "\n".join(lines).encode("cp1252"))
    frame = load(path, mapping, OPTIONS)
    assert frame["transaction_id"].tolist() == ["bank-2", "bank-3"]
    assert frame["event_time"].tolist() == [
        datetime(2025, 7, 1, 12, 30, tzinfo=UTC),
        datetime(2025, 12, 1, 13, 30, tzinfo=UTC),
    ]
    assert frame["amount"].tolist() == [1250.5, 7.0]
    assert frame["is_fraud"].tolist() == [1, -1]
    assert frame["currency"].tolist() == ["EUR", "EUR"]
    assert refused(path) == {
        4: "amount: -7 lies outside 0 (exclusive) to 1e+12",
        5: "Gebucht: '2025-12-01' is not a time written as %d.%m.%Y %H:%M",
        6: "Betrug: 'vielleicht' is none of ja, nein",
        7: "Betrag: 'viel' is not a number",
    }


@pytest.mark.parametrize(
    ("unit", "value"),
    [("s", "1772366400"), ("ms", "1772366400000"), ("us", "1772366400000000"), ("ns", "1772366400000000000")],
)
def test_epochs_amounts_in_cents_and_yaml(tmp_path: Path, unit: str, value: str) -> None:
    text = (
        "columns: {transaction_id: i, event_time: t, account_id: a, merchant_id: m, amount: c}\n"
        f"time: {{epoch: {unit}}}\namount: {{scale: 0.01, payments: any}}\n"
    )
    mapping = read_mapping(write(tmp_path / "m.yaml", text))
    path = write(tmp_path / "t.csv", f"i,t,a,m,c\n1,{value},x,y,-1999\n2,9e40,x,y,1\n3,soon,secret,y,1\n")
    frame = load(path, mapping, OPTIONS)
    assert frame["event_time"].tolist() == [datetime(2026, 3, 1, 12, tzinfo=UTC)]
    assert frame["amount"].tolist() == [pytest.approx(19.99)]
    assert refused(path) == {
        3: "t: '9e40' lies outside the calendar; check the unit",
        4: "t: 'soon' is not a number",
    }


def test_parquet_is_mapped_as_well(tmp_path: Path) -> None:
    text = '[columns]\ntransaction_id="i"\nevent_time="t"\naccount_id="a"\nmerchant_id="m"\namount="c"\n'
    mapping = read_mapping(write(tmp_path / "m.toml", text))
    time = pd.Timestamp("2026-03-01T12:00:00Z")
    pd.DataFrame({"i": [1], "t": [time], "a": [5], "m": ["y"], "c": [2]}).to_parquet(tmp_path / "t.parquet")
    frame = load(tmp_path / "t.parquet", mapping, OPTIONS)
    assert frame["event_time"].tolist() == [time]
    assert frame["account_id"].tolist() == ["5"]


COLUMNS = '[columns]\ntransaction_id="i"\nevent_time="t"\naccount_id="a"\nmerchant_id="m"\namount="c"\n'


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "columns: Field required"),
        ("[columns]\namount = 'x'", "columns lacks transaction_id, event_time, account_id"),
        (COLUMNS.replace('merchant_id="m"\n', ""), "lacks merchant_id or counterparty_id"),
        (COLUMNS + 'colour = "x"', "colour is no canonical column"),
        (COLUMNS + "[file]\nrow_ids = 'x'", "drop one"),
        (COLUMNS + "[file]\ndelimiter = '::'", "file.delimiter"),
        (COLUMNS + "[file]\nsheet = 1", "file.sheet"),
        (COLUMNS + "[constants]\ncurrency = 'euro'", "not an ISO 4217 code"),
        (COLUMNS + "[constants]\nlatitude = '1'", "map it to a column"),
        (COLUMNS + "[constants]\nmerchant_id = 'x'", "both a column and a constant"),
        (COLUMNS + "[time]\nepoch = 's'\nformat = '%d'", "either format or epoch"),
        (COLUMNS + "[time]\nformat = '%H:%M'", "holds no day"),
        (COLUMNS + "[time]\nformat = '%d %Q'", "no strptime layout"),
        (COLUMNS + "[time]\ntimezone = 'Mars/Olympus'", "is no time zone"),
        (COLUMNS + "[amount]\nscale = 0", "amount.scale"),
        ("[columns", "is not readable"),
    ],
)
def test_each_mistake_in_a_mapping_is_named(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(InputError, match=says) as caught:
        read_mapping(write(tmp_path / "m.toml", text))
    assert "\n" not in str(caught.value)


def test_mappings_that_are_no_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_mapping(tmp_path / "none.toml")
    with pytest.raises(InputError, match=r"must end in \.toml"):
        read_mapping(write(tmp_path / "m.ini", "x"))
    with pytest.raises(InputError, match="is not readable"):
        read_mapping(write(tmp_path / "m.yaml", "a: [1"))
    with pytest.raises(InputError, match="larger than"):
        read_mapping(write(tmp_path / "m.toml", "x" * 70_000))


def test_a_column_that_the_file_lacks_is_named(tmp_path: Path) -> None:
    mapping = read_mapping(write(tmp_path / "m.toml", COLUMNS))
    with pytest.raises(InputError, match="lacks the column 'a'; found i, t"):
        load(write(tmp_path / "t.csv", "i,t,m,c\n"), mapping, OPTIONS)


def test_the_example_in_the_documentation_works(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "loading-data.md").read_text(encoding="utf-8")
    toml, rows = (re.search(rf"```{kind}\n(.*?)```", page, re.DOTALL) for kind in ("toml", "text"))
    assert toml and rows
    frame = load(
        write(tmp_path / "t.csv", rows[1]), read_mapping(write(tmp_path / "m.toml", toml[1])), OPTIONS
    )
    assert len(frame) == 2
    assert frame["amount"].tolist() == [12.5, 1250.0]
