// The last batch of a stream that this graph holds, its node locked for the rest of the transaction.
// $stream: name of the writer
MERGE (s:Stream {name: $stream})
SET s.batch = coalesce(s.batch, 0)
RETURN s.batch AS batch
