// In the transaction that adds batches, note how far the stream has come.
// $stream: name of the writer; $batch: id of the last batch added
MATCH (s:Stream {name: $stream})
SET s.batch = $batch
