"""Who may do what: people, their roles, and what each role permits."""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType

import msgspec

from fraud.errors import Forbidden

__all__ = ["ROLE_PERMISSIONS", "SYSTEM", "Permission", "Person", "Role", "require"]


class Role(StrEnum):
    """Roles, each with all that the ones before it may do."""

    VIEWER = "viewer"
    ANALYST = "analyst"
    SUPERVISOR = "supervisor"
    ADMIN = "admin"


class Permission(StrEnum):
    """Acts that are asked for by name."""

    VIEW = "view"
    """Read the pages; personal values stay tokens."""
    WORK_CASES = "work_cases"
    """Take, comment, snooze and decide cases."""
    APPROVE = "approve"
    """Give the second pair of eyes to somebody else's decision."""
    SUPPRESS = "suppress"
    """Silence a ring for a time, and lift that."""
    REVEAL = "reveal"
    """See the personal value behind a token; every look is audited."""
    SEE_AUDIT = "see_audit"
    """Read and verify the audit trail."""
    SET_THRESHOLDS = "set_thresholds"
    """Change from which score on a transaction is reviewed or blocked."""
    MANAGE_CHANNELS = "manage_channels"
    """Test and see the ways by which alerts leave."""
    MANAGE_USERS = "manage_users"
    """Add people, change their roles, end their sessions."""


ROLE_PERMISSIONS = MappingProxyType(
    {
        Role.VIEWER: frozenset({Permission.VIEW}),
        Role.ANALYST: frozenset({Permission.VIEW, Permission.WORK_CASES}),
        Role.SUPERVISOR: frozenset(
            {
                Permission.VIEW,
                Permission.WORK_CASES,
                Permission.APPROVE,
                Permission.SUPPRESS,
                Permission.REVEAL,
                Permission.SEE_AUDIT,
            }
        ),
        Role.ADMIN: frozenset(Permission),
    }
)
"""What each role permits."""


class Person(msgspec.Struct, frozen=True):
    """Somebody who acts: ``name`` is unique and stands in every audit line, ``shown_name`` is for people to read."""

    name: str
    shown_name: str
    role: Role

    def may(self, permission: Permission) -> bool:
        """Whether the role permits it."""
        return permission in ROLE_PERMISSIONS[self.role]


SYSTEM = Person("system", "Ringfence", Role.ADMIN)
"""The software itself, for what it does without being told."""


def require(person: Person, permission: Permission) -> None:
    """Raise Forbidden unless the person's role permits it."""
    if not person.may(permission):
        raise Forbidden(person.name, person.role.value, permission.value)
