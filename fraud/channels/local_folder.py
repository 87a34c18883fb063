"""Alerts as files: one for each state, named after it, whole or not there at all."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import msgspec

from fraud.alert_message import Message
from fraud.channels.channel import Receipt
from fraud.errors import DeliveryFailed, InputError
from fraud.outbox import file_name
from fraud.write_aside import write_files_aside

__all__ = ["LocalFolder"]


class LocalFolder:
    """Writes to a folder of this machine. A file written again is the same file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def send(self, message: Message, address: str) -> Receipt:
        """Write each alert of the message as it is; of a test message its text."""
        files = {file_name(one): msgspec.json.format(msgspec.json.encode(one)) for one in message.alerts} or {
            f"{message.message_id}.json": msgspec.json.encode(message.payload)
        }
        try:
            write_files_aside(self._folder, files)
        except OSError as error:
            raise DeliveryFailed(
                f"{self._folder}: takes no file ({error.strerror}); check the disk"
            ) from error
        except InputError as error:
            raise DeliveryFailed(str(error)) from error
        return Receipt(provider_id=min(files), delivered=True)

    def find(self, message: Message, address: str, since: datetime) -> Receipt | None:
        """Not needed: what is written again changes nothing."""
        return None

    def close(self) -> None:
        """Nothing is held."""
