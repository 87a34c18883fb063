// The last batch of a stream that this graph holds; nothing before its first.
// $stream: name of the writer
MATCH (s:Stream {name: $stream})
RETURN s.batch AS batch
