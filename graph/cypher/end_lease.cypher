// Give the lease back, if it is ours. Comes after take_turn.
// $holder: name of the writer
MATCH (w:Writer {name: 'graph'})
WHERE w.holder = $holder
SET w.holder = null, w.until = null
RETURN count(w) AS ended
