// Give the lease back, if it is ours.
// $holder: name of the writer
MATCH (w:Writer {name: 'graph'})
WHERE w.holder = $holder
SET w.holder = null, w.until = null
RETURN count(w) AS ended
