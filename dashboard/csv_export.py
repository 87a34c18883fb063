"""Tables as CSV files that a spreadsheet opens without running anything, each download on the audit trail."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from flask import Response

from dashboard.desk import Desk
from fraud.audit_trail import append
from fraud.database import store_errors, writing

__all__ = ["csv_answer", "safe_cell"]

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""What makes a spreadsheet take text for a formula (OWASP, CSV injection); the full-width signs count as well."""


def safe_cell(value: Any) -> Any:
    """A text that begins like a formula gets an apostrophe before it; numbers stay as they are, None becomes empty."""
    if value is None:
        return ""
    if isinstance(value, str) and value.lstrip(" ").startswith(FORMULA_STARTS):
        return f"'{value}"
    return value


def csv_answer(
    desk: Desk,
    name: str,
    header: Sequence[str],
    rows: Iterable[Sequence[Any]],
    chosen: Mapping[str, Any],
) -> Response:
    """The table as a file ``name``.csv; ``chosen`` are the filters, which the audit trail keeps beside the name."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(header)
    written = 0
    for row in rows:
        writer.writerow([safe_cell(cell) for cell in row])
        written += 1
    with store_errors("write"), desk.record.engine.connect() as connection, writing(connection):
        append(connection, desk.guard.person(), "export", f"table {name}", {"rows": written, **chosen})
    # The mark at the beginning tells spreadsheets that the text is UTF-8.
    answer = Response("﻿" + text.getvalue(), mimetype="text/csv")
    answer.headers["Content-Disposition"] = f'attachment; filename="ringfence-{name}.csv"'
    return answer
