"""Plain JSON records in compiled code: told from all others, and written again with tokens for identifiers.

A record is plain when one walk over its bytes shows that it keeps every rule of ``fraud.transaction`` but for those
that its decoder enforces: it is one flat object in which no name comes twice and no value needs escapes, trimming or a
second look. Whatever else a record is, valid or not, is for ``fraud.transaction.parse`` to judge.

Texts are walked eight bytes at a time, and identifiers are looked up in the table of ``fraud.token_memory`` on the way:
what leaves here holds tokens, and no identifier of a plain record that is remembered ever becomes an object.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fraud.compiled import kernel
from fraud.fields import LONGEST_TEXT
from fraud.intrinsics import borrow, copy_bytes, lowest_bit, word_at
from fraud.token_memory import FOUND, FOUND_WORDS, TOKEN_BYTES, find_token, found_in, place_of
from fraud.transaction import LONGEST_RECORD, SCHEMA_VERSION

__all__ = [
    "CAREFUL",
    "IDENTIFIERS",
    "KIND",
    "MORE",
    "PLAIN",
    "SPANS",
    "SPAN_WORDS",
    "STOP",
    "UNSURE",
    "WORK_WORDS",
    "lay_spans",
    "read_records",
    "write_records",
]  # fmt: skip

FIELDS = (
    "transaction_id", "event_time", "account_id", "amount", "merchant_id", "counterparty_id", "currency", "device_id",
    "ip", "channel", "mcc", "latitude", "longitude", "schema_version",
)  # fmt: skip
(
    ID, TIME, ACCOUNT, AMOUNT, MERCHANT, COUNTERPARTY, CURRENCY, DEVICE, IP, CHANNEL, MCC, LATITUDE, LONGITUDE, VERSION,
) = range(len(FIELDS))  # fmt: skip
OTHER = len(FIELDS)
"""Stands for a field of any other name."""
REQUIRED = (1 << ID) | (1 << TIME) | (1 << ACCOUNT) | (1 << AMOUNT)
PAYEE = (1 << MERCHANT) | (1 << COUNTERPARTY)
PLACE = (1 << LATITUDE) | (1 << LONGITUDE)
OPTIONAL_TEXTS = PAYEE | (1 << DEVICE) | (1 << IP) | (1 << CHANNEL) | (1 << MCC)
TEXTS = OPTIONAL_TEXTS | (1 << ID) | (1 << ACCOUNT)
NUMBERS = PLACE | (1 << AMOUNT) | (1 << VERSION) | (1 << OTHER)
NULLABLE = OPTIONAL_TEXTS | PLACE | (1 << OTHER)

NAME_SIZES = np.array([len(name) for name in FIELDS], dtype=np.int64)
NAME_WORDS: NDArray[np.uint64] = np.frombuffer(
    b"".join(name.encode().ljust(16, b"\0") for name in FIELDS), dtype="<u8"
).reshape(-1, 2)

IDENTIFIERS = 4
"""In a record, at most."""
TOKEN_KINDS = np.full(OTHER, -1, dtype=np.int64)
TOKEN_KINDS[[ACCOUNT, COUNTERPARTY, DEVICE, IP]] = 0, 0, 1, 2
"""Kind of the identifier in each field, as in ``fraud.tokens``; −1 for none."""

CAREFUL, PLAIN, UNSURE = 0, 1, 2
"""What a record is: for ``parse``; plain; plain if all its characters are printable."""
KIND, BEGIN, END, STOP, LACKS_CURRENCY, HELD, SPANS = range(7)
SPAN_WIDTH = SPANS + 3 * IDENTIFIERS
"""What is noted of a record: what it is, where its braces are, where it ends once it is written again, whether it names
no currency, how many identifiers it has, and start, size and kind of each in the order in which they come. In 32 bits:
the records of one call are 2 GiB at most."""
SPAN_WORDS = SPAN_WIDTH // 2
WORK_WORDS = SPAN_WORDS + IDENTIFIERS * FOUND_WORDS
"""Room that a record needs."""

MORE = IDENTIFIERS * TOKEN_BYTES + 32
"""Bytes by which a record grows when it is written again, at most."""
MOST_OTHERS = 16
"""Fields of other names in a plain record, at most."""
MOST_DIGITS = 18
"""Of a number in a plain record, on either side of its point: any decoder holds it."""

ONES, TOPS = np.uint64(0x0101010101010101), np.uint64(0x8080808080808080)
QUOTES, BACKSLASHES, DELETES, BLANKS = (np.uint64(byte) * ONES for byte in (34, 92, 127, 32))
QUOTE, COMMA, COLON, MINUS, PLUS, POINT, ZERO, OPEN, CLOSE, BLANK = (ord(c) for c in '",:-+.0{} ')
BIG_A, BIG_Z, BIG_T = (ord(c) for c in "AZT")
NULL, TRUE, FALSE = (int.from_bytes(word, "little") for word in (b"null", b"true", b"false"))
CURRENCY_NAME = np.frombuffer(b',"currency":"', dtype=np.uint8)
NEWLINE = 10
DAY = 86_400


def lay_spans(work: Any, n: int) -> Any:
    """What is noted of ``n`` records [n, SPAN_WIDTH], at the beginning of ``work`` [n · WORK_WORDS]."""
    return work[: n * SPAN_WORDS].view(np.int32).reshape(n, SPAN_WIDTH)


spans_in = kernel(lay_spans)
"""The same for kernels."""


@kernel
def read_records(
    text: Any, sizes: Any, bounds: tuple[int, int], currency: int, table: Any, work: Any, out: Any
) -> tuple[int, int, int]:
    """Tell what each record is, find the tokens of its identifiers, and write the plain ones again.

    ``text`` holds the records one after the other and the padding of ``fraud.token_memory``, ``sizes`` [n] their bytes;
    ``bounds``: earliest and latest event time, µs since 1970 UTC; ``currency`` as in ``write_records``. Fills ``work``:
    the spans, then ``Found`` for the ``IDENTIFIERS`` that each record may have; one that it does not have counts as
    found. Returns how many records are unsure, how many tokens are not remembered and, where neither holds things up,
    how many bytes were written into ``out``, else −1.
    """
    text, sizes, table, work, out = borrow(text), borrow(sizes), borrow(table), borrow(work), borrow(out)
    n = len(sizes)
    spans = spans_in(work, n)
    names, places, tokens = found_in(work[n * SPAN_WORDS :], IDENTIFIERS * n)
    owner = np.zeros((MOST_OTHERS, 2), dtype=np.int64)
    others = borrow(owner)
    begin = unsure = missing = 0
    for i in range(n):
        end = begin + sizes[i]
        kind = _read_record(text, begin, end, bounds, spans, i, others)
        if spans[i, LACKS_CURRENCY] and currency == 0:
            kind = CAREFUL
        spans[i, KIND] = kind
        begin = end
        unsure += kind == UNSURE
        for k in range(IDENTIFIERS):
            j, at = IDENTIFIERS * i + k, SPANS + 3 * k
            places[j] = FOUND
            if kind != CAREFUL and k < spans[i, HELD]:
                places[j] = place_of(text, spans[i, at], spans[i, at + 1], spans[i, at + 2], table)
    for i in range(n):
        for k in range(IDENTIFIERS):
            j, at = IDENTIFIERS * i + k, SPANS + 3 * k
            if places[j] >= 0:
                start, size, kind = spans[i, at], spans[i, at + 1], spans[i, at + 2]
                places[j] = find_token(table, text, start, size, kind, places[j], names, tokens, j)
            missing += places[j] != FOUND
    owner[0, 0] = 0  # named last, and so alive until here
    held_up = unsure > 0 or missing > 0
    return unsure, missing, -1 if held_up else write_records(text, currency, work, n, out)


@kernel
def _read_record(
    text: Any, begin: int, end: int, bounds: tuple[int, int], spans: Any, i: int, others: Any
) -> int:
    at = _skip_white(text, begin, end)
    if text[at] != OPEN or end - begin > LONGEST_RECORD:
        return CAREFUL
    spans[i, BEGIN], spans[i, HELD] = at, 0
    kind, met, there, field, held = PLAIN, 0, 0, -1, 0
    while text[at] != CLOSE:
        start = _skip_blanks(text, at + 1) + 1
        at, is_ascii = _text_end(text, start, end)
        if text[start - 1] != QUOTE or at < 0 or not is_ascii:
            return CAREFUL
        field = _field_of(text, start, at - start, field)
        if field == OTHER:
            if held == MOST_OTHERS or _is_among(text, start, at - start, others, held):
                return CAREFUL
            others[held, 0], others[held, 1] = start, at - start
            held += 1
        elif met >> field & 1:
            return CAREFUL
        met |= 1 << field
        at = _skip_blanks(text, at + 1)
        if text[at] != COLON:
            return CAREFUL
        at = _skip_blanks(text, at + 1)
        stop, is_ascii = _value_end(text, at, end, field, bounds)
        if stop < 0 or (not is_ascii and field == OTHER):
            return CAREFUL
        if not is_ascii:
            kind = UNSURE
        if text[at] == QUOTE or not _is_word(text, at, NULL, 4):
            there |= 1 << field
            if field < OTHER and TOKEN_KINDS[field] >= 0:
                note = SPANS + 3 * spans[i, HELD]
                spans[i, note], spans[i, note + 1], spans[i, note + 2] = (
                    at + 1,
                    stop - at - 2,
                    TOKEN_KINDS[field],
                )
                spans[i, HELD] += 1
        at = _skip_blanks(text, stop)
        if text[at] != COMMA and text[at] != CLOSE:
            return CAREFUL
    spans[i, END] = at
    spans[i, LACKS_CURRENCY] = 1 - (there >> CURRENCY & 1)
    is_whole = at < end and _skip_white(text, at + 1, end) == end
    return kind if is_whole and _is_complete(text, there, spans, i) else CAREFUL


@kernel
def _is_complete(text: Any, there: int, spans: Any, i: int) -> bool:
    """What must be there is, and the payee is not the payer."""
    has_both_or_neither = there & PLACE == 0 or there & PLACE == PLACE
    if there & REQUIRED != REQUIRED or there & PAYEE == 0 or not has_both_or_neither:
        return False
    first = second = -1
    for k in range(spans[i, HELD]):
        if spans[i, SPANS + 3 * k + 2] == 0:
            first, second = second, k
    if first < 0:
        return True
    one, other = SPANS + 3 * first, SPANS + 3 * second
    size = spans[i, one + 1]
    return spans[i, other + 1] != size or not _is_equal(text, spans[i, one], spans[i, other], size)


@kernel
def _skip_white(text: Any, at: int, end: int) -> int:
    """The first place from ``at`` on that holds no white space, ``end`` at most."""
    while at < end and (text[at] == BLANK or text[at] == 9 or text[at] == 10 or text[at] == 13):
        at += 1
    return at


@kernel
def _skip_blanks(text: Any, at: int) -> int:
    while text[at] == BLANK:
        at += 1
    return at


@kernel
def _is_equal(text: Any, one: int, other: int, size: int) -> bool:
    k = 0
    while k < size and text[one + k] == text[other + k]:
        k += 1
    return k == size


@kernel
def _is_among(text: Any, start: int, size: int, others: Any, held: int) -> bool:
    k = 0
    while k < held and not (others[k, 1] == size and _is_equal(text, start, others[k, 0], size)):
        k += 1
    return k < held


@kernel
def _zeros(word: Any) -> Any:
    """Marks the bytes that are zero; above the lowest of them it may mark others."""
    return (word - ONES) & ~word & TOPS


@kernel
def _text_end(text: Any, at: int, end: int) -> tuple[int, bool]:
    """Where the quotation mark is that ends a text, −1 where another rule must judge; and whether all is ASCII."""
    is_ascii = True
    while at < end:
        word = word_at(text, at)
        marked = (word & TOPS) | ((word - BLANKS) & ~word & TOPS)
        marked |= _zeros(word ^ QUOTES) | _zeros(word ^ BACKSLASHES) | _zeros(word ^ DELETES)
        if marked == 0:
            at += 8
            continue
        at += lowest_bit(marked) >> 3
        if text[at] == QUOTE and at < end:
            return at, is_ascii
        if text[at] < 128:
            break
        is_ascii = False
        at += 1
    return -1, is_ascii


@kernel
def _first_bytes(word: Any, count: int) -> Any:
    """A word with all bytes but the first ``count`` cleared."""
    return word if count >= 8 else word & ((np.uint64(1) << np.uint64(8 * count)) - np.uint64(1))


@kernel
def _field_of(text: Any, start: int, size: int, last: int) -> int:
    """Which field a name is; the one after ``last`` is the likeliest."""
    if size > 16:
        return OTHER
    first = _first_bytes(word_at(text, start), size)
    second = _first_bytes(word_at(text, start + 8), max(size - 8, 0))
    for step in range(1, OTHER + 1):
        field = last + step
        if field >= OTHER:
            field = (field - OTHER) % OTHER
        if NAME_WORDS[field, 0] == first and NAME_WORDS[field, 1] == second and NAME_SIZES[field] == size:
            return field
    return OTHER


@kernel
def _is_word(text: Any, at: int, word: int, size: int) -> bool:
    return bool(_first_bytes(word_at(text, at), size) == np.uint64(word))


@kernel
def _value_end(text: Any, at: int, end: int, field: int, bounds: tuple[int, int]) -> tuple[int, bool]:
    """Where a value ends that is plain in its field, else −1; and whether it is all ASCII."""
    if text[at] == QUOTE:
        stop, is_ascii = _text_end(text, at + 1, end)
        if stop < 0 or not _is_plain_text(text, at + 1, stop, field, bounds):
            return -1, is_ascii
        return stop + 1, is_ascii
    if NULLABLE >> field & 1 and _is_word(text, at, NULL, 4):
        return at + 4, True
    if field == OTHER and _is_word(text, at, TRUE, 4):
        return at + 4, True
    if field == OTHER and _is_word(text, at, FALSE, 5):
        return at + 5, True
    if not NUMBERS >> field & 1:
        return -1, True
    stop = _number_end(text, at)
    if field == VERSION and (stop != at + 1 or text[at] != ZERO + SCHEMA_VERSION):
        return -1, True
    return stop, True


@kernel
def _is_plain_text(text: Any, start: int, stop: int, field: int, bounds: tuple[int, int]) -> bool:
    size = stop - start
    if field == OTHER:
        return True
    if TEXTS >> field & 1:
        return 0 < size <= LONGEST_TEXT and text[start] != BLANK and text[stop - 1] != BLANK
    if field == TIME:
        return _is_believed(text, start, stop, bounds)
    is_code = field == CURRENCY and size == 3
    return (
        is_code and _is_capital(text[start]) and _is_capital(text[start + 1]) and _is_capital(text[start + 2])
    )


@kernel
def _is_capital(byte: int) -> bool:
    return byte >= BIG_A and byte <= BIG_Z


@kernel
def _is_digit(byte: int) -> bool:
    return byte >= ZERO and byte <= ZERO + 9


@kernel
def _number_end(text: Any, at: int) -> int:
    """Where a number ends, −1 for none or one that is written with an exponent or is very long."""
    if text[at] == MINUS:
        at += 1
    start = at
    while _is_digit(text[at]):
        at += 1
    if at == start or at - start > MOST_DIGITS or (text[start] == ZERO and at > start + 1):
        return -1
    if text[at] != POINT:
        return at
    start = at + 1
    at = start
    while _is_digit(text[at]):
        at += 1
    return at if 0 < at - start <= MOST_DIGITS else -1


@kernel
def _digits(text: Any, at: int, count: int) -> int:
    """The number that ``count`` digits make; negative where one of them is none."""
    value = 0
    for k in range(at, at + count):
        value = 10 * value + (int(text[k]) - ZERO) if _is_digit(text[k]) and value >= 0 else -1
    return value


@kernel
def _is_believed(text: Any, start: int, stop: int, bounds: tuple[int, int]) -> bool:
    """Whether this is a time in UTC such as 2026-03-01T12:00:00.5Z or +00:00 that lies within the bounds.

    Days that a month does not have are the decoder's to refuse.
    """
    if stop - start < 20:
        return False
    year, month, day = _digits(text, start, 4), _digits(text, start + 5, 2), _digits(text, start + 8, 2)
    hour, minute, second = (
        _digits(text, start + 11, 2),
        _digits(text, start + 14, 2),
        _digits(text, start + 17, 2),
    )
    if min(year, month, day, hour, minute, second) < 0 or month < 1 or month > 12 or day < 1 or day > 31:
        return False
    if hour > 23 or minute > 59 or second > 59:
        return False
    if (
        text[start + 4] != MINUS
        or text[start + 7] != MINUS
        or text[start + 13] != COLON
        or text[start + 16] != COLON
    ):
        return False
    if text[start + 10] != BIG_T and text[start + 10] != BLANK:
        return False
    at, micros = start + 19, 0
    if text[at] == POINT:
        at += 1
        unit = 1_000_000
        while _is_digit(text[at]) and unit > 1:
            unit //= 10
            micros += unit * (int(text[at]) - ZERO)
            at += 1
        if unit == 1_000_000:
            return False
    if not (text[at] == BIG_Z and at + 1 == stop) and not (at + 6 == stop and _is_zero_zone(text, at)):
        return False
    seconds = DAY * _days(year, month, day) + 3600 * hour + 60 * minute + second
    time = 1_000_000 * seconds + micros
    return bounds[0] <= time and time <= bounds[1]


@kernel
def _is_zero_zone(text: Any, at: int) -> bool:
    """Whether +00:00 stands there."""
    return (
        text[at] == PLUS
        and _digits(text, at + 1, 2) == 0
        and text[at + 3] == COLON
        and _digits(text, at + 4, 2) == 0
    )


@kernel
def _days(year: int, month: int, day: int) -> int:
    """Days since 1970-01-01 in the Gregorian calendar (Hinnant, chrono-compatible date algorithms)."""
    year -= month <= 2
    era = year // 400
    year_of_era = year - era * 400
    day_of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return era * 146097 + year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year - 719468


@kernel
def write_records(text: Any, currency: int, work: Any, n: int, out: Any) -> int:
    """Write the plain ones of ``n`` records again, each on a line of its own, with tokens for identifiers.

    ``work`` as ``read_records`` has filled it, and notes where each ends in ``out``; ``currency``, three bytes in one
    number, is named in those that name none. Returns how many bytes were written.
    """
    text, work, out = borrow(text), borrow(work), borrow(out)
    spans = spans_in(work, n)
    _, _, tokens = found_in(work[n * SPAN_WORDS :], IDENTIFIERS * n)
    at = 0
    for i in range(n):
        if spans[i, KIND] == PLAIN:
            at = _write_record(text, spans, i, tokens, currency, out, at)
        spans[i, STOP] = at
    return at


@kernel
def _write_record(text: Any, spans: Any, i: int, tokens: Any, currency: int, out: Any, at: int) -> int:
    begin = spans[i, BEGIN]
    for k in range(spans[i, HELD]):
        start, size = spans[i, SPANS + 3 * k], spans[i, SPANS + 3 * k + 1]
        copy_bytes(out, at, text, begin, start - begin)
        at += start - begin
        copy_bytes(out, at, tokens, 8 * tokens.shape[1] * (IDENTIFIERS * i + k), TOKEN_BYTES)
        at += TOKEN_BYTES
        begin = start + size
    copy_bytes(out, at, text, begin, spans[i, END] - begin)
    at += spans[i, END] - begin
    if spans[i, LACKS_CURRENCY]:
        copy_bytes(out, at, CURRENCY_NAME, 0, len(CURRENCY_NAME))
        at += len(CURRENCY_NAME)
        for k in range(3):
            out[at + k] = (currency >> 8 * k) & 255
        out[at + 3] = QUOTE
        at += 4
    out[at], out[at + 1] = CLOSE, NEWLINE
    return at + 2
