"""Sizes of the network and where its weights lie in the one flat array that the serving kernel reads."""

from __future__ import annotations

from graph.observation import FANOUT, MESSAGE_WIDTH, ROLES

__all__ = ["EMBEDDING", "HIDDEN"]

HIDDEN = 32
"""Width of every hidden layer: two AVX-512 registers, fixed so that the serving loops have constant length."""

EMBEDDING = 16
"""Width of a transaction's embedding (E)."""

SLOT_INPUTS = 2 * MESSAGE_WIDTH
"""Inputs of layer 1: the mean of hop 2, then the slot's message; the age is added apart."""

END_INPUTS = HIDDEN + MESSAGE_WIDTH
"""Inputs of layer 2: the mean of the slots, then the end's own message."""

# Packed weights: one block a role, then the head, then the input centres. Matrices are [in, HIDDEN].
SLOT_BIAS = 0
SLOT_AGE = SLOT_BIAS + HIDDEN
SLOT_MATRIX = SLOT_AGE + HIDDEN
END_BIAS = SLOT_MATRIX + SLOT_INPUTS * HIDDEN
END_MATRIX = END_BIAS + HIDDEN
ABSENT = END_MATRIX + END_INPUTS * HIDDEN
ROLE_BLOCK = ABSENT + HIDDEN
COMBINE_BIAS = len(ROLES) * ROLE_BLOCK
COMBINE_MATRIX = COMBINE_BIAS + HIDDEN
PROJECT_BIAS = COMBINE_MATRIX + len(ROLES) * HIDDEN * HIDDEN
PROJECT_MATRIX = PROJECT_BIAS + HIDDEN
CLASSIFY_MATRIX = PROJECT_MATRIX + HIDDEN * HIDDEN
CLASSIFY_BIAS = CLASSIFY_MATRIX + EMBEDDING
MESSAGE_CENTRE = CLASSIFY_BIAS + 1
AGE_CENTRE = MESSAGE_CENTRE + MESSAGE_WIDTH
PACKED = AGE_CENTRE + 1

# Scratch space of one row.
AT_INPUTS = 0
AT_OUTPUTS = AT_INPUTS + FANOUT * SLOT_INPUTS
AT_END_INPUT = AT_OUTPUTS + FANOUT * HIDDEN
AT_ENDS = AT_END_INPUT + END_INPUTS
AT_COMBINED = AT_ENDS + len(ROLES) * HIDDEN
AT_PROJECTED = AT_COMBINED + HIDDEN
SCRATCH = AT_PROJECTED + HIDDEN
