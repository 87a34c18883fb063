"""Reports, data and files of a case as downloads; each leaves a line in the audit trail."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from urllib.parse import quote

import msgspec
from flask import Response, abort

from dashboard.case_file import CaseFile, case_file
from dashboard.case_report import report_html, report_pdf
from dashboard.desk import Desk
from fraud.access import Permission
from fraud.audit_trail import append
from fraud.case import Case
from fraud.cases import Cases
from fraud.database import store_errors, writing

__all__ = ["register_exports"]


def register_exports(desk: Desk, cases: Cases) -> None:
    """Add the routes below ``/case/<case_id>``."""
    for name, media_type, make in FORMATS:

        def export(
            case_id: str,
            name: str = name,
            media_type: str = media_type,
            make: Callable[[CaseFile], bytes] = make,
        ) -> Response:
            case = _case(cases, case_id)
            content = make(case_file(desk, cases, case))
            return _sent(desk, case, name, media_type, content, inline=name.endswith(".html"))

        desk.guard.route(f"/case/<case_id>/{name}", Permission.VIEW, export)

    def attached(case_id: str, attachment_id: str) -> Response:
        case = _case(cases, case_id)
        found = cases.attachment(int(attachment_id)) if attachment_id.isdecimal() else None
        if found is None or found[0].case_id != case.case_id:
            abort(404, "There is no such file with this case.")
        # Whatever it says it is, a browser is to save it, not to open it here.
        return _sent(desk, case, found[0].name, "application/octet-stream", found[1], inline=False)

    desk.guard.route("/case/<case_id>/file/<attachment_id>", Permission.VIEW, attached)


FORMATS: tuple[tuple[str, str, Callable[[CaseFile], bytes]], ...] = (
    ("report.html", "text/html; charset=utf-8", lambda file: report_html(file).encode()),
    ("report.pdf", "application/pdf", report_pdf),
    ("data.json", "application/json", lambda file: msgspec.json.format(msgspec.json.encode(file))),
)


def _case(cases: Cases, case_id: str) -> Case:
    return cases.case(case_id) or abort(404, "There is no such case.")


def _sent(desk: Desk, case: Case, name: str, media_type: str, content: bytes, *, inline: bool) -> Response:
    detail = {"file": name, "sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    with store_errors("write"), desk.record.engine.connect() as connection, writing(connection):
        append(connection, desk.guard.person(), "case.export", f"case {case.case_id}", detail)
    response = Response(content, content_type=media_type)
    saved = quote(f"{case.case_id} {name}", safe="")
    kind = "inline" if inline else "attachment"
    response.headers["Content-Disposition"] = f"{kind}; filename*=UTF-8''{saved}"
    return response
