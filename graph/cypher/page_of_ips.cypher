// The next ids of IP addresses in their order.
// $after: the last id of the page before, '' at first; $size: ids wanted
MATCH (n:IP)
WHERE n.id > $after
RETURN n.id AS id ORDER BY n.id LIMIT $size
