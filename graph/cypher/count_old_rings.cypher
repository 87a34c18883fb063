// Count rings last seen before $before, but for those named.
// $before: microseconds since 1970; $open: ids of rings that stay
MATCH (r:Ring)
WHERE r.last < $before AND NOT r.id IN $open
RETURN count(r) AS removed
