"""Memory that comes and goes with every batch is kept by the process, where the C library can be told so.

By default the C library gives arrays of some megabytes back to the kernel when they are freed, and the kernel hands out
empty pages again one by one: for a batch of receipts that costs about as much as copying it.
"""

from __future__ import annotations

import ctypes
import gc

__all__ = ["long_running"]

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
"""Numbers of these options in glibc's ``malloc.h``."""
KEPT, LARGEST_REUSED = 256 << 20, 64 << 20
"""Bytes that stay with the process though free; and the largest array that is taken from them."""

YOUNG, MIDDLE, OLD = 50_000, 20, 100
"""Objects, then collections, between two collections of garbage: a batch makes thousands of objects that live on."""


def long_running() -> None:
    """Prepare a process that handles batches until it is stopped; to be called once it has loaded its code."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(MMAP_THRESHOLD, LARGEST_REUSED)
        mallopt(TRIM_THRESHOLD, KEPT)
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, MIDDLE, OLD)
