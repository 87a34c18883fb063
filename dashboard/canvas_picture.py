"""The picture of a page's canvas, at an address made of the page's own.

The answer to the page names it as something to load early, so that it is worked out while the scripts are read and the
page is put together, and not after them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import msgspec
from dash import Dash
from dash.development.base_component import Component
from flask import Response, request

from dashboard.canvas_elements import drawing
from dashboard.canvas_source import NEAR, RING, About, banner, read
from dashboard.desk import Desk, notice, trouble
from fraud.access import Permission
from fraud.alert import Subject
from fraud.cases import Cases
from fraud.errors import RingfenceError
from fraud.ring import NodeKind

__all__ = ["register_picture"]

PREFIX = "/_canvas"
"""Before the page's address; ``assets/canvas.js`` knows it too."""

PAGES = ("/case/", "/ring/", "/entity/")
ANY_PAGE = "/<path:path>"
"""Endpoint that Dash answers for all pages but the first."""

Find = Callable[[], About | None]
"""Looks up what a canvas is about; None: there is no such thing."""


def register_picture(app: Dash, desk: Desk) -> None:
    """Add the pictures of cases, rings and entities, and name them in the answers to their pages."""
    cases = Cases(desk.record)

    def of_case(case_id: str) -> Response:
        return _answer(desk, lambda: _about_case(cases, case_id))

    def of_ring(ring_id: str) -> Response:
        return _answer(desk, lambda: About(RING, ring_id))

    def of_entity(kind: str, node_id: str) -> Response:
        return _answer(desk, lambda: About(kind, node_id) if kind in set(NodeKind) else None)

    desk.guard.route(f"{PREFIX}/case/<case_id>", Permission.VIEW, of_case)
    desk.guard.route(f"{PREFIX}/ring/<path:ring_id>", Permission.VIEW, of_ring)
    desk.guard.route(f"{PREFIX}/entity/<kind>/<path:node_id>", Permission.VIEW, of_entity)
    app.server.after_request(_name_the_picture)


def _about_case(cases: Cases, case_id: str) -> About | None:
    case = cases.case(case_id)
    return (
        None if case is None else About(RING if case.subject is Subject.RING else "account", case.subject_id)
    )


def _answer(desk: Desk, find: Find) -> Response:
    body = msgspec.json.encode(_picture(desk, find, request.args.get("scope", NEAR)), enc_hook=_component)
    return Response(body, mimetype="application/json")


def _picture(desk: Desk, find: Find, scope: str) -> dict[str, Any]:
    """Elements with their places, the span of the replay, and what there is to say above them."""
    try:
        about = find()
        if about is None:
            return {"elements": [], "span": None, "note": None}
        found = read(desk, about, scope)
    except RingfenceError as error:
        return {"elements": [], "span": None, "note": trouble(error)}
    if not found.subgraph.nodes:
        nothing = notice(
            "Nothing to draw", "Neither the graph store nor the record knows anything of it yet."
        )
        return {"elements": [], "span": None, "note": nothing}
    return {**drawing(found.subgraph, found.marks, desk.currency), "note": banner(found.note)}


def _component(value: Any) -> Any:
    """Parts of a page within the answer, as Dash's own answers have them."""
    if isinstance(value, Component):
        return value.to_plotly_json()
    raise NotImplementedError(f"{type(value)} has no place in a picture")


def _name_the_picture(response: Response) -> Response:
    if request.endpoint == ANY_PAGE and request.path.startswith(PAGES) and response.mimetype == "text/html":
        address = PREFIX + quote(request.path)
        response.headers.add("Link", f"<{address}>; rel=preload; as=fetch; crossorigin")
    return response
