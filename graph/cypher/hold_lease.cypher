// Take or extend the lease that makes its holder the one follower of the record, unless another's still runs; by the
// clock of the server. Comes after take_turn.
// $holder: name of the writer; $lease: milliseconds that it lasts
MATCH (w:Writer {name: 'graph'})
WITH w, w.holder IS NULL OR w.holder = $holder OR w.until < timestamp() AS free
FOREACH (_ IN CASE WHEN free THEN [1] ELSE [] END | SET w.holder = $holder, w.until = timestamp() + $lease)
RETURN free AS held
