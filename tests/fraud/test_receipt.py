from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from fraud.decision import Reason
from fraud.errors import InputError, StoreError
from fraud.receipt import PREFIX, Receipt, ReceiptBatch

DTYPES = (np.float32, np.float64, np.int16, np.int32, np.int64, np.uint8, np.bool_)


def arrays_of(n: int) -> st.SearchStrategy[dict[str, NDArray[Any]]]:
    inner = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)
    array = st.tuples(st.sampled_from(DTYPES), inner).flatmap(lambda pair: hnp.arrays(pair[0], (n, *pair[1])))
    return st.dictionaries(st.text(min_size=1, max_size=8), array, max_size=4)


@st.composite
def batches(draw: st.DrawFn) -> ReceiptBatch:
    n = draw(st.integers(0, 4))
    reason = st.builds(
        Reason,
        feature=st.text(max_size=5),
        text=st.text(max_size=20),
        value=st.none() | st.floats(allow_infinity=False),
        contribution=st.floats(-9, 9),
    )
    return ReceiptBatch(
        transaction_ids=[f"t{i}" for i in range(n)],
        scores=draw(hnp.arrays(np.float64, n, elements=st.floats(0, 1))),
        reasons=[tuple(draw(st.lists(reason, max_size=2))) for _ in range(n)],
        model_version="2026-11-21-1",
        feature_hash="ab" * 16,
        thresholds={"review": 0.31, "block": 0.92},
        arrays=draw(arrays_of(n)),
    )


def assert_same(left: Receipt, right: Receipt) -> None:
    for name in ("transaction_id", "score", "reasons", "model_version", "feature_hash", "thresholds"):
        assert getattr(left, name) == getattr(right, name)
    assert left.arrays.keys() == right.arrays.keys()
    for name, array in left.arrays.items():
        assert array.dtype == right.arrays[name].dtype
        assert array.shape == right.arrays[name].shape
        assert array.tobytes() == right.arrays[name].tobytes()


@given(batches())
def test_a_batch_comes_back_bit_for_bit(batch: ReceiptBatch) -> None:
    back = ReceiptBatch.from_bytes(batch.to_bytes())
    assert len(back) == len(batch)
    for i in range(len(batch)):
        assert_same(back.row(i), batch.row(i))
        assert_same(Receipt.from_bytes(batch.row(i).to_bytes()), batch.row(i))


def example(n: int = 3) -> ReceiptBatch:
    return ReceiptBatch(
        transaction_ids=[f"t{i}" for i in range(n)],
        scores=np.linspace(0, 1, n),
        reasons=[()] * n,
        model_version="m",
        feature_hash="h",
        thresholds={"review": 0.5},
        arrays={"features": np.arange(n * 4, dtype=np.float32).reshape(n, 4)},
    )


def test_take_keeps_rows_with_their_parts() -> None:
    taken = example().take([2, 0])
    assert taken.transaction_ids == ["t2", "t0"]
    assert_same(taken.row(0), example().row(2))


def test_nan_reasons_mean_does_not_apply() -> None:
    assert Reason("amount_ratio", "no history yet", float("nan")).value is None


def test_arrays_without_portable_bytes_are_refused() -> None:
    with pytest.raises(InputError, match="features: dtype object"):
        ReceiptBatch(["t"], np.zeros(1), [()], "m", "h", {}, {"features": np.array([object()])})


def test_parts_of_unequal_length_are_refused() -> None:
    with pytest.raises(InputError, match="scores: 2 rows for 1"):
        ReceiptBatch(["t"], np.zeros(2), [()], "m", "h", {}, {})


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_refused(blob: bytes) -> None:
    with pytest.raises(StoreError):
        ReceiptBatch.from_bytes(blob)


@given(st.data())
def test_any_flipped_bit_is_noticed(data: st.DataObject) -> None:
    blob = bytearray(example().to_bytes())
    position = data.draw(st.integers(0, len(blob) - 1))
    blob[position] ^= 1 << data.draw(st.integers(0, 7))
    try:
        back = ReceiptBatch.from_bytes(bytes(blob))
    except StoreError:
        return
    # A bit that compression does not use may flip unnoticed; the content may not.
    assert back.to_bytes() == example().to_bytes()


def test_a_length_from_a_stranger_allocates_nothing() -> None:
    blob = example().to_bytes()
    magic, checksum, _ = PREFIX.unpack_from(blob)
    with pytest.raises(StoreError, match="not a receipt"):
        ReceiptBatch.from_bytes(struct.pack("<4sIQ", magic, checksum, 1 << 60) + blob[PREFIX.size :])
