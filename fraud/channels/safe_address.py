"""Addresses that requests may go to: not into the network that they leave from, unless that is meant.

Whoever may name an address could otherwise have this process ask what only it can reach: metadata of a cloud, stores
without a log-in. The name is looked up once, and the connection goes to the very address that was looked at.
"""

from __future__ import annotations

import ipaddress
import socket
from urllib.parse import urlsplit

import msgspec

from fraud.errors import DeliveryFailed, SettingsError

__all__ = ["Target", "parse_target", "resolve"]


class Target(msgspec.Struct, frozen=True):
    """An address of HTTP taken apart; ``path`` with its query."""

    secure: bool
    host: str
    port: int
    path: str


def parse_target(url: str, *, field: str, allow_plain: bool) -> Target:
    """Take an address apart; plain http only where it is allowed. Raises SettingsError naming the field."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise SettingsError(f"{field}: not an address ({error})") from None
    if parts.scheme not in ("https", "http") or not parts.hostname:
        raise SettingsError(f"{field}: must look like https://host/path")
    if parts.scheme == "http" and not allow_plain:
        raise SettingsError(f"{field}: must be https; plain http is for the local environment only")
    if parts.username or parts.password:
        raise SettingsError(f"{field}: must not hold a user or password")
    path = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
    secure = parts.scheme == "https"
    return Target(secure, parts.hostname, port or (443 if secure else 80), path)


def resolve(target: Target, *, allow_private: bool) -> str:
    """An IP address of the target. Raises DeliveryFailed where its name is not known now or any of its addresses is
    not a public one."""
    try:
        found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise DeliveryFailed(f"webhook: the name {target.host} is not known now; check DNS") from error
    addresses = [str(one[4][0]) for one in found]
    if not allow_private:
        for address in addresses:
            if not _is_public(address):
                raise DeliveryFailed(
                    f"webhook: {target.host} is in a private network; set allow_private where that is meant"
                )
    return addresses[0]


def _is_public(address: str) -> bool:
    parsed = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(parsed, ipaddress.IPv6Address):
        # Networks that hand IPv4 on in disguise: mapped, 6to4, NAT64.
        inner = parsed.ipv4_mapped or parsed.sixtofour
        if inner is None and parsed in ipaddress.ip_network("64:ff9b::/96"):
            inner = ipaddress.IPv4Address(int(parsed) & 0xFFFFFFFF)
        if inner is not None:
            return _is_public(str(inner))
    return parsed.is_global and not parsed.is_multicast
