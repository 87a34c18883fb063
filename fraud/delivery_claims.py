"""Taking deliveries to be sent, one message at a time, and noting what became of them.

A claim is committed before the message leaves, and its outcome after. Where a dispatcher dies between the two, the
claim runs out and the next one finds a message that may have been sent: ``Claim.uncertain``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Engine, Select, and_, func, literal, or_, select, update

from fraud.alert import Alert, AlertState, Severity
from fraud.channel_config import Updates
from fraud.channels.channel import Receipt
from fraud.database import store_errors, writing
from fraud.delivery import DeliveryState
from fraud.delivery_tables import deliveries as table
from fraud.pace import Rate
from fraud.record_tables import Instant, alert_outbox, alerts

__all__ = ["Claim", "Claims", "message_id_for"]

MOST_IN_DIGEST = 500
WAITING, SENDING = DeliveryState.WAITING.value, DeliveryState.SENDING.value
REACHED = (DeliveryState.SENT.value, DeliveryState.DELIVERED.value)


class Claim(msgspec.Struct, frozen=True):
    """One message to be sent: on one alert, or a digest of several.

    ``uncertain``: an earlier claim of it ran out or broke off, so it may have been sent at some time since ``since``.
    ``told``: the recipient knows of the alert already, by the message ``answers``.
    """

    keys: tuple[str, ...]
    message_id: str
    recipient: str
    alerts: tuple[Alert, ...]
    attempt: int
    uncertain: bool
    since: datetime
    told: bool
    answers: str | None


class Claims:
    """The deliveries of one channel, as one dispatcher takes them."""

    def __init__(
        self,
        engine: Engine,
        channel: str,
        owner: str,
        *,
        lease: timedelta,
        updates: Updates = Updates.EVERY,
        rates: tuple[Rate | None, Rate | None] = (None, None),
    ) -> None:
        self._engine = engine
        self._channel = channel
        self._owner = owner
        self._lease = lease
        self._updates = updates
        self._rates = rates

    def next(self, now: datetime) -> Claim | None:
        """Claim the most pressing message that is due, or None where none is."""
        # Looking first keeps an idle channel from taking SQLite's one write lock every second.
        with store_errors("read"), self._engine.connect() as connection:
            if connection.execute(select(table.c.key).where(self._is_due(now)).limit(1)).first() is None:
                return None
        with store_errors("write"), self._engine.connect() as connection, writing(connection):
            while (rows := self._due(connection, now)) is not None:
                first = rows[0]
                uncertain = first.state == SENDING
                if not uncertain and self._closed(connection, rows, now):
                    continue
                free_at = now if first.message_id else self._free_at(connection, first.recipient, now)
                if free_at > now:
                    self._hold(connection, first.recipient, now, free_at)
                    continue
                return self._claim(connection, rows, now, uncertain=uncertain)
        return None

    def taken(self, claim: Claim, receipt: Receipt, now: datetime) -> None:
        """The channel has taken it over."""
        state = DeliveryState.DELIVERED if receipt.delivered else DeliveryState.SENT
        self._end(
            claim,
            state,
            now,
            sent_at=now,
            delivered_at=now if receipt.delivered else None,
            provider_id=receipt.provider_id,
            error=None,
        )

    def again(
        self, claim: Claim, error: str, at: datetime, now: datetime, *, uncertain: bool = False
    ) -> None:
        """It is to be tried again; ``uncertain``: it may have been taken this time."""
        state = DeliveryState.SENDING if uncertain else DeliveryState.WAITING
        self._end(claim, state, now, error=error, next_try_at=at, claimed_until=at if uncertain else None)

    def given_up(self, claim: Claim, error: str, now: datetime, *, uncertain: bool = False) -> None:
        """It is not tried any more, until a person says so."""
        self._end(claim, DeliveryState.UNCERTAIN if uncertain else DeliveryState.FAILED, now, error=error)

    def _end(self, claim: Claim, state: DeliveryState, now: datetime, **values: Any) -> None:
        # A receipt of the provider may have come first; and a claim that ran out belongs to another by now.
        mine = table.c.key.in_(claim.keys) & (table.c.claimed_by == self._owner) & (table.c.state == SENDING)
        values |= {"state": state.value, "claimed_by": None, "updated_at": now}
        values.setdefault("claimed_until", None)
        with store_errors("write"), self._engine.connect() as connection, writing(connection):
            connection.execute(update(table).where(mine).values(**values))

    def _is_due(self, now: datetime) -> ColumnElement[bool]:
        waiting = and_(table.c.state == WAITING, table.c.next_try_at <= now)
        expired = and_(table.c.state == SENDING, table.c.claimed_until <= now)
        return and_(table.c.channel == self._channel, or_(waiting, expired))

    def _due(self, connection: Connection, now: datetime) -> Sequence[Any] | None:
        """The rows of the next message: those that make up one digest, or are to be sent again as they were."""
        first = self._first_due(connection, now)
        if first is None:
            return None
        if first.message_id is not None:
            group = and_(table.c.message_id == first.message_id, table.c.state == first.state)
        elif first.digest is not None:
            alike = and_(table.c.state == WAITING, table.c.digest == first.digest)
            group = and_(alike, table.c.message_id.is_(None))
        else:
            return [first]
        others = select(table).where(
            table.c.channel == self._channel, table.c.recipient == first.recipient, group
        )
        others = others.order_by(table.c.severity_rank.desc(), table.c.key).limit(MOST_IN_DIGEST)
        return connection.execute(_for_update(others)).all() or [first]

    def _first_due(self, connection: Connection, now: datetime) -> Any:
        """The most pressing row that is due: one whose claim ran out, else the worst that has waited longest.

        Severity by severity, since each is one step along the index, however many rows wait.
        """
        mine = table.c.channel == self._channel
        expired = and_(mine, table.c.state == SENDING, table.c.claimed_until <= now)
        waiting = and_(mine, table.c.state == WAITING, table.c.next_try_at <= now)
        turns = [expired, *(and_(waiting, table.c.severity_rank == one.rank) for one in reversed(Severity))]
        for turn in turns:
            query = select(table).where(turn).order_by(table.c.next_try_at, table.c.alert_id, table.c.version)
            found = connection.execute(_for_update(query.limit(1))).first()
            if found is not None:
                return found
        return None

    def _closed(self, connection: Connection, rows: Sequence[Any], now: datetime) -> bool:
        """Whether some were closed by the investigators before they were sent; then those are not sent any more."""
        if self._updates is Updates.EVERY:
            return False
        query = select(table.c.key, alert_outbox.c.body).select_from(table)
        query = query.join(alerts, alerts.c.alert_id == table.c.alert_id)
        query = query.join(alert_outbox, alert_outbox.c.idempotency_key == table.c.idempotency_key)
        keys = [row.key for row in rows]
        query = query.where(table.c.key.in_(keys), alerts.c.state == AlertState.CLOSED.value)
        moot = [
            row.key
            for row in connection.execute(query)
            if msgspec.json.decode(row.body, type=Alert).state is not AlertState.CLOSED
        ]
        if moot:
            end = update(table).where(table.c.key.in_(moot))
            why = "closed on the desk before it was sent"
            connection.execute(end.values(state=DeliveryState.SUPPRESSED.value, error=why, updated_at=now))
        return bool(moot)

    def _free_at(self, connection: Connection, recipient: str, now: datetime) -> datetime:
        """When the rates of the channel and of the recipient let the next message go."""
        of_channel, of_recipient = self._rates
        free = now
        for rate, condition in (
            (of_channel, table.c.channel == self._channel),
            (of_recipient, and_(table.c.channel == self._channel, table.c.recipient == recipient)),
        ):
            if rate is None:
                continue
            sent = select(func.max(table.c.sent_at)).where(condition, table.c.sent_at > now - rate.window)
            sent = sent.group_by(table.c.message_id).order_by(func.max(table.c.sent_at).desc())
            moments = connection.execute(sent.limit(rate.count)).scalars().all()
            free = max(free, rate.free_at([one for one in moments if one is not None], now))
        return free

    def _hold(self, connection: Connection, recipient: str, now: datetime, until: datetime) -> None:
        """What is due for a recipient waits for the rate, and becomes one message."""
        due = and_(
            table.c.channel == self._channel,
            table.c.recipient == recipient,
            table.c.state == WAITING,
            table.c.message_id.is_(None),
            table.c.next_try_at <= now,
        )
        digest = f"rate until {until:%Y-%m-%dT%H:%M:%SZ}"
        held = update(table).where(due)
        connection.execute(held.values(next_try_at=until, digest=digest, updated_at=now))

    def _claim(self, connection: Connection, rows: Sequence[Any], now: datetime, *, uncertain: bool) -> Claim:
        keys = tuple(sorted(row.key for row in rows))
        message_id = rows[0].message_id or message_id_for(keys)
        since = min((row.claimed_at for row in rows if row.claimed_at), default=now)
        claimed = update(table).where(table.c.key.in_(keys))
        connection.execute(
            claimed.values(
                state=SENDING,
                attempts=table.c.attempts + 1,
                message_id=message_id,
                claimed_by=self._owner,
                claimed_at=func.coalesce(table.c.claimed_at, literal(now, Instant)),
                claimed_until=now + self._lease,
                updated_at=now,
            )
        )
        told, answers = self._thread(connection, rows, message_id)
        return Claim(
            keys=keys,
            message_id=message_id,
            recipient=rows[0].recipient,
            alerts=_newest(_bodies(connection, keys)),
            attempt=max(row.attempts for row in rows) + 1,
            uncertain=uncertain,
            since=since,
            told=told,
            answers=answers,
        )

    def _thread(
        self, connection: Connection, rows: Sequence[Any], message_id: str
    ) -> tuple[bool, str | None]:
        """Whether the recipient was told of the one alert before, and by which message first; digests stand alone."""
        if len({row.alert_id for row in rows}) > 1:
            return False, None
        query = select(table.c.message_id).where(
            table.c.alert_id == rows[0].alert_id,
            table.c.channel == self._channel,
            table.c.recipient == rows[0].recipient,
            table.c.state.in_(REACHED),
            table.c.message_id != message_id,
        )
        first = connection.execute(query.order_by(table.c.sent_at, table.c.version).limit(1)).scalar()
        return first is not None, first


def message_id_for(keys: Iterable[str]) -> str:
    """The id of the message that such deliveries make up: the same for the same deliveries."""
    named = "\n".join(sorted(keys))
    return f"msg_{hashlib.sha256(named.encode()).hexdigest()[:32]}"


def _for_update(query: Select[Any]) -> Select[Any]:
    """On PostgreSQL what another dispatcher is about to claim is passed over; SQLite has one writer anyway."""
    return query.with_for_update(skip_locked=True)


def _bodies(connection: Connection, keys: Sequence[str]) -> list[Alert]:
    query = select(alert_outbox.c.body)
    query = query.join(table, table.c.idempotency_key == alert_outbox.c.idempotency_key)
    bodies = connection.execute(query.where(table.c.key.in_(keys))).scalars()
    return [msgspec.json.decode(body, type=Alert) for body in bodies]


def _newest(states: Iterable[Alert]) -> tuple[Alert, ...]:
    """Of each alert the newest state."""
    newest = {alert.alert_id: alert for alert in sorted(states, key=lambda one: one.version)}
    return tuple(newest.values())
