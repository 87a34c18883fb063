// Ids of ips between two texts, in their order
// $first: the beginning asked for; $last: a text after all that begin so; $size: ids wanted
MATCH (n:IP)
WHERE n.id >= $first AND n.id < $last
RETURN n.id AS id ORDER BY n.id LIMIT $size
