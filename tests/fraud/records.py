"""Records made up for tests of what a transaction must be."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import strategies as st

LATEST = datetime(2030, 1, 1, tzinfo=UTC)
GOOD: dict[str, object] = {
    "transaction_id": "t1",
    "event_time": "2026-03-01T12:00:00Z",
    "account_id": "4929123412341234",
    "amount": 12.5,
    "merchant_id": "m1",
    "currency": "EUR",
    "device_id": "d1",
    "ip": "203.0.113.7",
    "channel": "web",
    "mcc": "5411",
    "latitude": 12.97,
    "longitude": 77.59,
}

texts = st.one_of(
    st.none(),
    st.text(max_size=6),
    st.text(st.characters(), min_size=120, max_size=140),
    st.sampled_from(["a", "b", " a", "a ", "a b", "USD", "usd", "é", "a\u2028", "\ud800", "x" * 128]),
    st.integers(-(10**40), 10**40),
    st.booleans(),
    st.lists(st.integers(), max_size=1),
    st.floats(allow_nan=False, allow_infinity=False),
)
number_values = st.one_of(
    st.none(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-200, 200),
    st.sampled_from(
        ["1", "1.5", "-1", "+2", "1e3", "1e400", " 7 ", "nan", "Infinity", "1_0", "٣", "", "0x1", ".5", "5."]
    ),
    st.booleans(),
)
time_values = st.one_of(
    st.none(),
    st.datetimes(datetime(1989, 1, 1), datetime(2032, 1, 1)).map(lambda t: t.isoformat()),
    st.datetimes(datetime(1989, 1, 1), datetime(2032, 1, 1)).map(lambda t: t.isoformat(" ") + "Z"),
    st.sampled_from(
        ["2026-03-01T12:00:00Z", "2026-03-01T12:00:00.123Z", "2026-03-01T12:00:00.123456Z",
         "2026-03-01T12:00:00.1234567Z", "2026-03-01T12:00:00.123456+00:00", "2026-03-01T12:00:00-00:00",
         "2026-03-01t12:00:00Z", "2026-03-01T12:00:00z", "2026-03-01T12:00:00.33z", "2026-03-01T12:00:00.1234567890Z",
         "2026-03-01 12:00:00Z", "2026-W09-7T12:00:00Z", "20260301T120000.000Z", "2026-03-01T12:00:00,123456Z",
         "2026-03-01T24:00:00Z", "2026-03-01T12:00:60Z", "2026-03-01T12:00:00+0000", " 2026-03-01T12:00:00Z",
         "2024-02-29", "2023-02-29", "2024-01-01T24:00:00", "2024-01-01T10:00:60Z", "2024-01-01T10:00+05:30",
         "2024-01-01T10:00:00.1234567", "2024-01-01t10:00:00z", "2024-W01-1", "1990-01-01T00:00:00Z", "x", " ",
         "2024-01-01T10:00:00+15:00", "2024-01-01T10:00:00-0530", "0001-01-01T00:00:00+10:00"]
    ),
    st.integers(0, 2**40),
)  # fmt: skip
records = st.fixed_dictionaries(
    {},
    optional={
        "transaction_id": texts,
        "event_time": time_values,
        "account_id": texts,
        "amount": number_values,
        "merchant_id": texts,
        "counterparty_id": texts,
        "currency": texts,
        "device_id": texts,
        "ip": texts,
        "channel": texts,
        "mcc": texts,
        "latitude": number_values,
        "longitude": number_values,
        "note": texts,
    },
)
