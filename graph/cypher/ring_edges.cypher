// What ties the members of a ring to one another, the largest sums first.
// $ring: ring id; $limit: relationships at most
MATCH (r:Ring {id: $ring})<-[:MEMBER_OF]-(a:Account)-[e:PAID|USES|FROM]->(b)-[:MEMBER_OF]->(r)
RETURN 'Account' AS source_label, a.id AS source_id, labels(b)[0] AS target_label, b.id AS target_id,
       type(e) AS type, e.count AS count, e.amount AS amount, e.first AS first, e.last AS last
ORDER BY e.amount DESC LIMIT $limit
