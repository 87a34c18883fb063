"""Named random streams, so that each part of a world draws independently of every other part."""

from __future__ import annotations

import zlib

import numpy as np

__all__ = ["stream"]


def stream(seed: int, name: str, *parts: int) -> np.random.Generator:
    """Return the generator that belongs to ``name`` (and day or number ``parts``) under ``seed``.

    The same arguments always give the same draws, whatever else was drawn before, so a day's
    traffic does not depend on how many days are made or in which order.
    """
    entropy = [seed, zlib.crc32(name.encode()), *parts]
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(entropy)))
