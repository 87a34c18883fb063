"""The cases of a record: what there is to read about them, and what people do to them."""

from __future__ import annotations

from fraud.case_reader import CaseReader

__all__ = ["Cases"]


class Cases(CaseReader):
    """Access to the cases of a record; safe to share between threads and processes."""
