// In the transaction that adds batches, note how far the stream has come.
// $stream: name of the stream; $batch: id of the last batch added
MERGE (s:Stream {name: $stream})
SET s.batch = $batch
