"""Text that fits one segment of a text message: the GSM alphabet (3GPP TS 23.038), 160 septets."""

from __future__ import annotations

import unicodedata

__all__ = ["SEGMENT", "fitting", "gsm", "septets"]

SEGMENT = 160
BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENDED = frozenset("^{}\\[~]|€")
"""Each takes two septets."""

PLAIN = str.maketrans(
    {"…": "..", "–": "-", "—": "-", "‘": "'", "’": "'", "“": '"', "”": '"', "×": "x", "\u00a0": " "}
)


def gsm(text: str) -> str:
    """The text in the GSM alphabet: accents that it lacks are left off, all else that it lacks becomes ``?``.

    One letter outside it would turn the whole message into segments of 70.
    """
    return " ".join("".join(_letter(letter) for letter in text.translate(PLAIN)).split())


def _letter(letter: str) -> str:
    if letter.isspace():
        return " "
    if letter in BASIC or letter in EXTENDED:
        return letter
    plain = unicodedata.normalize("NFKD", letter)[0]
    return plain if plain in BASIC else "?"


def septets(text: str) -> int:
    """How much of a segment a text in the GSM alphabet takes."""
    return sum(2 if letter in EXTENDED else 1 for letter in text)


def fitting(text: str, room: int) -> str:
    """The longest beginning of a text in the GSM alphabet that takes no more than so many septets."""
    taken = 0
    for i, letter in enumerate(text):
        taken += 2 if letter in EXTENDED else 1
        if taken > room:
            return text[:i]
    return text
