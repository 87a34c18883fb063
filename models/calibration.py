"""Probabilities from margins by beta calibration (Kull, Silva Filho & Flach 2017), strictly rising in the margin.

With ``s`` the logistic of the margin, ``logit p = a·ln s − b·ln(1 − s) + c`` and ``a, b ≥ 0``, not both 0. It holds
Platt scaling (``a = b``), and bends the two tails apart, which imbalance weights make necessary.

Exponential and logarithm are written out in additions and products, so a score depends neither on its place in a batch
nor on the mathematics library of the machine: IEEE arithmetic alone fixes its bits.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from sklearn.linear_model import LogisticRegression

from fraud.compiled import kernel
from fraud.errors import ArtefactError, InputError

__all__ = ["Calibration", "calibrate", "fit_calibration"]

FEWEST_FRAUDS = 30
"""With fewer, only the level ``c`` is fitted: two slopes would follow chance."""
WEAK_PENALTY = 1e4
"""Inverse strength of the L2 penalty that keeps the slopes finite when the margin separates the classes."""

_LOG2_E = 1.4426950408889634
_LN2_HIGH = 0.693145751953125
"""ln 2 to 20 bits: its products with the small integers of range reduction are exact."""
_LN2_LOW = 1.42860682030941723212e-6
_EXPONENT_FLOOR = -708.0
_EXP_SERIES = tuple(1.0 / math.factorial(j) for j in range(14, -1, -1))
_ARTANH_SERIES = tuple(1.0 / j for j in range(35, 0, -2))


@dataclass(frozen=True, slots=True)
class Calibration:
    """Fitted ``a``, ``b``, ``c``, and how much evidence they stand on."""

    a: float
    b: float
    c: float
    rows: int
    frauds: int

    def __post_init__(self) -> None:
        """Refuse parameters that would not rise with the margin."""
        numbers_are_sound = all(math.isfinite(value) for value in (self.a, self.b, self.c))
        if not numbers_are_sound or min(self.a, self.b) < 0 or max(self.a, self.b) == 0:
            raise ArtefactError(
                f"calibration: a={self.a}, b={self.b}, c={self.c} does not rise with the margin"
            )

    def apply(self, margin: NDArray[np.float32]) -> NDArray[np.float64]:
        """Probability of fraud for each margin [n].

        Strictly rising between 1e-7 and 1 − 1e-7, and never falling beyond, where float64 runs out.
        """
        out = np.empty(len(margin), np.float64)
        _calibrate_all(margin, self.a, self.b, self.c, out)
        return out

    def to_json(self) -> str:
        """Text from which ``from_json`` makes the same bits."""
        return json.dumps({"method": "beta", **asdict(self)}, indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Inverse of ``to_json``; raises ArtefactError."""
        try:
            fields: dict[str, Any] = json.loads(text)
            method = fields.pop("method")
            calibration = cls(**fields)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ArtefactError(f"calibration: unreadable ({error}); train the model again") from error
        if method != "beta":
            raise ArtefactError(f"calibration: unknown method {method!r}; this version knows 'beta'")
        return calibration


def fit_calibration(margin: NDArray[np.float32], y: NDArray[Any]) -> Calibration:
    """Fit on margins [n] and labels [n] in {0, 1} of a period that neither booster nor GraphSAGE was trained on.

    Raises InputError when a class is missing or the margin does not rise with fraud.
    """
    rows, frauds = len(y), int(np.count_nonzero(y))
    if not 0 < frauds < rows:
        raise InputError(f"calibration period: {frauds} frauds among {rows} rows; both classes are needed")
    m = margin.astype(np.float64)
    if frauds < FEWEST_FRAUDS:
        return Calibration(1.0, 1.0, _level(m, frauds), rows, frauds)
    columns = np.column_stack((-np.logaddexp(0.0, -m), np.logaddexp(0.0, m)))
    a, b, c = _fit_slopes(columns, y, [0, 1])
    if a < 0 or b < 0:
        # Kull et al.: the side whose slope came out negative is dropped and the other is fitted anew.
        a, b, c = _fit_slopes(columns, y, [1] if a < 0 else [0])
    if min(a, b) < 0 or max(a, b) == 0:
        raise InputError("calibration: the margin does not rise with fraud in this period; check the labels")
    return Calibration(a, b, c, rows, frauds)


def _fit_slopes(columns: NDArray[np.float64], y: NDArray[Any], kept: list[int]) -> tuple[float, float, float]:
    model = LogisticRegression(C=WEAK_PENALTY, solver="newton-cholesky", max_iter=500, tol=1e-8)
    model.fit(columns[:, kept], y)
    slopes = dict(zip(kept, model.coef_[0], strict=True))
    return float(slopes.get(0, 0.0)), float(slopes.get(1, 0.0)), float(model.intercept_[0])


def _level(m: NDArray[np.float64], frauds: int) -> float:
    """The shift that makes the mean probability the share of frauds, one of each class added."""
    share = (frauds + 1.0) / (len(m) + 2.0)

    def excess(shift: float) -> float:
        return float(np.mean(1.0 / (1.0 + np.exp(-np.clip(m + shift, -700.0, 700.0))))) - share

    return float(brentq(excess, -m.max() - 40.0, -m.min() + 40.0, xtol=1e-12))


@kernel
def calibrate(margin: float, a: float, b: float, c: float) -> float:
    """Probability of one margin."""
    m = float(margin)
    log_term = _log1p_unit(_exp_nonpositive(-abs(m)))
    logit = c + b * (max(m, 0.0) + log_term) - a * (max(-m, 0.0) + log_term)
    e = _exp_nonpositive(-abs(logit))
    return 1.0 / (1.0 + e) if logit >= 0.0 else e / (1.0 + e)


@kernel
def _calibrate_all(
    margin: NDArray[np.float32], a: float, b: float, c: float, out: NDArray[np.float64]
) -> None:
    for i in range(margin.shape[0]):
        out[i] = calibrate(margin[i], a, b, c)


@kernel
def _exp_nonpositive(x: float) -> float:
    """e^x for x ≤ 0: 2^k times the Taylor sum of the rest, which lies within ±ln 2 / 2."""
    x = max(x, _EXPONENT_FLOOR)
    k = np.floor(x * _LOG2_E + 0.5)
    r = (x - k * _LN2_HIGH) - k * _LN2_LOW
    total = 0.0
    for coefficient in _EXP_SERIES:
        total = total * r + coefficient
    return math.ldexp(total, int(k))


@kernel
def _log1p_unit(e: float) -> float:
    """ln(1 + e) for 0 ≤ e ≤ 1, as 2·artanh(e / (2 + e)), whose series falls by a factor of 9 a term."""
    z = e / (2.0 + e)
    square = z * z
    total = 0.0
    for coefficient in _ARTANH_SERIES:
        total = total * square + coefficient
    return 2.0 * z * total
