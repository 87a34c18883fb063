"""Where and what the welfare preset pays: Indian districts, schemes, and positions that cannot be true."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["BOUNDS", "DISTRICTS", "PLANTED_POSITIONS", "SCHEMES", "District", "Scheme"]

BOUNDS = (6.7, 35.7, 68.1, 97.4)
"""Least and greatest latitude, least and greatest longitude of the country, degrees."""

PLANTED_POSITIONS: tuple[tuple[float, float], ...] = (
    (0.0, 0.0),
    (12.5, 88.3),
    (15.0, 66.0),
    (28.61, -77.21),
    (77.21, 28.61),
    (51.5, -0.12),
)
"""Outliers that the preset plants: no position at all, two at sea, a lost sign, swapped axes, another country."""


@dataclass(frozen=True, slots=True)
class District:
    """A district with its centroid in degrees and its share of people, relative to the others."""

    state: str
    name: str
    latitude: float
    longitude: float
    weight: float


@dataclass(frozen=True, slots=True)
class Scheme:
    """A scheme: share of people enrolled, days between payments, and rupees paid (median, log spread)."""

    name: str
    enrolled: float
    period: int
    median: float
    spread: float


SCHEMES: tuple[Scheme, ...] = (
    Scheme("PM-KISAN", 0.45, 120, 2000.0, 0.0),
    Scheme("MGNREGA", 0.4, 14, 1900.0, 0.45),
    Scheme("Pension", 0.3, 30, 700.0, 0.5),
    Scheme("LPG subsidy", 0.55, 30, 240.0, 0.15),
)

DISTRICTS: tuple[District, ...] = (
    District("Uttar Pradesh", "Sitapur", 27.57, 80.68, 3.0),
    District("Uttar Pradesh", "Gorakhpur", 26.76, 83.37, 2.6),
    District("Uttar Pradesh", "Jhansi", 25.45, 78.57, 1.6),
    District("Bihar", "Gaya", 24.80, 85.00, 2.6),
    District("Bihar", "Darbhanga", 26.15, 85.90, 2.4),
    District("Rajasthan", "Barmer", 25.75, 71.39, 1.5),
    District("Rajasthan", "Udaipur", 24.58, 73.71, 1.6),
    District("Madhya Pradesh", "Chhindwara", 22.06, 78.94, 1.4),
    District("Madhya Pradesh", "Rewa", 24.53, 81.30, 1.4),
    District("Maharashtra", "Nanded", 19.14, 77.32, 1.7),
    District("Maharashtra", "Solapur", 17.66, 75.91, 1.8),
    District("Gujarat", "Banaskantha", 24.17, 72.43, 1.4),
    District("Gujarat", "Dahod", 22.84, 74.25, 1.1),
    District("West Bengal", "Murshidabad", 24.18, 88.27, 2.4),
    District("West Bengal", "Bankura", 23.23, 87.07, 1.5),
    District("Odisha", "Koraput", 18.81, 82.71, 0.9),
    District("Odisha", "Balangir", 20.71, 83.49, 0.9),
    District("Jharkhand", "Dumka", 24.27, 87.25, 0.9),
    District("Chhattisgarh", "Bastar", 19.11, 81.95, 0.8),
    District("Telangana", "Warangal", 17.97, 79.59, 1.3),
    District("Andhra Pradesh", "Anantapur", 14.68, 77.60, 1.7),
    District("Andhra Pradesh", "Srikakulam", 18.45, 83.75, 1.0),
    District("Karnataka", "Kalaburagi", 17.33, 76.83, 1.2),
    District("Karnataka", "Tumakuru", 13.34, 77.10, 1.2),
    District("Tamil Nadu", "Tiruvannamalai", 12.23, 79.07, 1.2),
    District("Tamil Nadu", "Dindigul", 10.37, 77.98, 1.1),
    District("Kerala", "Palakkad", 10.78, 76.65, 1.2),
    District("Assam", "Barpeta", 26.32, 91.00, 0.9),
    District("Tripura", "Dhalai", 23.93, 91.85, 0.4),
    District("Himachal Pradesh", "Mandi", 31.71, 76.93, 0.5),
    District("Uttarakhand", "Almora", 29.60, 79.66, 0.5),
    District("Punjab", "Sangrur", 30.25, 75.84, 0.8),
    District("Haryana", "Hisar", 29.15, 75.72, 0.8),
    District("Jammu and Kashmir", "Anantnag", 33.73, 75.15, 0.5),
)
