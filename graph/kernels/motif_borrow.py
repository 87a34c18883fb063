"""The arrays of the motifs without their owners: thousands of views of them are made for one transfer."""

from __future__ import annotations

from typing import Any

from fraud.compiled import kernel
from fraud.intrinsics import borrow
from graph.motif_layout import FoundArrays, MotifArrays, MotifScratch


@kernel
def borrow_motifs(motifs: Any) -> Any:
    """The motif state; whoever borrows keeps the owner alive."""
    return MotifArrays(
        borrow(motifs.transfers),
        borrow(motifs.parties),
        borrow(motifs.free),
        borrow(motifs.census),
        borrow(motifs.spans),
    )


@kernel
def borrow_scratch(scratch: Any) -> Any:
    """Room for looking at one transfer."""
    return MotifScratch(
        borrow(scratch.near),
        borrow(scratch.near_table),
        borrow(scratch.reached),
        borrow(scratch.reached_table),
        borrow(scratch.paths),
        borrow(scratch.lengths),
        borrow(scratch.widths),
        borrow(scratch.marks),
        borrow(scratch.times),
        borrow(scratch.members),
    )


@kernel
def borrow_found(found: Any) -> Any:
    """What was found so far."""
    return FoundArrays(borrow(found.spans), borrow(found.patterns), borrow(found.edges), borrow(found.counts))
