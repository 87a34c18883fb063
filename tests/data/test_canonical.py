from __future__ import annotations

import csv
import io
import logging
import tempfile
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.admission import ReadOptions
from data.canonical import SCHEMA, read_transactions, write_transactions
from data.dead_letters import default_target
from data.timeline import NEVER_MICROSECONDS
from data.truth import NEVER, check_truth
from fraud.errors import InputError, RecordError
from fraud.fields import CANONICAL_COLUMNS
from fraud.transaction import check
from tests.data.files import HEADER, LATEST, OPTIONS, ROW, refused, write

NAMES = [".csv", ".csv.gz", ".parquet"]


def made_table(rows: int = 50) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    missing = rng.random(rows) < 0.3
    reported = rng.integers(-1, 2, rows).astype(np.int8)
    event_time = np.sort(rng.integers(10**15, 17 * 10**14, rows))
    label_time = np.where(reported < 0, NEVER_MICROSECONDS, event_time + 10**11)
    text = np.array([f'x"{n},é' for n in range(rows)], object)
    frame = pd.DataFrame(
        {
            "transaction_id": [f"t{n}" for n in range(rows)],
            "event_time": pd.DatetimeIndex(event_time.view("M8[us]")).tz_localize("UTC"),
            "account_id": [f"a{n % 7}" for n in range(rows)],
            "amount": rng.lognormal(3, 2, rows),
            "merchant_id": np.where(missing, None, text),
            "counterparty_id": np.where(missing, "b1", None),
            "currency": "EUR",
            "device_id": np.where(missing, None, "d1"),
            "ip": np.where(missing, None, "10.0.0.1"),
            "channel": "web",
            "mcc": None,
            "latitude": np.where(missing, np.nan, rng.uniform(-90, 90, rows)),
            "longitude": np.where(missing, np.nan, rng.uniform(-180, 180, rows)),
            "is_fraud": reported,
            "reported_fraud": reported,
            "label_time": pd.DatetimeIndex(label_time.view("M8[us]")).tz_localize("UTC"),
            "ring_id": np.where(reported == 1, "r1", None),
            "fraud_type": None,
        }
    )
    return frame.astype({"currency": object, "channel": object})


@pytest.mark.parametrize("name", NAMES)
def test_a_table_comes_back_as_it_was_written(tmp_path: Path, name: str) -> None:
    frame = made_table()
    path = tmp_path / f"transactions{name}"
    write_transactions(frame, path)
    found = read_transactions(path)
    pd.testing.assert_frame_equal(found, frame)
    assert list(found) == list(CANONICAL_COLUMNS) == SCHEMA.names
    assert sorted(p.name for p in tmp_path.iterdir()) == [path.name]


