"""How an account lies among its partners in a network of transfers, from who paid whom alone.

Groups that launder pay one another; honest accounts of the same size hardly share partners. So most columns count
closed triangles (Watts and Strogatz 1998), and weigh the third account by how few partners it has (Adamic and Adar
2003): a partner shared through a hub says little. Every pair of accounts counts once, however often it paid.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

__all__ = ["STRUCTURE_NAMES", "account_structure"]

STRUCTURE_NAMES = (
    "payees",
    "payers",
    "partners",
    "mutual",
    "cycles_of_three",
    "cycles_of_four",
    "triangles",
    "clustering",
    "rare_triangles",
    "triangles_by_chance",
    "shared_with_one",
    "partners_triangles",
    "partners_clustering",
    "partners_partners",
    "most_triangles_of_a_partner",
)


def account_structure(
    payer: NDArray[np.int64], payee: NDArray[np.int64], accounts: int
) -> NDArray[np.float32]:
    """[accounts, F] columns in the order of ``STRUCTURE_NAMES``; payments given by account numbers.

    Payments to oneself do not count. ``cycles_of_four`` counts closed walks of four payments, those that turn back
    included; ``triangles_by_chance`` is triangles per partner of a partner; ``shared_with_one`` is the most
    partners shared with a single partner; the ``partners_…`` columns are means over partners.
    """
    size = (accounts, accounts)
    other = payer != payee
    pays = sparse.csr_matrix((np.ones(int(other.sum())), (payer[other], payee[other])), shape=size)
    pays.data[:] = 1.0
    twice = pays @ pays
    tied = ((pays + pays.T) > 0).astype(np.float64)
    shared = (tied @ tied).multiply(tied).tocsr()
    partners = _sum(tied)
    triangles = _sum(shared) / 2.0
    clustering = triangles / np.maximum(partners * (partners - 1.0) / 2.0, 1.0)
    rarity = sparse.diags(1.0 / np.log(np.maximum(partners, 2.0)))
    columns = [
        _sum(pays),
        _sum(pays.T),
        partners,
        twice.diagonal(),
        _sum(twice.multiply(pays.T)),
        _sum(twice.multiply(twice.T)),
        triangles,
        clustering,
        _sum((tied @ rarity @ tied).multiply(tied)) / 2.0,
        triangles / np.maximum(tied @ partners, 1.0),
        _most(shared),
        *(tied @ value / np.maximum(partners, 1.0) for value in (triangles, clustering, partners)),
        _most(tied.multiply(triangles[None, :])),
    ]
    return np.column_stack(columns).astype(np.float32)


def _sum(matrix: sparse.spmatrix) -> NDArray[np.float64]:
    return np.asarray(matrix.sum(axis=1), np.float64).ravel()


def _most(matrix: sparse.spmatrix) -> NDArray[np.float64]:
    return np.asarray(matrix.max(axis=1).todense(), np.float64).ravel()
