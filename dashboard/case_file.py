"""The file of a case as the basis of a suspicious-activity filing: facts, narrative, members, transactions, hashes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from dashboard.case_head import DISPOSITION_WORDS, NOUNS, STATE_WORDS, reason_code_words
from dashboard.desk import Desk
from dashboard.words import count, moment, money, pattern, percent
from fraud.alert import Alert, Subject
from fraud.audit_trail import AuditEntry, entries
from fraud.case import Attachment, Case, CaseEvent, CaseStep
from fraud.cases import Cases
from fraud.decision import Outcome, Reason
from fraud.label import Label
from fraud.record_rows import DecidedTransaction
from fraud.ring import NodeKind, RingMember

__all__ = ["CaseFile", "case_file"]

MOST_TRANSACTIONS = 5_000
MOST_AUDIT = 1_000


class CaseFile(msgspec.Struct, frozen=True):
    """All that a report tells of a case at the moment it was made. Identifiers are tokens.

    ``evidence_sha256`` is over the transactions as JSON, in their order; ``omitted`` counts transactions left out.
    """

    made_at: datetime
    made_by: str
    currency: str
    case: Case
    narrative: tuple[str, ...]
    reasons: tuple[Reason, ...]
    members: tuple[RingMember, ...]
    transactions: tuple[DecidedTransaction, ...]
    omitted: int
    labels: tuple[Label, ...]
    evidence_sha256: str
    attachments: tuple[Attachment, ...]
    history: tuple[CaseEvent, ...]
    audit: tuple[AuditEntry, ...]


def case_file(desk: Desk, cases: Cases, case: Case) -> CaseFile:
    """Gather the file of a case; raises StoreError."""
    alert = desk.record.alert(case.alert_id)
    ids = cases.evidence_ids(case.case_id)
    transactions = tuple(desk.record.transactions(ids[:MOST_TRANSACTIONS]))
    labels = desk.record.labels([t.transaction_id for t in transactions])
    trail = entries(desk.record.engine, subject=f"case {case.case_id}", limit=MOST_AUDIT)
    return CaseFile(
        made_at=datetime.now(UTC),
        made_by=desk.guard.person().name,
        currency=desk.currency,
        case=case,
        narrative=tuple(_narrative(case, alert, transactions, desk.currency)),
        reasons=alert.reasons if alert else (),
        members=alert.members if alert else (),
        transactions=transactions,
        omitted=len(ids) - len(transactions),
        labels=tuple(reports[-1] for reports in labels.values()),
        evidence_sha256=hashlib.sha256(msgspec.json.encode(transactions, order="sorted")).hexdigest(),
        attachments=tuple(cases.attachments(case.case_id)),
        history=tuple(event for event in cases.events(case.case_id) if event.step is not CaseStep.DELIVERY),
        audit=tuple(reversed(trail)),
    )


def _narrative(
    case: Case, alert: Alert | None, transactions: Sequence[DecidedTransaction], currency: str
) -> list[str]:
    """Who, what, when, how and what was decided, a paragraph each, from the record alone."""
    told = [_who(case, alert)]
    if transactions:
        told.append(_what(transactions, currency))
    if alert and alert.reasons:
        told.append(f"It was raised because: {'; '.join(reason.text for reason in alert.reasons)}.")
    told.append(_standing(case))
    return told


def _who(case: Case, alert: Alert | None) -> str:
    since = f"between {moment(case.first_seen)} and {moment(case.last_seen)} UTC"
    if case.subject is Subject.ACCOUNT:
        return (
            f"Case {case.case_id} is about the account {case.subject_id}, whose payments were found suspicious "
            f"{since} ({pattern(case.kind).lower()}). Its score is {percent(case.score)}."
        )
    counts = {kind: sum(m.kind is kind for m in alert.members) for kind in NodeKind} if alert else {}
    members = ", ".join(count(n, *NOUNS[kind]) for kind, n in counts.items() if n) or f"{case.size:,} members"
    return (
        f"Case {case.case_id} is about the ring {case.subject_id} ({pattern(case.kind).lower()}): {members} that acted "
        f"together {since}. Its score is {percent(case.score)}."
    )


def _what(transactions: Sequence[DecidedTransaction], currency: str) -> str:
    outcomes = {outcome: sum(t.outcome is outcome for t in transactions) for outcome in Outcome}
    decided = ", ".join(f"{n:,} {WENT[outcome]}" for outcome, n in outcomes.items() if n)
    payers = {t.account_id for t in transactions}
    payees = {t.merchant_id or t.counterparty_id for t in transactions} - {None}
    largest = max(transactions, key=lambda t: t.amount)
    return (
        f"The evidence is {count(len(transactions), 'transaction', 'transactions')} of "
        f"{money(sum(t.amount for t in transactions), currency)} in all, by "
        f"{count(len(payers), 'payer', 'payers')} to {count(len(payees), 'payee', 'payees')}, from "
        f"{moment(min(t.event_time for t in transactions))} to {moment(max(t.event_time for t in transactions))} UTC; "
        f"{decided or 'none was decided'}. The largest is {money(largest.amount, currency)} "
        f"(transaction {largest.transaction_id})."
    )


WENT = {Outcome.APPROVE: "went through", Outcome.REVIEW: "held for review", Outcome.BLOCK: "blocked"}


def _standing(case: Case) -> str:
    opened = f"The case was opened at {moment(case.opened_at)} UTC"
    has = f" and is with {case.assignee}" if case.assignee and case.is_open else ""
    if case.disposition is None:
        return f"{opened}{has}. It stands as: {STATE_WORDS[case.state][2:].lower()}; nothing is decided yet."
    decided = DISPOSITION_WORDS[case.disposition][2:].lower()
    end = (
        f" and closed at {moment(case.closed_at)} UTC"
        if case.closed_at
        else "; a second person is to approve it"
    )
    return f"{opened}. It was decided as {decided} ({reason_code_words(case)}) by {case.decided_by}{end}."
