// Count transactions that a page of accounts made before $before, of the passing ones before $passing, but for those that touch what is kept.
// $ids: ids of the page; $before, $passing: microseconds since 1970; $kept: ids of nodes whose history stays
UNWIND $ids AS id
MATCH (:Account {id: id})-[:MADE]->(t:Transaction)
WHERE (t.time < $before OR t.time < $passing AND NOT t.lasting)
  AND NOT EXISTS { MATCH (t)-[:TO|VIA|AT]->(k) WHERE k.id IN $kept }
RETURN count(t) AS removed
