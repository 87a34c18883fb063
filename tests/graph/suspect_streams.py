"""Suspicions with few accounts and things, so that rings form, meet, merge and fall apart within a few of them."""

from __future__ import annotations

from hypothesis import strategies as st

from graph.layout import DAY, HOUR
from graph.suspects import Suspect, Tie, TieKind

START = 20_000 * DAY
ACCOUNTS = tuple("abcdefghij")
THINGS = tuple(
    Tie(kind, f"{kind.value}-{number}")
    for kind in (TieKind.DEVICE, TieKind.IP, TieKind.MERCHANT)
    for number in range(3)
)
GAPS = (0, HOUR, HOUR, HOUR, 12 * HOUR, 5 * DAY, 16 * DAY)


def device(name: str, users: float) -> tuple[Tie, float]:
    return Tie(TieKind.DEVICE, name), users


def suspect(
    number: int,
    account: str,
    *touches: tuple[Tie, float],
    at: int | None = None,
    score: float = 0.5,
    new: bool = False,
) -> Suspect:
    time = START + number * HOUR if at is None else at
    return Suspect(f"t{number}", time, score, 100.0, account, touches, new)


@st.composite
def suspect_streams(draw: st.DrawFn, *, longest: int = 40) -> list[Suspect]:
    """In event order."""
    now, made = START, []
    for number in range(draw(st.integers(1, longest))):
        now += draw(st.sampled_from(GAPS))
        account = draw(st.sampled_from(ACCOUNTS))
        things = draw(st.sets(st.sampled_from(THINGS), max_size=2))
        touches = [(thing, draw(st.sampled_from((2.0, 3.0, 8.0)))) for thing in sorted(things)]
        payee = draw(st.none() | st.sampled_from(ACCOUNTS))
        if payee not in (None, account):
            touches.append((Tie(TieKind.ACCOUNT, str(payee)), 2.0))
        score = draw(st.sampled_from((0.02, 0.1, 0.9)))
        made.append(suspect(number, account, *touches, at=now, score=score))
    return made
