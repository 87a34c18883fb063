// The next ids of accounts in their order.
// $after: the last id of the page before, '' at first; $size: ids wanted
MATCH (n:Account)
WHERE n.id > $after
RETURN n.id AS id ORDER BY n.id LIMIT $size
