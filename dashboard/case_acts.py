"""What people do to a case on its page. Roles, versions and the audit are the business of ``fraud.cases``."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from dash import ClientsideFunction, Dash, Input, Output, State, no_update

from dashboard.case_head import case_head
from dashboard.case_story import files, related, story
from dashboard.desk import Desk, notice, trouble
from fraud.access import Permission, Person
from fraud.case import Case, Disposition
from fraud.cases import Cases
from fraud.errors import InputError, RingfenceError

__all__ = ["SHOWN", "register_acts"]

SHOWN = ("case-head", "case-story", "case-related", "case-files", "case-said")
"""Parts of the page that an act changes, in the order of the outputs."""

Act = Callable[[Person], Case]


class _Acts:
    """Carries acts out, and shows the case as it stands afterwards."""

    def __init__(self, desk: Desk, cases: Cases) -> None:
        self.desk = desk
        self.cases = cases

    def do(self, case_id: str, act: Act, *, closes: int = 0) -> Any:
        """The changed parts of the page; ``closes`` dialogs follow, which stay open where the act was refused."""
        try:
            act(self.desk.guard.person())
        except InputError as error:
            refusal = notice("Not done", f"{error}.", colour="yellow")
            return (*self.parts(case_id, refusal), *([no_update] * closes))
        except RingfenceError as error:
            return (*([no_update] * 5), trouble(error), *([no_update] * closes))
        return (*self.parts(case_id, None), *([False] * closes))

    def parts(self, case_id: str, said: Any) -> tuple[Any, ...]:
        """Stamp and the parts of ``SHOWN``."""
        case = self.cases.case(case_id)
        if case is None:
            return (*([no_update] * 5), notice("No such case", "It is no longer on record."))
        alert = self.desk.record.alert(case.alert_id)
        return (
            stamp(case),
            case_head(case, alert, self.desk.guard.person(), self.desk.currency),
            story(self.cases.events(case_id)),
            related(self.cases.related(case_id)),
            files(self.cases.attachments(case_id)),
            said,
        )


def stamp(case: Case) -> dict[str, Any]:
    """What the page knows the case by: the version that its acts are decided on, and when it last changed."""
    return {"version": case.version, "updated": case.updated_at.isoformat()}


def register_acts(app: Dash, desk: Desk, cases: Cases) -> None:
    """Add the callbacks of the buttons and dialogs."""
    acts = _Acts(desk, cases)
    _register_dialogs(app)
    _register_simple(desk, acts)
    _register_decisions(desk, acts)
    _register_notes(desk, acts)

    @desk.guard.callback(
        Permission.VIEW,
        *_outputs(),
        Input("case-clock", "n_intervals"),
        State("case-id", "data"),
        State("case-stamp", "data"),
        prevent_initial_call=True,
    )
    def look_again(_: int, case_id: str, known: dict[str, Any]) -> Any:
        case = cases.case(case_id)
        if case is None or stamp(case) == known:
            return (no_update,) * 6
        return acts.parts(
            case_id, notice("It changed", "Somebody else, or a newer alert, changed this case just now.")
        )


def _outputs() -> list[Output]:
    parts = (Output(part, "children", allow_duplicate=True) for part in SHOWN)
    return [Output("case-stamp", "data", allow_duplicate=True), *parts]


def _closing(name: str) -> Output:
    return Output(f"case-{name}-dialog", "opened", allow_duplicate=True)


ABOUT = (State("case-id", "data"), State("case-stamp", "data"))


def _register_dialogs(app: Dash) -> None:
    app.clientside_callback(
        ClientsideFunction("ringfence_case", "decide"),
        Output("case-decide-dialog", "opened"),
        Output("case-disposition", "value"),
        Input("case-confirm", "n_clicks"),
        Input("case-dismiss", "n_clicks"),
        Input("case-decide", "n_clicks"),
        prevent_initial_call=True,
    )
    app.clientside_callback(
        ClientsideFunction("ringfence_case", "codes"),
        Output("case-reason-code", "data"),
        Output("case-reason-code", "value"),
        Input("case-disposition", "value"),
        State("case-codes", "data"),
    )
    for button, dialog in (("give", "give"), ("doze", "snooze")):
        app.clientside_callback(
            ClientsideFunction("ringfence_case", "open"),
            Output(f"case-{dialog}-dialog", "opened"),
            Input(f"case-{button}", "n_clicks"),
            prevent_initial_call=True,
        )
    for button in ("refuse", "reopen"):
        app.clientside_callback(
            ClientsideFunction("ringfence_case", button),
            Output("case-why-dialog", "opened", allow_duplicate=True),
            Output("case-why-act", "data", allow_duplicate=True),
            Input(f"case-{button}", "n_clicks"),
            prevent_initial_call=True,
        )


def _register_simple(desk: Desk, acts: _Acts) -> None:
    """Acts that one press does."""
    cases = acts.cases
    for name, permission, act in (
        ("take", Permission.WORK_CASES, cases.take),
        ("release", Permission.WORK_CASES, cases.release),
        ("wake", Permission.WORK_CASES, cases.wake),
        ("approve", Permission.APPROVE, cases.approve),
    ):

        def press(
            clicks: int | None,
            case_id: str,
            known: dict[str, Any],
            act: Callable[[str, Person, int], Case] = act,
        ) -> Any:
            if not clicks:
                return (no_update,) * 6
            return acts.do(case_id, lambda by: act(case_id, by, known["version"]))

        desk.guard.callback(
            permission, *_outputs(), Input(f"case-{name}", "n_clicks"), *ABOUT, prevent_initial_call=True
        )(press)


def _register_decisions(desk: Desk, acts: _Acts) -> None:
    cases = acts.cases

    @desk.guard.callback(
        Permission.WORK_CASES,
        *_outputs(),
        _closing("decide"),
        Input("case-decide-do", "n_clicks"),
        *ABOUT,
        State("case-disposition", "value"),
        State("case-reason-code", "value"),
        State("case-note", "value"),
        State("case-only-ticked", "checked"),
        State("case-transactions", "selectedRows", allow_optional=True),
        prevent_initial_call=True,
    )
    def decide(
        clicks: int | None,
        case_id: str,
        known: dict[str, Any],
        disposition: str | None,
        code: str | None,
        note: str | None,
        only_ticked: bool | None,
        ticked: list[dict[str, Any]] | None,
    ) -> Any:
        if not clicks:
            return (no_update,) * 7

        def act(by: Person) -> Case:
            what = _disposition(disposition)
            frauds = None
            if only_ticked and what is Disposition.CONFIRMED_FRAUD:
                frauds = [row["transaction_id"] for row in ticked or ()]
                if not frauds:
                    raise InputError("transactions: none is ticked in the table; tick those that are fraud")
            return cases.dispose(case_id, by, known["version"], what, code or "", note or "", frauds)

        return acts.do(case_id, act, closes=1)

    @desk.guard.callback(
        Permission.WORK_CASES,
        *_outputs(),
        _closing("give"),
        Input("case-give-do", "n_clicks"),
        *ABOUT,
        State("case-give-to", "value"),
        prevent_initial_call=True,
    )
    def give(clicks: int | None, case_id: str, known: dict[str, Any], to: str | None) -> Any:
        if not clicks:
            return (no_update,) * 7
        return acts.do(case_id, lambda by: cases.assign(case_id, by, known["version"], to or ""), closes=1)

    @desk.guard.callback(
        Permission.WORK_CASES,
        *_outputs(),
        _closing("snooze"),
        Input("case-snooze-do", "n_clicks"),
        *ABOUT,
        State("case-snooze-days", "value"),
        State("case-snooze-reason", "value"),
        prevent_initial_call=True,
    )
    def snooze(
        clicks: int | None, case_id: str, known: dict[str, Any], days: str | None, reason: str | None
    ) -> Any:
        if not clicks:
            return (no_update,) * 7
        until = datetime.now(UTC) + timedelta(days=int(days or 1))
        return acts.do(
            case_id, lambda by: cases.snooze(case_id, by, known["version"], until, reason or ""), closes=1
        )

    @desk.guard.callback(
        Permission.WORK_CASES,
        *_outputs(),
        _closing("why"),
        Input("case-why-do", "n_clicks"),
        *ABOUT,
        State("case-why-act", "data"),
        State("case-why-note", "value"),
        prevent_initial_call=True,
    )
    def say_why(
        clicks: int | None, case_id: str, known: dict[str, Any], what: str | None, note: str | None
    ) -> Any:
        if not clicks:
            return (no_update,) * 7
        act = cases.refuse if what == "refuse" else cases.reopen
        return acts.do(case_id, lambda by: act(case_id, by, known["version"], note or ""), closes=1)


def _register_notes(desk: Desk, acts: _Acts) -> None:
    cases = acts.cases

    @desk.guard.callback(
        Permission.WORK_CASES,
        *_outputs(),
        Output("case-comment", "value"),
        Input("case-comment-add", "n_clicks"),
        State("case-id", "data"),
        State("case-comment", "value"),
        prevent_initial_call=True,
    )
    def comment(clicks: int | None, case_id: str, text: str | None) -> Any:
        if not clicks:
            return (no_update,) * 7
        done = acts.do(case_id, lambda by: cases.comment(case_id, by, text or ""))
        return (*done, "" if done[-1] is None else no_update)

    @desk.guard.callback(
        Permission.WORK_CASES,
        *_outputs(),
        Input("case-relate-do", "n_clicks"),
        State("case-id", "data"),
        State("case-relate-to", "value"),
        prevent_initial_call=True,
    )
    def relate(clicks: int | None, case_id: str, other: str | None) -> Any:
        if not clicks:
            return (no_update,) * 6
        return acts.do(case_id, lambda by: cases.relate(case_id, by, (other or "").strip().upper()))

    @desk.guard.callback(
        Permission.WORK_CASES,
        *_outputs(),
        Input("case-attach", "n_clicks"),
        State("case-id", "data"),
        State("case-chosen", "data"),
        prevent_initial_call=True,
    )
    def attach(clicks: int | None, case_id: str, chosen: str | None) -> Any:
        if not clicks:
            return (no_update,) * 6

        def act(by: Person) -> Case:
            receipt = acts.desk.record.receipt(chosen) if chosen else None
            if receipt is None:
                raise InputError("receipt: none was kept of this transaction")
            name = f"receipt of {receipt.transaction_id}"
            return cases.attach(case_id, by, name, RECEIPT_TYPE, receipt.to_bytes())

        return acts.do(case_id, act)


RECEIPT_TYPE = "application/vnd.ringfence.receipt"


def _disposition(value: str | None) -> Disposition:
    try:
        return Disposition(value or "")
    except ValueError as error:
        raise InputError(f"disposition: {str(value)[:40]!r} is none; choose one of the list") from error
