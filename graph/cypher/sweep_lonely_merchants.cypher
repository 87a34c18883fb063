// Remove those of a page of merchants that were last seen before $before and are tied to nothing any more.
// $ids: ids of the page; $before: microseconds since 1970
UNWIND $ids AS id
MATCH (n:Merchant {id: id})
WHERE coalesce(n.last, 0) < $before AND NOT (n)--()
DELETE n
RETURN count(*) AS removed
