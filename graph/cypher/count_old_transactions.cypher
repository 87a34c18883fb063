// Count transactions that a page of accounts made before $before, but for those that touch what is kept.
// $ids: ids of the page; $before: microseconds since 1970; $kept: ids of nodes whose history stays
UNWIND $ids AS id
MATCH (:Account {id: id})-[:MADE]->(t:Transaction)
WHERE t.time < $before AND NOT EXISTS { MATCH (t)-[:TO|VIA|AT]->(k) WHERE k.id IN $kept }
RETURN count(t) AS removed