def test_texts_stand_in_quotes_only_where_they_must(tmp_path: Path) -> None:
    frame = made_table().assign(merchant_id="m1")
    paths = [tmp_path / "t.csv", tmp_path / "1.csv.gz", tmp_path / "2.csv.gz"]
    for path in paths:
        write_transactions(frame, path)
        pd.testing.assert_frame_equal(read_transactions(path), frame)
    assert '"' not in paths[0].read_text()
    assert paths[0].read_text().startswith("transaction_id,event_time,account_id,amount,")
    assert paths[1].read_bytes() == paths[2].read_bytes()


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", "old")
    frame = made_table()
    frame["device_id"] = [object()] * len(frame)
    with pytest.raises(pa.ArrowException):
        write_transactions(frame, path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(InputError, match="must end in"):
        write_transactions(made_table(), tmp_path / "t.txt")


def test_defaults_fill_what_a_file_leaves_out(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", f"{HEADER},is_fraud\n{ROW.format(n=1)},1\n{ROW.format(n=2)},\n")
    frame = read_transactions(path, ReadOptions(currency="INR", label_delay_days=2, latest=LATEST))
    assert frame["currency"].tolist() == ["INR", "INR"]
    assert frame["is_fraud"].tolist() == frame["reported_fraud"].tolist() == [1, -1]
    assert frame["label_time"][0] - frame["event_time"][0] == timedelta(days=2)
    assert frame["label_time"][1] == NEVER
    assert frame["device_id"].tolist() == [None, None]
    assert {str(frame[name].dtype) for name in ("event_time", "label_time")} == {"datetime64[us, UTC]"}


def test_rows_come_sorted_by_time_equal_times_in_file_order(tmp_path: Path) -> None:
    times = [
        "2026-03-01T12:00:05Z",
        "2026-03-01T12:00:01Z",
        "2026-03-01T12:00:05Z",
        "2026-03-01T12:00:01+00:00",
    ]
    rows = "".join(f"t{n},{time},a,1,m\n" for n, time in enumerate(times))
    frame = read_transactions(write(tmp_path / "t.csv", f"{HEADER}\n{rows}"), OPTIONS)
    assert frame["transaction_id"].tolist() == ["t1", "t3", "t0", "t2"]


def test_bad_rows_become_dead_letters_with_row_and_reason(tmp_path: Path) -> None:
    lines = [
        f"{HEADER},counterparty_id,latitude,longitude,is_fraud,label_time,ip",
        "t1,2026-03-01T12:00:00Z,a,1,m,,,,,,",  # good, line 2
        "t1,2026-03-01T12:00:00Z,a,1,m,,,,,,",
        ",2026-03-01T12:00:00Z,a,1,m,,,,,,",
        "t5,soon,a,1,m,,,,,,",
        "t6,1926-03-01T12:00:00Z,a,1,m,,,,,,",
        "t7,2026-03-01T12:00:00Z,a,-1,m,,,,,,",
        "t8,2026-03-01T12:00:00Z,a,NaN,m,,,,,,",
        "t9,2026-03-01T12:00:00Z,a,inf,m,,,,,,",
        f"t10,2026-03-01T12:00:00Z,{'a' * 129},1,m,,,,,,",
        "t11,2026-03-01T12:00:00Z,a,one,m,,,,,,",
        "t12,2026-03-01T12:00:00Z,a,1,m,,,,,,,",
        "t13,2026-03-01T12:00:00Z,a,1",
        "t14,2026-03-01T12:00:00Z,a,1,,,,,,,",
        "t15,2026-03-01T12:00:00Z,a,1,,a,,,,,",
        "t16,2026-03-01T12:00:00Z,a,1,m,,91,5,,,",
        "t17,2026-03-01T12:00:00Z,a,1,m,,45,,,,",
        "t18,2026-03-01T12:00:00Z,a,1,m,,,,2,,",
        "t19,2026-03-01T12:00:00Z,a,1,m,,,,1,2026-02-01T12:00:00Z,",
        "t20,2026-03-01T12:00:00Z,a,1,m,,,,1,,192.0.2.1\x07",
        "t21,2026-03-01T12:00:00Z,a,1,m,,45,5,0,,192.0.2.1",  # good, line 21
    ]
    path = write(tmp_path / "t.csv", "\n".join(lines))
    frame = read_transactions(path, OPTIONS)
    assert frame["transaction_id"].tolist() == ["t1", "t21"]
    found = refused(path)
    assert sorted(found) == list(range(3, 21))
    starts = {
        3: "transaction_id: 't1' is in row 2 already",
        4: "transaction_id: is missing",
        5: "event_time: 'soon' is not a time",
        6: "event_time: 1926-03-01T12:00:00+00:00 lies outside",
        7: "amount: -1 lies outside",
        8: "amount: nan is not finite",
        9: "amount: inf is not finite",
        10: "account_id: 'a'… (129 characters) is 129 characters long",
        11: "amount: 'one' is not a number",
        12: "record: has 12 fields, the header 11",
        13: "record: has 4 fields, the header 11",
        14: "merchant_id: is missing, and counterparty_id too",
        15: "counterparty_id: is the payer itself",
        16: "latitude: lies outside",
        17: "longitude: is missing while",
        18: "is_fraud: '2' is neither 0 nor 1",
        19: "label_time: 2026-02-01T12:00:00+00:00 lies before the event",
        20: "ip: '1'… (10 characters) holds a character that cannot be printed",
    }
    assert {row: reason for row, reason in found.items() if not reason.startswith(starts[row])} == {}


def test_personal_values_are_not_in_the_dead_letters(tmp_path: Path) -> None:
    lines = (
        f"{HEADER},ip\n{ROW.format(n=1)},10.0.0.1\nt2,2026-03-01,4929\x07,1,m,x\nt3,2026-03-01,b,1,m,10.9\x07"
    )
    path = write(tmp_path / "t.csv", lines)
    read_transactions(path, OPTIONS)
    text = default_target(path).read_text()
    assert "4929" not in text
    assert "10.9" not in text


def test_dead_letters_of_an_earlier_run_do_not_stay(tmp_path: Path) -> None:
    target = tmp_path / "letters" / "bad.jsonl"
    options = ReadOptions(dead_letters=target, latest=LATEST)
    path = write(tmp_path / "t.csv", f"{HEADER}\n{ROW.format(n=1)}\nbad\n")
    read_transactions(path, options)
    assert target.exists()
    write(path, f"{HEADER}\n{ROW.format(n=1)}\n")
    read_transactions(path, options)
    assert not target.exists()


def test_unknown_columns_are_ignored_with_a_word(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = write(tmp_path / "t.csv", f"note,{HEADER},mood\nx,{ROW.format(n=1)},y\n")
    with caplog.at_level(logging.INFO):
        frame = read_transactions(path, OPTIONS)
    assert "note" not in frame
    assert [r.message for r in caplog.records if r.levelno == logging.WARNING] == [
        f"{path}: columns ignored: note, mood"
    ]
    assert f"{path}: 1 rows good, 0 refused" in caplog.text


def test_a_missing_column_is_named_with_a_suggestion(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", "TRANSACTION_ID,TX_DATETIME,CUSTOMER_ID,TX_AMOUNT\n1,2,3,4\n")
    with pytest.raises(InputError) as caught:
        read_transactions(path)
    text = str(caught.value)
    assert (
        "no column transaction_id, event_time, account_id, amount, merchant_id; found TRANSACTION_ID" in text
    )
    assert 'event_time = "TX_DATETIME", account_id = "CUSTOMER_ID", amount = "TX_AMOUNT"' in text
    assert "\n" not in text


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("t.csv", None, "cannot be read"),
        ("t.csv", b"", "is empty"),
        ("t.csv", b"\n\n", "holds no line"),
        ("t.csv", HEADER.encode(), "a header only"),
        (
            "t.csv",
            HEADER.encode() + b"\nx,y\nz\n",
            "0 rows good, 2 refused; the first, row 2: record: has 2 fields",
        ),
        ("t.csv", b"PAR1xxxx", "name it .parquet"),
        ("t.csv", HEADER.encode("utf-16"), "UTF-16"),
        ("t.csv", b"\x1f\x8bxxxx", "gzip data is damaged"),
        ("t.csv", b"a,a\n1,2\n", "names 'a' twice"),
        ("t.csv", b"a,\xff\n1,2\n", "is it delimited text"),
        ("t.parquet", b"a,b\n1,2\n", "is not a Parquet file"),
        ("t.parquet", b"PAR1xxxxxxxxxxxxPAR1", "is not a Parquet file"),
        ("t.xlsx", b"x", "must end in .csv"),
    ],
)
def test_what_is_no_transaction_file_is_refused_whole(
    tmp_path: Path, name: str, content: bytes | None, says: str
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=says) as caught:
        read_transactions(path, OPTIONS)
    assert "\n" not in str(caught.value)


def test_a_folder_and_wrong_options_are_refused(tmp_path: Path) -> None:
    (tmp_path / "t.csv").mkdir()
    with pytest.raises(InputError, match="is a folder"):
        read_transactions(tmp_path / "t.csv")
    with pytest.raises(InputError, match="label_delay_days"):
        ReadOptions(label_delay_days=-1)
    with pytest.raises(InputError, match="ISO 4217"):
        ReadOptions(currency="usd")


def test_parquet_types_of_other_writers_are_read(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    table = pa.table(
        {
            "transaction_id": pa.array([1, 2, 3, None], pa.int32()),
            "event_time": pa.array([1.7e18, 1.7e18 + 1e9, 1.7e18 + 2e9, 0], pa.timestamp("ns")),
            "account_id": pa.array(["a", "b", "a", "c"]).dictionary_encode(),
            "amount": pa.array(
                [Decimal("1.10"), Decimal("2.20"), Decimal("-3"), Decimal("1")], pa.decimal128(9, 2)
            ),
            "merchant_id": pa.array([b"m", b"\xff", b"m", b"m"], pa.binary()).view(pa.string()),
            "is_fraud": pa.array([True, False, None, None]),
        }
    )
    pq.write_table(table, path)
    assert read_transactions(path, OPTIONS)["transaction_id"].tolist() == ["1"]
    assert refused(path)[2].startswith("merchant_id: is of type bytes")
    pq.write_table(
        table.set_column(4, "merchant_id", pa.array(["m", "m", "m", "m"], pa.large_string())), path
    )
    frame = read_transactions(path, OPTIONS)
    assert frame["transaction_id"].tolist() == ["1", "2"]
    assert frame["amount"].tolist() == [1.1, 2.2]
    assert frame["is_fraud"].tolist() == [1, 0]
    assert set(refused(path)) == {3, 4}


texts = st.one_of(
    st.sampled_from(
        ["", "a", "b", " a ", "USD", "usd", "x" * 128, "x" * 129, "a b", "é", "a\u200b", '"q"', "1"]
    ),
    st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"]), max_size=5),
)
numbers = st.one_of(
    st.sampled_from(["", "1", "1.5", "-1", "+2", "1e3", "1e400", " 7 ", "nan", "-Infinity", "1_0", "٣", "0x1", ".5",
                     "5.", "0", "-0", "1e12", "1000000000000.1", "90", "180.0001", "1e-320", "0.1" + "0" * 40 + "1"]),
    st.floats(width=64).map(repr),
)  # fmt: skip
times = st.one_of(
    st.datetimes(datetime(1989, 12, 30), datetime(2030, 1, 3)).map(datetime.isoformat),
    st.datetimes(datetime(1989, 12, 30), datetime(2030, 1, 3)).map(lambda t: t.isoformat(" ") + "+05:30"),
    st.sampled_from(["", " ", "2024-02-29", "2023-02-29T00:00:00", "2024-02-29T00:00:00Z", "2024-01-01T24:00:00Z",
                     "2024-01-01T10:00:60Z", "2024-01-01T10:00", "2024-01-01T10:00:00.1234567Z", "2024-04-31T10:00:00",
                     "2024-01-01T10:00:00.123456789012", "2024-01-01t10:00:00z", "1990-01-01T00:00:00Z", "x",
                     "1989-12-31T23:59:59.999999Z", "9999-12-31T00:00:00Z", "9999-12-31T00:00:01Z",
                     "2024-01-01T10:00:00+15:00", "2024-01-01T10:00:00-0530", "2024-01-01T10:00:00-12"]),
)  # fmt: skip
flags = st.sampled_from(["", "0", "1", "-1", "1.0", "2", "yes", "nan"])
BY_KIND = {"string": texts, "timestamp[us, tz=UTC]": times, "double": numbers, "int8": flags}


@st.composite
def fuzzed_rows(draw: st.DrawFn) -> list[dict[str, str]]:
    good = dict.fromkeys(CANONICAL_COLUMNS, "") | {
        "event_time": "2026-03-01T12:00:00Z",
        "account_id": "a1",
        "amount": "5",
        "merchant_id": "m",
    }
    rows = []
    for n in range(draw(st.integers(1, 12))):
        row = good | {"transaction_id": f"t{n}"}
        for name in draw(st.lists(st.sampled_from(CANONICAL_COLUMNS), max_size=4)):
            row[name] = draw(BY_KIND[str(SCHEMA.field(name).type)])
        rows.append(row)
    return rows


def by_the_reference(rows: list[dict[str, str]]) -> tuple[list[dict[str, object]], dict[int, str]]:
    """Rows by the row rules alone, and row number to reason."""
    good: list[dict[str, object]] = []
    bad: dict[int, str] = {}
    seen: dict[str, int] = {}
    for number, row in enumerate(rows, 2):
        try:
            transaction = check(row, latest=LATEST)
            truth = check_truth(row, transaction.event_time)
            if transaction.transaction_id in seen:
                raise RecordError("transaction_id", f"is in row {seen[transaction.transaction_id]} already")
        except RecordError as error:
            bad[number] = str(error)
            continue
        seen[transaction.transaction_id] = number
        good.append(
            {
                name: getattr(transaction, name, None) if hasattr(transaction, name) else getattr(truth, name)
                for name in CANONICAL_COLUMNS
            }
        )
    good.sort(key=lambda row: row["event_time"])  # type: ignore[arg-type, return-value]
    return good, bad


def as_objects(frame: pd.DataFrame) -> list[dict[str, object]]:
    rows = frame.astype(object).to_dict("records")
    return [
        {str(name): None if value is None or value != value else value for name, value in row.items()}
        for row in rows
    ]


def as_csv(rows: list[dict[str, str]]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, CANONICAL_COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


@settings(max_examples=150)
@given(fuzzed_rows(), st.sampled_from(NAMES))
def test_the_file_reader_agrees_with_the_row_rules(rows: list[dict[str, str]], name: str) -> None:
    good, bad = by_the_reference(rows)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"t{name}"
        if name == ".parquet":
            pq.write_table(
                pa.Table.from_pylist(rows, pa.schema([(c, pa.string()) for c in CANONICAL_COLUMNS])), path
            )
            bad = {number - 1: reason for number, reason in bad.items()}
        else:
            write(path, as_csv(rows))
        if good:
            assert as_objects(read_transactions(path, OPTIONS)) == good
        else:
            with pytest.raises(InputError, match="0 rows good"):
                read_transactions(path, OPTIONS)
        found = refused(path)
    assert set(found) == set(bad)
    assert all(found[n] == bad[n] for n in bad if "already" not in bad[n])


def test_the_reference_reads_truth_as_documented() -> None:
    event = datetime(2026, 3, 1, tzinfo=UTC)
    unknown = check_truth({}, event)
    assert (unknown.is_fraud, unknown.reported_fraud, unknown.label_time) == (-1, -1, NEVER)
    wrong = check_truth({"is_fraud": 1, "reported_fraud": 0, "label_time": "2026-03-05"}, event)
    assert (wrong.is_fraud, wrong.reported_fraud, wrong.label_time.day) == (1, 0, 5)
    assert check_truth({"is_fraud": True, "label_time": NEVER}, event).label_time == NEVER
