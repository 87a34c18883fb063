"""How far the labels of a case moved the scores of the accounts around it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

import dash_mantine_components as dmc
from dash import dcc, html

from dashboard.desk import notice
from dashboard.words import count, moment, percent
from fraud.standing_scores import StandingScore, StandingScores

__all__ = ["moved_stamp", "neighbours_moved", "standing_line"]

MOST = 50
"""Accounts shown: each line is a dozen components, which a browser weighs at every act on the page."""


def neighbours_moved(scores: StandingScores, case_id: str) -> Any:
    """The accounts that were looked at again because of a case, or what that waits for; raises StoreError."""
    moved = scores.moved_by(case_id)
    if moved:
        return html.Div([_table(moved[:MOST]), _more(len(moved))])
    waiting = scores.labels_waiting(case_id)
    if waiting:
        return notice(
            "On its way",
            f"{count(waiting, 'label waits', 'labels wait')} for a worker; it moves the scores within seconds.",
        )
    rescoring = scores.rescoring(case_id)
    if rescoring is not None and rescoring.done_at is None:
        return notice("On its way", "The neighbourhood is being scored again.")
    return notice(
        "No scores moved",
        "A decision of fraud, or of a false positive, scores the accounts around the case again.",
    )


def moved_stamp(scores: StandingScores, case_id: str) -> list[str]:
    """What tells whether ``neighbours_moved`` would say anything else by now, without reading the scores."""
    rescoring = scores.rescoring(case_id)
    times = (None, None) if rescoring is None else (rescoring.begun_at, rescoring.done_at)
    return [str(scores.labels_waiting(case_id)), *map(str, times)]


def standing_line(one: StandingScore) -> str:
    """One account's standing in words."""
    now = "–" if one.score_now is None else percent(one.score_now)
    return f"{now}, was {percent(one.score_before)} before {one.because_of}"


def _table(moved: Sequence[StandingScore]) -> Any:
    names = ("Account", "Before", "Now", "Moved", "Its latest payment", "At, UTC")
    rows = [
        html.Tr(
            [
                html.Td(
                    dcc.Link(
                        one.account_id,
                        href=f"/entity/account/{quote(one.account_id, safe='')}",
                        className="link id",
                    )
                ),
                html.Td(percent(one.score_before), className="number"),
                html.Td("–" if one.score_now is None else percent(one.score_now), className="number"),
                html.Td(f"{'▲' if one.moved > 0 else '▼' if one.moved < 0 else '='} {abs(one.moved):.1%}"),
                html.Td(one.transaction_id, className="id"),
                html.Td(moment(one.rescored_at)),
            ]
        )
        for one in moved
    ]
    head = html.Tr([html.Th(name) for name in names])
    table = html.Table([html.Thead(head), html.Tbody(rows)], className="plain-table")
    return html.Div(table, className="scrolls", tabIndex="0")


def _more(number: int) -> Any:
    if number <= MOST:
        return None
    return dmc.Text(f"The {MOST} that moved most of {number:,}.", size="sm", c="dimmed")
