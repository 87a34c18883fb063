// Remove rings last seen before $before, but for those named, with their history and evidence.
// $before: microseconds since 1970; $open: ids of rings that stay; $size: most of them at once
MATCH (r:Ring)
WHERE r.last < $before AND NOT r.id IN $open
WITH r LIMIT $size
CALL (r) {
  OPTIONAL MATCH (r)-[:WENT_THROUGH]->(s:RingEvent)
  DETACH DELETE s
  RETURN count(*) AS steps
}
CALL (r) {
  UNWIND coalesce(r.sources, []) AS source
  MATCH (:Account {id: source})-[e:EVIDENCE]->()
  WHERE e.ring = r.id
  DELETE e
  RETURN count(*) AS ties
}
DETACH DELETE r
RETURN count(*) AS removed
