"""Values of features in plain words, by their unit."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from graph.events import CHANNELS

__all__ = ["UNKNOWN", "tell"]

UNKNOWN = "none known"
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def tell(unit: str, value: float) -> str:
    """A value in one of the ``_UNITS``; NaN means that there is none."""
    if math.isnan(value):
        return UNKNOWN
    return "beyond measure" if math.isinf(value) else _UNITS[unit](value)


def _number(value: float) -> str:
    if value == round(value):
        return f"{value:,.0f}"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.1f}" if abs(value) >= 10 else f"{value:.2g}"


def _estimate(value: float) -> str:
    """A whole number that was estimated (``graph.kernels.windows``); none and one are told apart for certain."""
    return f"about {value:,.0f}" if value >= 1.5 else f"{value:,.0f}"


def _duration(hours: float) -> str:
    minutes = hours * 60.0
    if minutes < 1.5:
        return f"{_number(round(minutes * 60.0))} seconds"
    if hours < 2.0:
        return f"{_number(round(minutes))} minutes"
    return f"{_number(round(hours))} hours" if hours < 48.0 else f"{_number(round(hours / 24.0))} days"


def _clock(hour: float) -> str:
    minutes = int(hour * 60.0) % (24 * 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def _channel(code: float) -> str:
    """Inverse of ``graph.events.channel_code`` for the channels it has names for."""
    if code == 0:
        return "none given"
    return CHANNELS[int(code) - 1].replace("_", " ") if 1 <= code <= len(CHANNELS) else "an unusual one"


_UNITS: Mapping[str, Callable[[float], str]] = {
    "count": _number,
    "number": _number,
    "estimate": _estimate,
    "code": lambda value: f"{value:04.0f}",
    "money": lambda value: f"{value:,.2f}",
    "log money": lambda value: f"{math.expm1(min(value, 700.0)):,.2f}",
    "share": lambda value: f"{value:.0%}" if value >= 0.01 or value <= 0 else f"{value:.2%}",
    "ratio": lambda value: f"{_number(value)} times",
    "deviations": lambda value: (
        f"{_number(abs(value))} standard deviations {'above' if value >= 0 else 'below'}"
    ),
    "hours": _duration,
    "days": lambda value: _duration(value * 24.0),
    "km": lambda value: f"{_number(value)} km",
    "km/h": lambda value: f"{_number(value)} km/h",
    "channel": _channel,
    "clock": _clock,
    "weekday": lambda value: _WEEKDAYS[int(value) % 7],
}
