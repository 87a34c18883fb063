// Remove rings last seen before $before, but for those named.
// $before: microseconds since 1970; $open: ids of rings that stay; $size: most of them at once
MATCH (r:Ring)
WHERE r.last < $before AND NOT r.id IN $open
WITH r LIMIT $size
DETACH DELETE r
RETURN count(*) AS removed
