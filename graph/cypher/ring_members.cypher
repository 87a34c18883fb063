// The members of a ring, the highest score first.
// $ring: ring id; $limit: members at most
MATCH (r:Ring {id: $ring})<-[m:MEMBER_OF]-(n)
RETURN labels(n) AS labels, n.id AS id, m.role AS role, m.score AS score
ORDER BY m.score DESC, n.id LIMIT $limit
