"""What the queue's page is made of: filters, buttons, dialogues, the table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import dash_ag_grid as dag
import dash_mantine_components as dmc
from dash import html

from dashboard.desk import notice
from dashboard.queue_filter import ME, NOBODY
from dashboard.queue_rows import BLOCK
from dashboard.words import pattern, severity, state
from fraud.alert import Severity
from fraud.case import REASON_CODES, CaseState, Disposition

__all__ = ["buttons", "dialogues", "empty", "filters", "table"]

SNOOZE_HOURS = {"4": "4 hours", "24": "1 day", "72": "3 days", "168": "1 week", "720": "30 days"}
NAMED_FILTERS: dict[str, Any] = {"aria-label": "Filters of the queue"}
NUMBER = {"type": "rightAligned", "headerClass": "ag-right-aligned-header"}

COLUMNS: list[dict[str, Any]] = [
    {
        "field": "severity",
        "headerName": "Severity",
        "width": 106,
        "sortable": True,
        "cellClassRules": {
            f"severity-{s.value}": f"params.data && params.data.rank == {s.rank}" for s in Severity
        },
    },
    {"field": "state", "headerName": "State", "width": 120},
    {
        "field": "score",
        "headerName": "Score",
        "width": 92,
        "valueFormatter": {"function": "params.value == null ? '' : d3.format('.1%')(params.value)"},
        **NUMBER,
    },
    {
        "field": "at_risk",
        "headerName": "At risk",
        "width": 94,
        "headerTooltip": "Suspicious amounts times the score",
        "valueFormatter": {"function": "params.value == null ? '' : d3.format(',.0f')(params.value)"},
        **NUMBER,
    },
    {
        "field": "subject",
        "headerName": "Ring or account",
        "width": 134,
        "tooltipField": "subject",
        "cellClass": "id",
    },
    {"field": "size", "headerName": "Size", "width": 66, **NUMBER},
    {"field": "kind", "headerName": "Kind", "width": 136},
    {
        "field": "reason",
        "headerName": "Top reason",
        "minWidth": 160,
        "flex": 1,
        "tooltipField": "reason",
        "sortable": False,
    },
    {"field": "age", "headerName": "Age", "width": 88},
    {
        "field": "due",
        "headerName": "Due",
        "width": 104,
        "cellClassRules": {
            "due-late": "params.data && params.data.pressing == 'late'",
            "due-soon": "params.data && params.data.pressing == 'soon'",
        },
    },
    {"field": "assignee", "headerName": "Assignee", "width": 96},
]


def filters(chosen: Mapping[str, str], kinds: Sequence[str], people: Sequence[str]) -> Any:
    """One field for each parameter of ``queue_filter.FILTERS``, set as the address says."""

    def several(name: str) -> list[str]:
        return [part for part in chosen.get(name, "").split(",") if part]

    states = [{"value": one.value, "label": state(one)} for one in CaseState]
    severities = [{"value": one.value, "label": severity(one)} for one in reversed(Severity)]
    shown_kinds = sorted({*kinds, *several("kind")})
    owners = [{"value": ME, "label": "Me"}, {"value": NOBODY, "label": "Nobody"}]
    owners += [
        {"value": one, "label": one}
        for one in sorted({*people, chosen.get("assignee", "")} - {"", ME, NOBODY})
    ]
    main = [
        dmc.TextInput(
            id="queue-q",
            label="Text",
            placeholder="Case, ring, account, reason",
            value=chosen.get("q", ""),
            debounce=250,
            w=176,
        ),
        _many("state", "State", states, several("state"), "Not closed"),
        _many("severity", "Severity", severities, several("severity"), "Any"),
        _many(
            "kind", "Kind", [{"value": k, "label": pattern(k)} for k in shown_kinds], several("kind"), "Any"
        ),
        _one("assignee", "Assignee", owners, chosen.get("assignee"), "Anybody"),
        _one("due", "Due", [{"value": "overdue", "label": "Overdue"}], chosen.get("due"), "Any"),
        _one(
            "snoozed",
            "Snoozed",
            [{"value": "only", "label": "Only these"}, {"value": "shown", "label": "Shown as well"}],
            chosen.get("snoozed"),
            "Hidden",
        ),
        _least("score", "Score from, %", chosen.get("score"), 100),
        _least("money", "Money from", chosen.get("money"), None),
    ]
    return html.Div(main, className="filters", role="search", **NAMED_FILTERS)


def buttons(*, may_work: bool) -> Any:
    """What can be done with the selected cases, by those whose role permits it."""
    worst = _button("queue-next", "Next worst", "n", "Open the worst case that nobody has", "filled")
    if not may_work:
        return dmc.Group([worst], gap="xs")
    return dmc.Group(
        [
            worst,
            _button(
                "queue-do-take",
                "Assign to me",
                "a",
                "Assign to me: the selected cases, or the one with the focus",
            ),
            _button("queue-ask-assign", "Assign…", "s", "Assign to somebody"),
            _button("queue-ask-dismiss", "Dismiss…", "x", "Dismiss as false positive"),
            _button("queue-ask-snooze", "Snooze…", "z", "Snooze for a time"),
        ],
        gap="xs",
    )


def dialogues(people: Sequence[str]) -> list[Any]:
    """What is asked before cases are assigned, dismissed or snoozed."""
    codes = REASON_CODES[Disposition.FALSE_POSITIVE]
    return [
        _dialogue(
            "assign",
            "Assign to somebody",
            [dmc.Select(id="queue-assignee", label="Who", data=list(people), searchable=True)],
            "Assign",
        ),
        _dialogue(
            "dismiss",
            "Dismiss as false positive",
            [
                dmc.Select(
                    id="queue-reason-code",
                    label="Why",
                    data=[{"value": code, "label": words.capitalize()} for code, words in codes.items()],
                    value=next(iter(codes)),
                    allowDeselect=False,
                ),
                dmc.Textarea(
                    id="queue-note",
                    label="Note",
                    autosize=True,
                    minRows=2,
                ),
            ],
            "Dismiss",
        ),
        _dialogue(
            "snooze",
            "Snooze for a time",
            [
                dmc.Select(
                    id="queue-hours",
                    label="For",
                    data=[{"value": hours, "label": words} for hours, words in SNOOZE_HOURS.items()],
                    value="24",
                    allowDeselect=False,
                ),
                dmc.TextInput(
                    id="queue-snooze-reason",
                    label="Why",
                ),
            ],
            "Snooze",
        ),
    ]


def table(by: str, way: str) -> Any:
    """The table, sorted as the address says; ``assets/queue.js`` fetches its lines."""
    columns = [
        {**one, "sort": way} if one["field"] == by and way in ("asc", "desc") else one for one in COLUMNS
    ]
    return dag.AgGrid(
        id="queue-grid",
        columnDefs=columns,
        rowModelType="infinite",
        defaultColDef={"sortable": True, "resizable": True, "sortingOrder": ["desc", "asc", None]},
        getRowId="params.data.case_id",
        dashGridOptions={
            "animateRows": False,
            "rowHeight": 38,
            "cacheBlockSize": BLOCK,
            "maxBlocksInCache": 20,
            "maxConcurrentDatasourceRequests": 2,
            "infiniteInitialRowCount": 1,
            "rowSelection": {
                "mode": "multiRow",
                "checkboxes": True,
                "headerCheckbox": False,
                "enableClickSelection": False,
            },
            "selectionColumnDef": {"width": 44, "pinned": "left"},
            "tooltipShowDelay": 400,
            "suppressNoRowsOverlay": True,
            "theme": {"function": "ringfenceGridTheme(theme)"},
        },
        style={"height": "calc(100vh - 300px)", "minHeight": "380px"},
        className="queue-grid key-rows",
    )


def empty(*, ever: bool) -> Any:
    """What stands where no case meets the filters, or where there has been none at all."""
    if ever:
        return notice(
            "No case meets these filters", "Take some away, or press N for the worst that nobody has."
        )
    return notice(
        "No cases yet",
        "Nothing suspicious is on record. Run `make demo`, or `python -m fraud replay` over a file of transactions; "
        "cases show up here by themselves.",
    )


def _many(name: str, label: str, data: list[dict[str, str]], value: list[str], nothing: str) -> Any:
    return dmc.MultiSelect(
        id=f"queue-{name}",
        label=label,
        data=data,
        value=value,
        placeholder=nothing,
        clearable=True,
        w=142,
    )


def _one(name: str, label: str, data: list[dict[str, str]], value: str | None, nothing: str) -> Any:
    return dmc.Select(
        id=f"queue-{name}",
        label=label,
        data=data,
        value=value or None,
        placeholder=nothing,
        clearable=True,
        w=112,
    )


def _least(name: str, label: str, value: str | None, most: int | None) -> Any:
    limit = {} if most is None else {"max": most}
    return dmc.NumberInput(
        id=f"queue-{name}",
        label=label,
        value=value or "",
        min=0,
        debounce=250,
        hideControls=True,
        w=104,
        **limit,
    )


def _button(name: str, words: str, key: str, meaning: str, variant: str = "default") -> Any:
    return dmc.Button(
        [words, html.Kbd(key.upper(), style={"marginLeft": "6px"})],
        id=name,
        size="xs",
        variant=variant,
        **{"data-key": key, "data-key-help": meaning},
    )


def _dialogue(name: str, title: str, fields: list[Any], words: str) -> Any:
    return dmc.Modal(
        dmc.Stack(
            [
                dmc.Text(id=f"queue-about-{name}", size="sm"),
                *fields,
                dmc.Group(dmc.Button(words, id=f"queue-do-{name}"), justify="flex-end"),
            ]
        ),
        id=f"queue-dialogue-{name}",
        title=title,
        opened=False,
        keepMounted=True,
        closeButtonProps={"aria-label": "Close"},
    )
