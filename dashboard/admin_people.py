"""Administration: who may sign in, with which role, and who is signed in now."""

from __future__ import annotations

from typing import Any

import dash_mantine_components as dmc
from dash import ALL, Input, Output, State, ctx, html, no_update

from dashboard.browser_words import browser_words
from dashboard.desk import Desk, notice, trouble
from dashboard.plain_table import plain_table
from dashboard.words import moment
from fraud.access import ROLE_PERMISSIONS, Permission, Role
from fraud.errors import InputError, RingfenceError
from fraud.sessions import Session, Sessions
from fraud.users import Account, Users

__all__ = ["people_tab", "register_people"]

ROLES = [{"value": role.value, "label": role.value.capitalize()} for role in Role]
ACTS = ("admin-set-role", "admin-reset", "admin-disable", "admin-enable")
OPEN, SHUT = "● May sign in", "○ Disabled"


def people_tab() -> Any:
    """Add somebody; change somebody; everybody; sessions."""
    add = dmc.Group(
        [
            dmc.TextInput(id="admin-new-name", label="Name", w=180),
            dmc.TextInput(id="admin-new-shown", label="Name to show", w=220),
            dmc.Select(
                id="admin-new-role",
                label="Role",
                data=ROLES,
                value=Role.ANALYST.value,
                w=150,
                allowDeselect=False,
            ),
            dmc.Button("Add person", id="admin-add", color="indigo.8"),
        ],
        align="end",
    )
    change = dmc.Group(
        [
            dmc.Select(id="admin-person", label="Person", data=[], searchable=True, w=220),
            dmc.Select(id="admin-role", label="New role", data=ROLES, value=None, w=150),
            dmc.Button("Set role", id="admin-set-role", variant="default"),
            dmc.Button("New random password", id="admin-reset", variant="default"),
            dmc.Button("Disable", id="admin-disable", variant="default"),
            dmc.Button("Enable", id="admin-enable", variant="default"),
        ],
        align="end",
        mt="md",
    )
    return html.Div(
        [
            add,
            change,
            html.Div(id="admin-people-said", role="status", className="below"),
            html.Div(id="admin-people"),
            dmc.Title("Signed in now", order=2, size="h5", mt="lg", mb="xs"),
            html.Div(id="admin-sessions-said", role="status"),
            html.Div(id="admin-sessions"),
            dmc.Title("What each role may do", order=2, size="h5", mt="lg", mb="xs"),
            _role_table(),
        ]
    )


def register_people(desk: Desk, sessions: Sessions) -> None:
    """The callbacks of the tab."""
    users = Users(desk.record.engine)

    @desk.guard.callback(
        Permission.MANAGE_USERS,
        Output("admin-people-said", "children"),
        Output("admin-people", "children"),
        Output("admin-person", "data"),
        Input("admin-add", "n_clicks"),
        *(Input(act, "n_clicks") for act in ACTS),
        State("admin-new-name", "value"),
        State("admin-new-shown", "value"),
        State("admin-new-role", "value"),
        State("admin-person", "value"),
        State("admin-role", "value"),
    )
    def change_people(*given: Any) -> tuple[Any, Any, Any]:
        name, shown_name, new_role, person, role = given[-5:]
        try:
            said = _act(desk, users, ctx.triggered_id, name, shown_name, new_role, person, role)
        except InputError as error:
            said = notice("Not done", f"{error}.", colour="red")
        except RingfenceError as error:
            return trouble(error), no_update, no_update
        everybody = users.all()
        names = [{"value": one.person.name, "label": one.person.name} for one in everybody]
        return said, _people_table(everybody), names

    @desk.guard.callback(
        Permission.MANAGE_USERS,
        Output("admin-sessions-said", "children"),
        Output("admin-sessions", "children"),
        Input({"type": "admin-end", "session": ALL}, "n_clicks"),
        Input("admin-people", "children"),
    )
    def end_sessions(clicks: Any, _: Any) -> tuple[Any, Any]:
        said: Any = None
        asked = ctx.triggered_id
        try:
            if isinstance(asked, dict) and any(clicks or []):
                whose = sessions.revoke(str(asked["session"]), desk.guard.person())
                said = notice("Done", f"The session of {whose} has ended.", colour="green")
            return said, _session_table(sessions.live())
        except RingfenceError as error:
            return trouble(error), no_update


def _act(
    desk: Desk,
    users: Users,
    asked: Any,
    name: str | None,
    shown_name: str | None,
    new_role: str | None,
    person: str | None,
    role: str | None,
) -> Any:
    """Do what the button says; what to say of it."""
    by = desk.guard.person()
    if asked == "admin-add":
        if new_role not in set(Role):
            raise InputError("role: choose one")
        added, password = users.add(name or "", Role(new_role), by=by, shown_name=shown_name or "")
        return _password(added.name, password)
    if asked not in ACTS:
        return None
    if not person:
        raise InputError("person: choose whom")
    if asked == "admin-reset":
        return _password(person, users.reset_password(person, by=by))
    if asked == "admin-set-role":
        if role not in set(Role):
            raise InputError("new role: choose one")
        users.set_role(person, Role(role), by=by)
        return notice("Done", f"{person} is {role} from the next request on.", colour="green")
    users.set_disabled(person, asked == "admin-disable", by=by)
    state = "disabled, and signed out everywhere" if asked == "admin-disable" else "enabled"
    return notice("Done", f"{person} is {state}.", colour="green")


def _password(name: str, password: str) -> Any:
    return dmc.Alert(
        [
            dmc.Text(f"The password of {name}; the first sign-in asks for another.", size="sm"),
            dmc.Code(password, id="admin-password", fz="md"),
        ],
        title="Shown this once",
        color="green",
        variant="light",
    )


def _people_table(everybody: list[Account]) -> Any:
    rows = [
        [
            html.Span(one.person.name, className="id"),
            one.person.shown_name,
            one.person.role.value.capitalize(),
            SHUT if one.disabled_at else OPEN,
            "Password" if one.has_password else "OpenID Connect",
            moment(one.last_sign_in),
        ]
        for one in everybody
    ]
    head = ("Name", "Shown as", "Role", "State", "Signs in by", "Last sign-in, UTC")
    return html.Div(plain_table("People", head, rows), style={"marginTop": "1rem"})


def _session_table(live: list[Session]) -> Any:
    if not live:
        return notice("Nobody", "Nobody is signed in.")
    rows = [
        [
            html.Span(one.person.name, className="id"),
            moment(one.created_at),
            moment(one.last_seen_at),
            one.address,
            html.Span(browser_words(one.agent), title=one.agent),
            dmc.Button(
                "End",
                id={"type": "admin-end", "session": one.handle},
                size="compact-sm",
                variant="default",
                **{"aria-label": f"End the session of {one.person.name} from {one.address}"},
            ),
        ]
        for one in live
    ]
    return plain_table("Sessions", ("Name", "Since, UTC", "Last used, UTC", "Address", "Browser", ""), rows)


def _role_table() -> Any:
    rows = [
        [
            permission.value.replace("_", " ").capitalize(),
            *("✓" if permission in ROLE_PERMISSIONS[role] else "–" for role in Role),
        ]
        for permission in Permission
    ]
    return plain_table("Roles", ("", *(role.value.capitalize() for role in Role)), rows, narrowest=420)
