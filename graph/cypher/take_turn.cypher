// Lock the store's one Writer node for the rest of the transaction, so that no two transactions write at once.
// No parameters.
MERGE (w:Writer {name: 'graph'})
SET w.turn = coalesce(w.turn, 0) + 1
RETURN w.turn AS turn
