"""One channel's deliveries, sent one after another, so that no channel waits for another."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from fraud.alert_config import AlertConfig
from fraud.alert_message import Composer, Message
from fraud.channel_config import WebhookConfig
from fraud.channels.channel import Channel, Receipt
from fraud.delivery_claims import Claim, Claims
from fraud.errors import DeliveryFailed, DeliveryRefused, DeliveryUncertain, SettingsError
from fraud.metrics import AlertMetrics

__all__ = ["Lane", "pause"]

log = logging.getLogger(__name__)

LONGEST_REST = timedelta(seconds=60)

CaseIds = Callable[[tuple[str, ...]], Mapping[str, str]]
"""Case ids by alert id, of those alerts that have a case."""


class Lane:
    """Sends what is due by one channel."""

    def __init__(
        self,
        name: str,
        channel: Channel,
        claims: Claims,
        composer: Composer,
        config: AlertConfig,
        metrics: AlertMetrics,
        *,
        case_ids: CaseIds,
    ) -> None:
        self.name = name
        self._channel = channel
        self._claims = claims
        self._composer = composer
        self._config = config
        self._settings = config.channels[name]
        self._metrics = metrics
        self._case_ids = case_ids
        self._failures = 0
        self.rests_until: datetime | None = None
        """A channel that takes nothing is left alone for a while, so that not all that waits is tried in vain."""

    def step(self, now: datetime) -> bool:
        """Send one message, where one is due and the channel does not rest; returns whether there was one."""
        if self.rests_until is not None and now < self.rests_until:
            return False
        claim = self._claims.next(now)
        if claim is None:
            return False
        try:
            self._settle(claim, now)
        except DeliveryUncertain as error:
            self._failed(claim, error, now, uncertain=True)
        except (DeliveryRefused, SettingsError) as error:
            self._give_up(claim, str(error), now)
        except DeliveryFailed as error:
            # What may have been sent before stays uncertain, though this try has failed for certain.
            self._failed(claim, error, now, uncertain=claim.uncertain)
        return True

    def _settle(self, claim: Claim, now: datetime) -> None:
        message, address = self._message(claim), self._address(claim)
        receipt = self._channel.find(message, address, claim.since) if claim.uncertain else None
        if receipt is None and claim.uncertain and self._settings.on_uncertain == "report":
            self._give_up(claim, "perhaps sent before a crash or a lost connection", now, uncertain=True)
            return
        if receipt is None:
            with self._metrics.send_seconds.time():
                receipt = self._channel.send(message, address)
        self._taken(claim, receipt, now)

    def _taken(self, claim: Claim, receipt: Receipt, now: datetime) -> None:
        self._claims.taken(claim, receipt, now)
        self._failures, self.rests_until = 0, None
        self._metrics.messages.labels(self.name, "taken").inc()
        log.info("alerts: %s took %s (%d deliveries)", self.name, claim.message_id, len(claim.keys))

    def _failed(self, claim: Claim, error: DeliveryFailed, now: datetime, *, uncertain: bool) -> None:
        self._failures += 1
        rest = min(pause(self._config, self._failures), LONGEST_REST)
        self.rests_until = now + rest
        if claim.attempt >= self._config.delivery.attempts:
            self._give_up(claim, f"{error} (tried {claim.attempt} times)", now, uncertain=uncertain)
            return
        wait = pause(self._config, claim.attempt)
        if error.retry_after is not None:
            wait = max(wait, timedelta(seconds=error.retry_after))
        self._claims.again(claim, str(error), now + wait, now, uncertain=uncertain)
        self._metrics.messages.labels(self.name, "retried").inc()
        log.warning(
            "alerts: %s did not take %s, again in %.0f s: %s",
            self.name,
            claim.message_id,
            wait.total_seconds(),
            error,
        )

    def _give_up(self, claim: Claim, reason: str, now: datetime, *, uncertain: bool = False) -> None:
        self._claims.given_up(claim, reason, now, uncertain=uncertain)
        self._metrics.messages.labels(self.name, "uncertain" if uncertain else "failed").inc()
        log.error("alerts: %s gave %s up: %s", self.name, claim.message_id, reason)

    def _message(self, claim: Claim) -> Message:
        return self._composer.message(
            claim.message_id,
            claim.alerts,
            told=claim.told,
            answers=claim.answers,
            cases=self._case_ids(tuple(one.alert_id for one in claim.alerts)),
            full_tokens=isinstance(self._settings, WebhookConfig) and self._settings.full_tokens,
        )

    def _address(self, claim: Claim) -> str:
        """The address of the recipient, as the alerts file has it today."""
        if self._settings.address is None:
            return ""
        contact = self._config.contacts.get(claim.recipient)
        address: str | None = getattr(contact, self._settings.address) if contact else None
        if address is None:
            raise DeliveryRefused(
                f"contact {claim.recipient}: has no {self._settings.address} in the alerts file"
            )
        return address


def pause(config: AlertConfig, failures: int) -> timedelta:
    """How long to wait after so many failures: doubling, with jitter, so that not all who failed come back at once."""
    policy = config.delivery
    longest = min(policy.first_pause_seconds * 2.0 ** min(failures - 1, 30), policy.longest_pause_seconds)
    return timedelta(seconds=random.uniform(longest / 2, longest))  # noqa: S311 - not a secret
