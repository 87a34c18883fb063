from __future__ import annotations

from dashboard.why import reason_bars
from fraud.decision import Reason

RING = Reason("ring", "3 accounts are tied by a device", 3.0)
DEVICE = Reason("device_accounts_1d", "5 accounts paid from this device", 5.0, 0.8)
HABIT = Reason("amount_ratio", "About as much as ever", 1.0, -0.2)


def test_what_has_no_weight_shows_none() -> None:
    ring, device, habit = reason_bars([RING, DEVICE, HABIT]).children[1].children
    assert (ring.children.children, ring.children.colSpan) == (RING.text, 3)
    assert [cell.children for cell in device.children][::2] == [DEVICE.text, "+0.80"]
    assert device.children[1].children.style == {"width": "100%"}
    assert habit.children[1].children.className == "bar down"
    assert habit.children[2].children == "-0.20"


def test_reasons_without_any_weight_are_a_list() -> None:
    assert [item.children for item in reason_bars([RING]).children] == [RING.text]
