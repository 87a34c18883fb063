"""The file of a case as a page and as a PDF."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib.resources import files
from typing import Any

from flask import render_template
from fpdf import FPDF
from fpdf.enums import WrapMode, XPos, YPos

from dashboard import words
from dashboard.case_file import CaseFile
from dashboard.case_head import DISPOSITION_WORDS, STATE_WORDS, reason_code_words
from fraud.case import Case

__all__ = ["facts", "report_html", "report_pdf"]

FONTS = files("matplotlib") / "mpl-data" / "fonts" / "ttf"
"""DejaVu comes with matplotlib, so that any letter prints without fonts of the system."""

REPORTED = {True: "fraud", False: "no fraud"}
MARGIN = 14.0
SMALL, PLAIN, HEADING, TITLE = 6.5, 9.5, 12.0, 16.0


def facts(case: Case, currency: str) -> list[tuple[str, str]]:
    """The case in names and values."""
    decided = DISPOSITION_WORDS[case.disposition][2:] if case.disposition else "–"
    return [
        ("Subject", f"{case.subject.value} {case.subject_id}"),
        ("Pattern", words.pattern(case.kind)),
        ("Severity", case.severity.value),
        ("Score", words.percent(case.score)),
        ("Suspicious money", words.money(case.money, currency)),
        ("Money at risk", words.money(case.at_risk, currency)),
        ("Evidence", f"{words.moment(case.first_seen)} to {words.moment(case.last_seen)} UTC"),
        ("State", STATE_WORDS[case.state][2:]),
        ("With", case.assignee or "–"),
        ("Decision", f"{decided}, {reason_code_words(case)}" if case.disposition else "–"),
        ("Decided by", case.decided_by or "–"),
        ("Opened", f"{words.moment(case.opened_at)} UTC"),
        ("Closed", f"{words.moment(case.closed_at)} UTC" if case.closed_at else "–"),
    ]


def report_html(file: CaseFile) -> str:
    """A page that stands alone and prints well; whatever people wrote is escaped."""
    reported = {label.transaction_id: REPORTED[label.is_fraud] for label in file.labels}
    return render_template(
        "case_report.html", file=file, facts=facts(file.case, file.currency), reported=reported, words=words
    )


def report_pdf(file: CaseFile) -> bytes:
    """The same on A4."""
    pdf = _Report(file)
    pdf.title_line(f"Case {file.case.case_id}: {words.pattern(file.case.kind)}")
    pdf.paragraph(
        f"Made at {words.moment(file.made_at)} UTC by {file.made_by}. Times are UTC, money is {file.currency}; "
        "accounts, devices and addresses are tokens."
    )
    pdf.heading("What happened")
    for told in file.narrative:
        pdf.paragraph(told)
    pdf.heading("Facts")
    pdf.rows(None, facts(file.case, file.currency), (30, 70))
    pdf.heading("Members")
    members = (
        (m.member_id, m.kind.value, m.role, words.percent(m.score), words.moment(m.joined_at))
        for m in file.members
    )
    pdf.rows(("Member", "Kind", "Role", "Score", "Joined"), members, (40, 12, 22, 10, 16))
    pdf.heading("Transactions")
    if file.omitted:
        pdf.paragraph(f"{file.omitted:,} more are left out or not on record.")
    pdf.rows(
        ("Time", "Transaction", "Payer", "Payee", "Amount", "Score", "Decision"),
        (
            (
                words.moment(t.event_time),
                t.transaction_id,
                t.account_id,
                t.merchant_id or t.counterparty_id or "–",
                f"{t.amount:,.2f}",
                "–" if t.score is None else words.percent(t.score),
                t.outcome.value if t.outcome else "–",
            )
            for t in file.transactions
        ),
        (13, 20, 23, 19, 10, 7, 8),
    )
    pdf.heading("Evidence")
    pdf.paragraph(f"SHA-256 of the transactions above as in the data export: {file.evidence_sha256}")
    pdf.rows(
        ("File", "Bytes", "SHA-256", "By"),
        ((one.name, f"{one.size:,}", one.sha256, one.by) for one in file.attachments),
        (25, 10, 50, 15),
    )
    pdf.heading("History")
    pdf.rows(
        ("Time", "Step", "By", "Said"),
        ((words.moment(e.at), e.step.value, e.by or "Ringfence", e.text) for e in file.history),
        (16, 12, 14, 58),
    )
    pdf.heading("Audit trail")
    pdf.rows(
        ("No.", "Time", "By", "Act", "SHA-256"),
        ((str(e.number), words.moment(e.at), e.by, e.act, e.hash) for e in file.audit),
        (6, 14, 14, 16, 50),
    )
    return bytes(pdf.output())


class _Report(FPDF):
    """A4 pages with numbers."""

    def __init__(self, file: CaseFile) -> None:
        super().__init__(format="A4")
        self._name = f"Case {file.case.case_id}, Ringfence"
        self.set_title(self._name)
        self.set_lang("en")
        self.add_font("DejaVu", "", str(FONTS / "DejaVuSans.ttf"))
        self.add_font("DejaVu", "B", str(FONTS / "DejaVuSans-Bold.ttf"))
        self.set_margin(MARGIN)
        self.set_auto_page_break(True, MARGIN + 4)
        self.add_page()

    def footer(self) -> None:
        self.set_y(-MARGIN)
        self.set_font("DejaVu", size=SMALL + 1)
        self.cell(0, 6, f"{self._name} – page {self.page_no()}", align="C")

    def title_line(self, text: str) -> None:
        self._line(text, "B", TITLE, 9)

    def heading(self, text: str) -> None:
        self.ln(3)
        self._line(text, "B", HEADING, 7)

    def paragraph(self, text: str) -> None:
        self._line(text, "", PLAIN, 5)
        self.ln(1)

    def rows(
        self, names: Sequence[str] | None, found: Iterable[Sequence[str]], widths: tuple[int, ...]
    ) -> None:
        """A table; a note where it has no rows."""
        lines = list(found)
        if not lines:
            self.paragraph("None.")
            return
        self.set_font("DejaVu", size=SMALL)
        layout: dict[str, Any] = {
            "col_widths": widths,
            "line_height": 3.6,
            "borders_layout": "HORIZONTAL_LINES",
            "first_row_as_headings": names is not None,
            "wrapmode": "CHAR",
        }
        with self.table(**layout) as table:
            for line in ([names] if names else []) + lines:
                row = table.row()
                for cell in line:
                    row.cell(cell)

    def _line(self, text: str, style: str, size: float, height: float) -> None:
        self.set_font("DejaVu", style, size)
        self.multi_cell(
            0,
            height,
            text,
            wrapmode=WrapMode.WORD if " " in text else WrapMode.CHAR,
            new_x=XPos.LMARGIN,
            new_y=YPos.NEXT,
        )
