// How far each stream has come. No parameters.
MATCH (s:Stream)
RETURN s.name AS stream, s.batch AS batch
