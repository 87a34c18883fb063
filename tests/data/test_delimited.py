from __future__ import annotations

import csv
import gzip
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.canonical import read_transactions
from data.dead_letters import DeadLetterFile
from data.delimited import LONGEST_LINE, DelimitedFile
from fraud.errors import InputError, RecordError
from fraud.transaction import check
from tests.data.files import HEADER, LATEST, OPTIONS, ROW, refused, write

COLUMNS = HEADER.split(",")


def read(path: Path, **layout: str) -> tuple[list[list[object]], list[int]]:
    """All rows of a text file as lists, and their line numbers."""
    file = DelimitedFile(path, **layout)  # type: ignore[arg-type]
    rows: list[list[object]] = []
    lines: list[int] = []
    with DeadLetterFile(path) as letters:
        for block in file.blocks(file.names, letters):
            rows += [list(row.values()) for row in block.table.to_pylist()]
            lines += block.rows.tolist()
    return rows, lines


def test_a_stray_quote_costs_its_own_line_only(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", 'a,b\n1,"x, ""y"""\n"2,x\n3,"x" y\n4,a"b\n5,"x"\n')
    rows, lines = read(path)
    assert rows == [["1", 'x, "y"'], ["4", 'a"b'], ["5", "x"]]
    assert lines == [2, 5, 6]
    assert all("quote that does not close" in reason for reason in refused(path).values())
    assert sorted(refused(path)) == [3, 4]


def test_line_ends_blank_lines_and_byte_order_mark(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", b"\xef\xbb\xbf\r\n a ,b\r\n\r\n1,x\r\n\n2,y\r\nz\rz,3\n4,w")
    rows, lines = read(path)
    assert DelimitedFile(path).names == ["a", "b"]
    assert rows == [["1", "x"], ["2", "y"], ["4", "w"]]
    assert lines == [4, 6, 8]
    assert "carriage return" in refused(path)[7]


def test_lines_that_are_no_text_are_refused_and_the_others_stay(tmp_path: Path) -> None:
    long = b"x" * (LONGEST_LINE + 5)
    path = write(tmp_path / "t.csv", b"a,b\n1,\xff\n2,\xc3\xa9\n3,\0\n4," + long + b"\n5,y\n6,\xed\xa0\x80\n")
    rows, lines = read(path)
    assert rows == [["2", "é"], ["5", "y"]]
    assert lines == [3, 6]
    reasons = refused(path)
    assert "byte 3 of the line is not utf-8" in reasons[2]
    assert "null byte" in reasons[4]
    assert "longer than" in reasons[5]
    assert 7 in reasons


def test_an_endless_line_needs_no_endless_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("data.delimited._whole_lines.__defaults__", (1000,))
    path = write(tmp_path / "t.csv", b"a,b\n1,x\n2," + b"x" * 3 * LONGEST_LINE + b"\n3,y\n")
    assert read(path) == ([["1", "x"], ["3", "y"]], [2, 4])


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16", "utf-16-le", "latin-1"])
def test_other_encodings(tmp_path: Path, encoding: str) -> None:
    path = write(tmp_path / "t.csv", "a;b\n1;é\n".encode(encoding))
    assert read(path, delimiter=";", encoding=encoding)[0] == [["1", "é"]]


def test_bytes_that_an_encoding_lacks_cost_their_line(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", b"a,b\n1,\x81\n2,\xe9\n")
    assert read(path, encoding="cp1252")[0] == [["2", "é"]]
    assert "not cp1252 text" in refused(path)[2]
    with pytest.raises(InputError, match="encoding: 'klingon'"):
        DelimitedFile(path, encoding="klingon")


def test_a_cut_gzip_file_is_refused(tmp_path: Path) -> None:
    whole = gzip.compress("\n".join([HEADER, *(ROW.format(n=n) for n in range(9))] * 50).encode())
    path = tmp_path / "t.csv.gz"
    path.write_bytes(whole[:-20])
    with pytest.raises(InputError, match="gzip data is damaged or cut"):
        read_transactions(path, OPTIONS)
    assert list(tmp_path.iterdir()) == [path]


@given(st.binary(max_size=400), st.booleans())
def test_random_bytes_end_in_rows_or_an_input_error(data: bytes, with_header: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder) / "t.csv", (HEADER.encode() + b"\n" if with_header else b"") + data)
        try:
            read_transactions(path, OPTIONS)
        except InputError as error:
            assert "\n" not in str(error)
        lines = data.split(b"\n")
        if with_header:
            # No random line is a good row, so every line that is not blank is a dead letter.
            assert sorted(refused(path)) == [n for n, line in enumerate(lines, 2) if line not in (b"", b"\r")]


# Pieces that build good rows, bad rows and broken lines alike.
pieces = st.sampled_from(
    [b"t", b"a1", b"2026-03-01T12:00Z", b"5.5", b"m", b",", b",", b",", b'"', b"\r", b"\0", b"\xff", b"\xc3\xa9", b" "]
)  # fmt: skip
good_line = st.integers(0, 10**6).map(lambda n: b"g%d,2026-03-01T12:00:00Z,a1,5.5,m" % n)
quoted_line = st.integers(0, 10**6).map(lambda n: b'"q%d",2026-03-01T12:00:00Z,"a""1",5.5,"m,1"' % n)
broken_line = st.lists(pieces, max_size=12).map(b"".join)


def row_by_row(lines: list[bytes], names: list[str]) -> tuple[list[str], set[int]]:
    """The slow model: ids of the good rows, and the lines that are refused."""
    ids: list[str] = []
    bad: set[int] = set()
    for number, raw in enumerate(lines, 2):
        line = raw.removesuffix(b"\r")
        if not line:
            continue
        try:
            if b"\0" in line or b"\r" in line:
                raise RecordError("record", "")
            fields = next(csv.reader([line.decode()], strict=True), [""])
            if len(fields) != len(names):
                raise RecordError("record", "")
            found = check(dict(zip(names, fields, strict=True)), latest=LATEST)
            if found.transaction_id in ids:
                raise RecordError("transaction_id", "")
            ids.append(found.transaction_id)
        except (RecordError, UnicodeDecodeError, csv.Error):
            bad.add(number)
    return ids, bad


@given(
    st.lists(st.one_of(good_line, quoted_line, broken_line), max_size=20),
    st.permutations(COLUMNS),
    st.booleans(),
)
def test_every_line_is_a_row_or_a_dead_letter_once(
    lines: list[bytes], names: list[str], is_shuffled: bool
) -> None:
    if is_shuffled:
        order = [COLUMNS.index(name) for name in names]
        lines = [
            b",".join(fields[place] for place in order) if len(fields) == len(order) else line
            for line in lines
            for fields in [line.split(b",")]
        ]
    else:
        names = COLUMNS
    ids, bad = row_by_row(lines, names)
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder) / "t.csv", ",".join(names).encode() + b"\n" + b"\n".join(lines))
        if ids:
            assert read_transactions(path, OPTIONS)["transaction_id"].tolist() == ids
        else:
            with pytest.raises(InputError):
                read_transactions(path, OPTIONS)
        assert set(refused(path)) == bad


@given(
    st.lists(st.one_of(good_line, broken_line), min_size=1, max_size=20), st.integers(1, 60), st.booleans()
)
def test_block_size_does_not_matter(lines: list[bytes], block_bytes: int, is_zipped: bool) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        path = write(Path(folder) / f"t.csv{'.gz' * is_zipped}", b"\n".join([HEADER.encode(), *lines]))
        whole = read(path), refused(path)
        patch.setattr("data.delimited._whole_lines.__defaults__", (block_bytes,))
        assert (read(path), refused(path)) == whole
