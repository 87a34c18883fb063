"""Streams of suspicions with few accounts and things, so that rings form, merge and grow within a few of them."""

from __future__ import annotations

from hypothesis import strategies as st

from fraud.decision import Reason
from graph.suspects import Suspect, Tie, TieKind
from stream.suspicion import Suspicion

HOUR = 3_600_000_000
START = 19_800 * 24 * HOUR
GAPS = (0, 1, HOUR, 24 * HOUR, 9 * 24 * HOUR, 31 * 24 * HOUR)
ACCOUNTS = tuple(f"a_{number}" for number in range(7))
THINGS = tuple(
    Tie(kind, f"{kind.value}-{number}")
    for kind in (TieKind.DEVICE, TieKind.IP, TieKind.MERCHANT)
    for number in range(2)
)


@st.composite
def streams_of_suspicions(draw: st.DrawFn, *, longest: int = 40) -> list[Suspicion]:
    """In event order but for a few that are late; equal scores, amounts and times are common."""
    now, made = START, []
    for number in range(draw(st.integers(0, longest))):
        now += draw(st.sampled_from(GAPS))
        account = draw(st.sampled_from(ACCOUNTS))
        things = draw(st.sets(st.sampled_from(THINGS), max_size=3))
        touches = [(thing, draw(st.sampled_from((1.0, 2.0, 5.0)))) for thing in sorted(things, key=str)]
        payee = draw(st.none() | st.sampled_from(ACCOUNTS))
        if payee not in (None, account):
            touches.append((Tie(TieKind.ACCOUNT, str(payee)), 2.0))
        score = draw(st.sampled_from((0.15, 0.3, 0.9)))
        made.append(
            Suspicion(
                Suspect(
                    transaction_id=f"t-{number}",
                    time=now - draw(st.sampled_from((0, 0, 0, HOUR))),
                    score=score,
                    amount=draw(st.sampled_from((5.0, 20.0, 900.0))),
                    account=account,
                    touches=tuple(touches),
                ),
                reasons=(Reason("amount", "Much more than usual", score, 1.5),),
                marks=score >= 0.2,
            )
        )
    return made
