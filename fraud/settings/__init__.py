"""Every setting in one frozen tree, read from the environment only when asked for.

Variables start with ``RINGFENCE_``; a nested field is reached with two underscores, as in
``RINGFENCE_GRAPH__URI``. An empty variable counts as not set; an unknown one is refused, so that a misspelt
setting never passes in silence. No password has a default: the embedded parts make their own on first use.
"""

from fraud.settings.api import ApiSettings
from fraud.settings.cases import AlertSettings, CaseSettings
from fraud.settings.costs import CapacitySettings, CostSettings
from fraud.settings.dashboard import DashboardSettings, OidcSettings
from fraud.settings.graph import ArcadeSettings, GraphSettings, OnlineSettings
from fraud.settings.group import MINIMUM_KEY_LENGTH
from fraud.settings.services import ServicesSettings
from fraud.settings.stream import StreamSettings
from fraud.settings.tree import Settings

__all__ = [
    "MINIMUM_KEY_LENGTH",
    "AlertSettings",
    "ApiSettings",
    "ArcadeSettings",
    "CapacitySettings",
    "CaseSettings",
    "CostSettings",
    "DashboardSettings",
    "GraphSettings",
    "OidcSettings",
    "OnlineSettings",
    "ServicesSettings",
    "Settings",
    "StreamSettings",
]
