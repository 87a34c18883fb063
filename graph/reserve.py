"""Arrays that are reserved large and cost only what is written: they grow without being copied or moved."""

from __future__ import annotations

import mmap
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["reserve"]

NO_RESERVE = 0x4000
"""Linux's MAP_NORESERVE, which Python names from 3.13 on."""


def reserve(count: int, dtype: np.dtype[Any] | type[Any], *, large_pages: bool = False) -> NDArray[Any]:
    """Zeros [count] whose pages the operating system hands out as they are first written.

    ``large_pages`` speeds up tables that fill from the front; in a table that fills in many places at once each
    large page would be a waste of its own.
    """
    size = max(count, 1) * np.dtype(dtype).itemsize
    block = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | NO_RESERVE)
    block.madvise(mmap.MADV_HUGEPAGE if large_pages else mmap.MADV_NOHUGEPAGE)
    return np.frombuffer(block, dtype=dtype)[:count]
