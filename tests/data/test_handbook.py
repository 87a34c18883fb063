from __future__ import annotations

import base64
import os
import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.loaders import handbook
from data.loaders.pickled_frame import read_pickled_frame
from fraud.errors import InputError
from tests.data.files import OPTIONS, refused, write

PANDAS_1 = Path(__file__).parent / "handbook_pandas_1.pkl.b64"
"""Two rows in the true layout, pickled by pandas 1.5.3 with protocol 4 (as the authors' files)."""


def day(first: int, amounts: list[float]) -> pd.DataFrame:
    rows = len(amounts)
    numbers = np.arange(first, first + rows)
    return pd.DataFrame(
        {
            "TRANSACTION_ID": numbers,
            "TX_DATETIME": pd.to_datetime("2018-04-01") + pd.to_timedelta(numbers, unit="min"),
            "CUSTOMER_ID": (numbers % 3).astype(object),
            "TERMINAL_ID": (numbers % 5).astype(object),
            "TX_AMOUNT": amounts,
            "TX_TIME_SECONDS": (numbers * 60).astype(object),
            "TX_TIME_DAYS": np.zeros(rows, int).astype(object),
            "TX_FRAUD": (numbers % 2),
            "TX_FRAUD_SCENARIO": (numbers % 2) * 2,
        },
        index=numbers,
    )


def test_daily_pickles_and_the_parquet_copy_are_the_same(tmp_path: Path) -> None:
    days = [day(0, [57.16, 0.0]), day(2, [81.51, 146.0, 50.99])]
    folder = tmp_path / "data"
    folder.mkdir()
    for number, frame in enumerate(days):
        frame.to_pickle(folder / f"2018-04-0{number + 1}.pkl")
    pd.concat(days).to_parquet(tmp_path / "all.parquet", index=False)
    found = handbook.load(folder, OPTIONS)
    pd.testing.assert_frame_equal(found, handbook.load(tmp_path / "all.parquet", OPTIONS))
    assert found["transaction_id"].tolist() == ["0", "1", "2", "3", "4"]
    assert found["amount"].tolist() == [57.16, 0.01, 81.51, 146.0, 50.99]
    assert found["account_id"].tolist() == ["0", "1", "2", "0", "1"]
    assert found["merchant_id"].tolist() == ["0", "1", "2", "3", "4"]
    assert found["is_fraud"].tolist() == [0, 1, 0, 1, 0]
    assert found["fraud_type"].tolist() == [None, "scenario_2", None, "scenario_2", None]
    assert found["event_time"][4] == pd.Timestamp("2018-04-01T00:04:00Z")


def test_bad_rows_of_a_pickle_are_refused_by_row(tmp_path: Path) -> None:
    frame = day(0, [1.0, -1.0, float("nan"), 2.0])
    frame.loc[3, "CUSTOMER_ID"] = None
    path = tmp_path / "2018-04-01.pkl"
    frame.to_pickle(path)
    assert handbook.load(path, OPTIONS)["transaction_id"].tolist() == ["0"]
    assert {row: reason.split(":")[0] for row, reason in refused(path).items()} == {
        2: "amount",
        3: "amount",
        4: "account_id",
    }


def test_a_pickle_of_pandas_1_is_read(tmp_path: Path) -> None:
    path = write(tmp_path / "2018-04-01.pkl", base64.b64decode(PANDAS_1.read_bytes()))
    pd.testing.assert_frame_equal(read_pickled_frame(path), day(0, [57.16, 81.51]).reset_index(drop=True))


@pytest.mark.parametrize("protocol", [3, 4, 5])
def test_every_usual_protocol_is_read(tmp_path: Path, protocol: int) -> None:
    frame = day(3, [1.0, 2.0])
    path = write(tmp_path / "d.pkl", pickle.dumps(frame, protocol))
    pd.testing.assert_frame_equal(read_pickled_frame(path), frame.reset_index(drop=True))


class Malicious:
    def __init__(self, target: object, *arguments: object) -> None:
        self.call = (target, arguments)

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return self.call


@pytest.mark.parametrize("protocol", range(6))
def test_a_malicious_pickle_is_refused_and_does_nothing(tmp_path: Path, protocol: int) -> None:
    target = tmp_path / "harm"
    path = write(tmp_path / "d.pkl", pickle.dumps(Malicious(os.mkdir, str(target)), protocol))
    with pytest.raises(InputError, match="do not trust its sender") as caught:
        handbook.load(path, OPTIONS)
    assert "mkdir" in str(caught.value)
    assert not target.exists()


@pytest.mark.parametrize(
    "content",
    [
        # numpy's constructor would take these bytes for the address of an object
        Malicious(np.ndarray, (1,), np.dtype(object), b"AAAAAAAA"),
        [1, 2],
        {"_mgr": 1},
        "text",
    ],
)
def test_a_pickle_of_something_else_is_refused(tmp_path: Path, content: object) -> None:
    path = write(tmp_path / "d.pkl", pickle.dumps(content))
    with pytest.raises(InputError, match="not a table"):
        handbook.load(path, OPTIONS)


@settings(max_examples=200)
@given(st.data())
def test_damaged_pickles_raise_nothing_but_input_errors(data: st.DataObject) -> None:
    whole = bytearray(pickle.dumps(day(0, [1.0, 2.0])))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(1, len(whole)))
    path = Path(os.environ["RINGFENCE_HOME"]).parent / "damaged.pkl"
    path.write_bytes(bytes(whole[:cut]))
    try:
        read_pickled_frame(path)
    except InputError as error:
        assert "\n" not in str(error)


def test_folders_without_pickles_and_other_tables_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds no \.pkl file"):
        handbook.load(tmp_path, OPTIONS)
    day(0, [1.0]).to_pickle(tmp_path / "1.pkl")
    day(0, [1.0]).drop(columns="TX_FRAUD").to_pickle(tmp_path / "2.pkl")
    with pytest.raises(InputError, match=r"2\.pkl: lacks the column 'TX_FRAUD'"):
        handbook.load(tmp_path, OPTIONS)
    with pytest.raises(InputError, match="no Handbook file"):
        handbook.load(write(tmp_path / "t.csv", "a,b\n1,2\n"), OPTIONS)
