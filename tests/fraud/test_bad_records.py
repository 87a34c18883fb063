from __future__ import annotations

import json
import re
import time
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data.admission import ReadOptions
from data.canonical import read_transactions
from data.dead_letters import read_dead_letters
from fraud.door import admit
from fraud.errors import RecordError
from fraud.fields import CANONICAL_COLUMNS, COLUMNS
from fraud.tokens import Tokeniser
from fraud.transaction import Transaction, parse
from tests.fraud.bad_records import KINDS, PERSONAL, bad_records, good_record

TOKENISER = Tokeniser(b"0123456789abcdef0123456789abcdef")
LATEST = datetime(2030, 1, 1, tzinfo=UTC)
SAYS_WHAT_WOULD_BE_RIGHT = re.compile(r"; \w|lies outside .* to |such as ")
LONGEST_MILLISECONDS = 5.0


def message(kind: str) -> bytes:
    return KINDS[kind].damage(good_record("t1"))


def refusal(line: bytes) -> RecordError:
    [result] = admit([line], TOKENISER, latest=LATEST)
    assert isinstance(result, RecordError), result
    return result


def test_the_record_they_start_from_is_good() -> None:
    [result] = admit([json.dumps(good_record("t1")).encode()], TOKENISER, latest=LATEST)
    assert isinstance(result, Transaction)


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_refused_with_field_and_remedy(kind: str) -> None:
    error = refusal(message(kind))
    assert error.field == KINDS[kind].field
    assert SAYS_WHAT_WOULD_BE_RIGHT.search(error.reason)
    assert "\n" not in str(error)
    assert str(error).isprintable()
    assert len(str(error)) <= 200
    assert not [part for part in PERSONAL if part in str(error)]


@pytest.mark.parametrize("kind", KINDS)
def test_one_record_alone_is_refused_alike(kind: str) -> None:
    with pytest.raises(RecordError) as caught:
        parse(message(kind), latest=LATEST)
    assert str(caught.value) == str(refusal(message(kind)))


@pytest.mark.parametrize("kind", KINDS)
def test_no_kind_holds_up_the_others(kind: str) -> None:
    line, spent = message(kind), []
    for _ in range(5):
        begin = time.thread_time()
        refusal(line)
        spent.append(time.thread_time() - begin)
    assert min(spent) * 1e3 < LONGEST_MILLISECONDS


def test_fields_by_the_thousand_do_not_hold_up_the_others() -> None:
    line = ("{" + ",".join(f'"k{n}":1' for n in range(5_800)) + ',"k5799":1}').encode()
    begin = time.thread_time()
    assert refusal(line).field == "record"
    assert (time.thread_time() - begin) * 1e3 < 20 * LONGEST_MILLISECONDS


def test_good_records_among_bad_ones_pass() -> None:
    bad = list(bad_records(1, 300))
    good = [json.dumps(good_record(f"t{n}")).encode() for n in range(len(bad))]
    lines = [line for pair in zip(good, (line for _, line in bad), strict=True) for line in pair]
    results = admit(lines, TOKENISER, latest=LATEST)
    assert [one.transaction_id for one in results[::2] if isinstance(one, Transaction)] == [
        f"t{n}" for n in range(len(bad))
    ]
    assert [one.field for one in results[1::2] if isinstance(one, RecordError)] == [
        KINDS[kind].field for kind, _ in bad
    ]


def test_bad_records_are_many_and_the_same_for_the_same_seed() -> None:
    assert len(KINDS) >= 40
    once = list(bad_records(7, 3 * len(KINDS)))
    assert once == list(bad_records(7, 3 * len(KINDS)))
    assert {kind for kind, _ in once} == set(KINDS)
    assert [kind for kind, _ in once] != [kind for kind, _ in bad_records(8, 3 * len(KINDS))]


def as_text_row(kind: str) -> dict[str, str | None] | None:
    """The message as a row of a file whose columns are all texts, where it can be one."""
    if KINDS[kind].field == "record":
        return None
    fields = json.loads(message(kind))
    texts = {column.name for column in COLUMNS if column.kind == "text"}
    if not isinstance(fields, dict) or not set(fields) <= set(CANONICAL_COLUMNS):
        return None
    for name, value in fields.items():
        whole = isinstance(value, int) and not isinstance(value, bool)
        if isinstance(value, (list, dict)) or (
            name in texts and not (value is None or isinstance(value, str) or whole)
        ):
            return None
    return {name: None if fields.get(name) is None else str(fields[name]) for name in CANONICAL_COLUMNS}


def test_files_refuse_the_same_rows_for_the_same_reason(tmp_path: Path) -> None:
    rows = {kind: row for kind in KINDS if "twice" not in kind and (row := as_text_row(kind))}
    assert len(rows) > 40
    good = {name: None if value is None else str(value) for name, value in good_record("good").items()}
    schema = pa.schema([(name, pa.string()) for name in CANONICAL_COLUMNS])
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.Table.from_pylist([*rows.values(), good], schema), path)
    frame = read_transactions(path, ReadOptions(latest=LATEST))
    assert frame["transaction_id"].tolist() == ["good"]
    letters = {
        letter.position: letter for letter in read_dead_letters(tmp_path / "rows.parquet.dead-letters.jsonl")
    }
    assert {place: letter.field for place, letter in letters.items()} == {
        place: KINDS[kind].field for place, kind in enumerate(rows, 1)
    }
