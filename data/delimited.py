"""Delimited text (CSV), plain or gzipped, read line by line: one line is one row.

A stray quote or a cut line therefore harms its own row only. Lines that are no row (undecodable bytes, null bytes, too
many or too few fields, quotes that do not close, over-long) go to the dead letters; blank lines are skipped. What
remains is parsed by Arrow, a block of lines at a time.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import zlib
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
from numpy.typing import NDArray

from data.blocks import Block, check_file
from data.dead_letters import DeadLetterFile
from fraud.errors import InputError, RecordError

__all__ = ["LONGEST_LINE", "DelimitedFile"]

LONGEST_LINE = 65_536
"""Bytes of one line, at most."""

_BLOCK_BYTES = 16 * 2**20
_LINE_FEED, _CARRIAGE_RETURN, _QUOTE, _NULL = b'\n\r"\0'
_GZIP_MAGIC = b"\x1f\x8b"
_FOREIGN = {
    b"PAR1": "a Parquet file; name it .parquet",
    b"PK\x03\x04": "a zip archive; unpack it",
    b"SQLi": "an SQLite database; export it as CSV",
    b"\xff\xfe": "UTF-16 text; convert it to UTF-8, or give the encoding in a mapping file",
    b"\xfe\xff": "UTF-16 text; convert it to UTF-8, or give the encoding in a mapping file",
}


class DelimitedFile:
    """A delimited text file; see ``data.blocks.TableFile``.

    ``names`` gives the columns of a file without a header line; ``number_repeats`` tells columns of one name apart as
    Account, Account.1, … instead of refusing them. Any Python text encoding will do. Raises InputError
    where the file is missing, empty, of another format, or its header cannot be read.
    """

    def __init__(
        self,
        path: Path,
        *,
        delimiter: str = ",",
        encoding: str = "utf-8",
        names: Sequence[str] | None = None,
        number_repeats: bool = False,
    ) -> None:
        check_file(path)
        self.path = path
        self.delimiter = delimiter
        self.encoding = _known_encoding(encoding)
        self.size = path.stat().st_size
        self._has_header = names is None
        self._number_repeats = number_repeats
        self.names: Sequence[str] = self._read_header() if names is None else list(names)

    def blocks(self, wanted: Collection[str], letters: DeadLetterFile) -> Iterator[Block]:
        """Text columns, empty fields as null; rows are numbered as lines of the file, from 1."""
        columns = [name for name in self.names if name in wanted]
        first_line = 1
        with self._readable() as (stream, file):
            before = 0
            skip_header = self._has_header
            for lines in _whole_lines(stream):
                block = _Lines(lines, first_line)
                if skip_header and len(block.used):
                    block.used = block.used[1:]
                    skip_header = False
                table, rows = self._parse(block, columns, letters)
                first_line += len(block.ends)
                position = file.tell()
                yield Block(table, rows, position - before)
                before = position

    def _parse(
        self, block: _Lines, columns: list[str], letters: DeadLetterFile
    ) -> tuple[pa.Table, NDArray[np.int64]]:
        used = block.used[self._are_rows(block, letters)]
        table = (
            pacsv.read_csv(
                pa.py_buffer(block.joined(used)),
                pacsv.ReadOptions(column_names=self.names, use_threads=False, block_size=4 * 2**20),
                pacsv.ParseOptions(delimiter=self.delimiter),
                pacsv.ConvertOptions(
                    include_columns=columns,
                    column_types=dict.fromkeys(columns, pa.string()),
                    null_values=[""],
                    strings_can_be_null=True,
                ),
            )
            if len(used)
            else pa.table({name: pa.array([], pa.string()) for name in columns})
        )
        if table.num_rows != len(used):
            raise InputError(
                f"{self.path}: {len(used)} lines near line {block.first_line} gave {table.num_rows} rows; "
                "check delimiter and quotes"
            )
        return table.combine_chunks(), used + block.first_line

    def _are_rows(self, block: _Lines, letters: DeadLetterFile) -> NDArray[np.bool_]:
        """Which used lines are rows; the others are dead-lettered."""
        good = np.ones(len(block.used), bool)
        delimiters = block.count(ord(self.delimiter))[block.used]
        doubtful = block.are_odd()[block.used] | (delimiters != len(self.names) - 1)
        for position in np.flatnonzero(doubtful):
            line = int(block.used[position])
            try:
                self._check_line(block.line(line))
            except RecordError as error:
                good[position] = False
                letters.add(line + block.first_line, error)
        return good

    def _check_line(self, line: bytes) -> None:
        fields = self._split(line)
        if len(fields) != len(self.names):
            raise RecordError("record", f"has {len(fields)} fields, the header {len(self.names)}")

    def _split(self, line: bytes) -> list[str]:
        if len(line) > LONGEST_LINE:
            raise RecordError("record", f"is longer than {LONGEST_LINE} bytes")
        if b"\0" in line or b"\r" in line:
            raise RecordError("record", "holds a null byte or carriage return inside the line; remove it")
        try:
            text = line.decode("utf-8")
        except UnicodeDecodeError as error:
            raise RecordError(
                "record", f"byte {error.start + 1} of the line is not {self.encoding} text; convert the file"
            ) from None
        try:
            return next(csv.reader((text,), delimiter=self.delimiter, strict=True), [""])
        except csv.Error:
            raise RecordError(
                "record", "has a quote that does not close on its line, or text after it; double inner quotes"
            ) from None

    def _read_header(self) -> list[str]:
        with self._readable() as (stream, _):
            for lines in _whole_lines(stream, block_bytes=2 * LONGEST_LINE):
                block = _Lines(lines, 1)
                if len(block.used):
                    return self._header_names(block.line(int(block.used[0])))
        raise InputError(f"{self.path}: holds no line of text; give a file with a header line")

    def _header_names(self, line: bytes) -> list[str]:
        try:
            names = [name.strip() for name in self._split(line)]
        except RecordError as error:
            raise InputError(f"{self.path}: header line {error.reason}; is it delimited text?") from None
        if self._number_repeats:
            names = [
                f"{name}.{n}" if (n := names[:place].count(name)) else name
                for place, name in enumerate(names)
            ]
        twice = sorted({name for name in names if name and names.count(name) > 1})
        if twice:
            raise InputError(f"{self.path}: the header names {twice[0]!r} twice; rename one")
        # Arrow needs a name for each; a nameless column is never asked for.
        return [name or f"(column {number})" for number, name in enumerate(names, 1)]

    @contextmanager
    def _readable(self) -> Iterator[tuple[BinaryIO, BinaryIO]]:
        """The text as UTF-8 bytes, and the file below it; turns what unpacking and decoding raise into InputError."""
        try:
            with self.path.open("rb") as file:
                self._refuse_foreign(file)
                is_zipped = file.read(2) == _GZIP_MAGIC
                file.seek(0)
                stream: BinaryIO = gzip.GzipFile(fileobj=file) if is_zipped else file  # type: ignore[assignment]
                yield _as_utf8(stream, self.encoding), file
        except (EOFError, zlib.error, gzip.BadGzipFile):
            raise InputError(f"{self.path}: the gzip data is damaged or cut; fetch the file again") from None
        except UnicodeError:
            raise InputError(f"{self.path}: is not {self.encoding} text; give the right encoding") from None
        except OSError as error:
            raise InputError(f"{self.path}: cannot be read ({error.strerror or error})") from None

    def _refuse_foreign(self, file: BinaryIO) -> None:
        start = file.read(4)
        file.seek(0)
        for magic, kind in _FOREIGN.items():
            if start.startswith(magic) and not (len(magic) == 2 and self.encoding != "utf-8"):
                raise InputError(f"{self.path}: is {kind}")


class _Lines:
    """Whole lines in one buffer, each closed by a line feed; lines are numbered from 0 here."""

    def __init__(self, data: bytes, first_line: int) -> None:
        self.data = data
        self.first_line = first_line
        self._bytes = np.frombuffer(data, np.uint8)
        self.ends = np.flatnonzero(self._bytes == _LINE_FEED)
        self._starts = np.concatenate(([0], self.ends[:-1] + 1))
        has_return = (self.ends > self._starts) & (self._bytes[self.ends - 1] == _CARRIAGE_RETURN)
        self._stops = self.ends - has_return
        self.used = np.flatnonzero(self._stops > self._starts)
        """Lines that are not blank."""

    def line(self, number: int) -> bytes:
        return self.data[self._starts[number] : self._stops[number]]

    def count(self, byte: int) -> NDArray[np.int64]:
        """How often the byte is in each line."""
        places = np.flatnonzero(self._bytes == byte)
        return self._tally(places)

    def are_odd(self) -> NDArray[np.bool_]:
        """Lines that need a closer look than counting delimiters."""
        odd: NDArray[np.bool_] = self._stops - self._starts > LONGEST_LINE
        for byte in (_QUOTE, _NULL):
            if bytes([byte]) in self.data:
                odd |= self.count(byte) > 0
        if b"\r" in self.data:
            odd |= self.count(_CARRIAGE_RETURN) > self.ends - self._stops
        if not _is_utf8(self.data):
            places = np.flatnonzero(self._bytes >= 0x80)
            odd |= self._tally(places) > 0
        return odd

    def _tally(self, places: NDArray[np.int64]) -> NDArray[np.int64]:
        tally: NDArray[np.int64] = np.diff(np.searchsorted(places, self.ends), prepend=0)
        return tally

    def joined(self, lines: NDArray[np.int64]) -> bytes:
        """The given lines (rising) as one text."""
        if len(lines) == len(self.ends):
            return self.data
        chosen = np.zeros(len(self.ends), bool)
        chosen[lines] = True
        joined: bytes = self._bytes[np.repeat(chosen, self.ends - self._starts + 1)].tobytes()
        return joined


def _whole_lines(stream: BinaryIO, block_bytes: int = _BLOCK_BYTES) -> Iterator[bytes]:
    """The stream in blocks of whole lines; of an over-long line only so much is kept that it is seen to be one."""
    begun = b""
    while data := stream.read(block_bytes):
        cut = data.rfind(b"\n") + 1
        if cut:
            yield begun + data[:cut]
            begun = data[cut:]
        else:
            begun = (begun + data)[: LONGEST_LINE + 2]
    if begun:
        yield begun + b"\n"


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _known_encoding(encoding: str) -> str:
    try:
        return codecs.lookup(encoding).name
    except LookupError:
        raise InputError(f"encoding: {encoding!r} is not known; write utf-8, cp1252, utf-16 …") from None


def _as_utf8(stream: BinaryIO, encoding: str) -> BinaryIO:
    if encoding == "utf-8":
        start = stream.read(len(codecs.BOM_UTF8))
        if start != codecs.BOM_UTF8:
            stream.seek(0)
        return stream
    return io.BufferedReader(_Recoded(stream, encoding), _BLOCK_BYTES)


class _Recoded(io.RawIOBase):
    """Text of another encoding as UTF-8; bytes that it cannot decode come through and are seen as not UTF-8."""

    def __init__(self, stream: BinaryIO, encoding: str) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder(encoding)("surrogateescape")
        self._pending = b""
        self._is_at_end = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while not self._pending and not self._is_at_end:
            data = self._stream.read(_BLOCK_BYTES)
            self._is_at_end = not data
            text = self._decoder.decode(data, final=self._is_at_end)
            self._pending = text.encode("utf-8", "surrogateescape")
        taken = self._pending[: len(buffer)]
        self._pending = self._pending[len(buffer) :]
        buffer[: len(taken)] = taken
        return len(taken)
