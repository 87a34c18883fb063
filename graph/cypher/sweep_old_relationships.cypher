// Remove relationships of a page of accounts that were last used before $before, but for those that touch what is kept.
// $ids: ids of the page; $before: microseconds since 1970; $kept: ids of nodes whose history stays; $size: most of them at once
UNWIND $ids AS id
MATCH (:Account {id: id})-[r:PAID|USES|FROM]->(k)
WHERE r.last < $before AND NOT k.id IN $kept
WITH r LIMIT $size
DELETE r
RETURN count(*) AS removed
