// In the transaction that adds batches, note how far the stream has come.
// $stream: name of the stream; $batch: id of the last batch added; $time: of the newest transaction added, microseconds
// since 1970, or null
MERGE (s:Stream {name: $stream})
SET s.batch = $batch, s.time = CASE WHEN $time IS NULL OR $time < s.time THEN s.time ELSE $time END
