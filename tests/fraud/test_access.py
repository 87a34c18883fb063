from __future__ import annotations

import itertools

import pytest

from fraud.access import ROLE_PERMISSIONS, SYSTEM, Permission, Person, Role, require
from fraud.errors import Forbidden


def test_each_role_may_do_all_that_the_one_before_may() -> None:
    permitted = [ROLE_PERMISSIONS[role] for role in Role]
    assert all(low < high for low, high in itertools.pairwise(permitted))
    assert permitted[-1] == set(Permission)


@pytest.mark.parametrize(
    ("permission", "lowest"),
    [
        (Permission.VIEW, Role.VIEWER),
        (Permission.WORK_CASES, Role.ANALYST),
        (Permission.APPROVE, Role.SUPERVISOR),
        (Permission.SUPPRESS, Role.SUPERVISOR),
        (Permission.REVEAL, Role.SUPERVISOR),
        (Permission.SEE_AUDIT, Role.SUPERVISOR),
        (Permission.SET_THRESHOLDS, Role.ADMIN),
        (Permission.MANAGE_CHANNELS, Role.ADMIN),
        (Permission.MANAGE_USERS, Role.ADMIN),
    ],
)
def test_a_permission_begins_with_a_role(permission: Permission, lowest: Role) -> None:
    allowed = [role for role in Role if Person("p", "P", role).may(permission)]
    assert allowed == list(Role)[list(Role).index(lowest) :]


def test_what_a_role_does_not_permit_is_refused_with_the_reason() -> None:
    require(SYSTEM, Permission.MANAGE_USERS)
    with pytest.raises(Forbidden, match="role viewer does not permit approve; ask an admin"):
        require(Person("vera", "Vera", Role.VIEWER), Permission.APPROVE)
