"""Exact sums of the first four powers of whole numbers that come and go.

A sum of fourth powers needs more than 64 bits, and floating point would drift as numbers leave again; so the sums of
higher powers are kept in limbs of ``LIMB`` bits, of which only the highest may grow. What is added and taken away again
leaves no trace. Numbers are held against a centre near their mean, so that the moments do not cancel.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fraud.compiled import kernel

LIMB = 26
MASK = (1 << LIMB) - 1
SCALE = float(1 << LIMB)

CENTRE, FIRST, SECOND, THIRD, FOURTH = 0, 1, 2, 4, 6
"""Places: the centre, the sum of first powers, and the limbs of the others, lowest first."""
SUMS = 9

FAR = 1_000.0
"""Squared distance of the mean from the centre, in variances, from which a new centre is due."""


@kernel
def add_power_sums(sums: Any, value: int, sign: int) -> None:
    """Add (``sign`` 1) or take away (−1) a number below 2^26 in distance from the centre."""
    x = value - sums[CENTRE]
    square = x * x
    high, low = square >> LIMB, square & MASK
    sums[FIRST] += sign * x
    _carry(sums, SECOND, sign * low, sign * high)
    _carry(sums, THIRD, sign * low * x, sign * high * x)
    middle = 2 * high * low
    carry = sums[FOURTH] + sign * low * low
    sums[FOURTH] = carry & MASK
    carry = sums[FOURTH + 1] + (carry >> LIMB) + sign * (middle & MASK)
    sums[FOURTH + 1] = carry & MASK
    sums[FOURTH + 2] += (carry >> LIMB) + sign * ((middle >> LIMB) + high * high)


@kernel
def _carry(sums: Any, place: int, low: int, high: int) -> None:
    total = sums[place] + low
    sums[place] = total & MASK
    sums[place + 1] += high + (total >> LIMB)


@kernel
def clear_power_sums(sums: Any, centre: int) -> None:
    """Sums of nothing, around a centre."""
    for i in range(SUMS):
        sums[i] = 0
    sums[CENTRE] = centre


@kernel
def write_moments(sums: Any, count: int, unit: float, out: Any, j: int) -> bool:
    """Mean, sum, variance, skewness and kurtosis (of the population, normal 3), in units; zeros without spread.

    Returns whether the centre is too far off for that to be exact.
    """
    mean = sums[FIRST] / count
    out[j] = (sums[CENTRE] + mean) * unit
    out[j + 1] = (np.float64(sums[CENTRE]) * count + sums[FIRST]) * unit
    if count == 1:
        out[j + 2] = out[j + 3] = out[j + 4] = 0.0
        return False
    second = (sums[SECOND + 1] * SCALE + sums[SECOND]) / count
    variance = second - mean * mean
    if mean * mean > FAR * variance:
        return True
    out[j + 2] = variance * unit * unit
    if variance <= 0.0:
        out[j + 3] = out[j + 4] = 0.0
        return False
    third = (sums[THIRD + 1] * SCALE + sums[THIRD]) / count
    fourth = ((sums[FOURTH + 2] * SCALE + sums[FOURTH + 1]) * SCALE + sums[FOURTH]) / count
    square = mean * mean
    out[j + 3] = (third - 3.0 * mean * second + 2.0 * square * mean) / (variance * math.sqrt(variance))
    out[j + 4] = (fourth - 4.0 * mean * third + 6.0 * square * second - 3.0 * square * square) / (
        variance * variance
    )
    return False
