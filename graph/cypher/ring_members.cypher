// The members of a ring, the highest score first, as one list of [labels, id, role].
// $ring: ring id; $limit: members at most
MATCH (r:Ring {id: $ring})<-[m:MEMBER_OF]-(n)
WITH labels(n) AS labels, n.id AS id, m.role AS role, m.score AS score
ORDER BY score DESC, id LIMIT $limit
RETURN collect([labels, id, role]) AS found
