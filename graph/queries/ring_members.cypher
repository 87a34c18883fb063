// Who is in this ring, and what ties them?
// Its members with role and score, and for each account the members that it paid, used or came from. The highest scores
// come first.
//
// The ring.
// :param ring => ''
// Relationships of each account looked at for ties; of one with more, any so many.
// :param fan_out => 250
// Rows at most.
// :param limit => 200
MATCH (ring:Ring {id: $ring})
CALL (ring) {
  MATCH (ring)<-[m:MEMBER_OF]-(n)
  RETURN m, n ORDER BY m.score DESC, n.id LIMIT $limit
}
WITH ring, collect([m, n]) AS found, collect(n.id) AS ids
UNWIND found AS pair
WITH ring, ids, pair[0] AS m, pair[1] AS n
CALL (n, ids) {
  MATCH (n)-[r:PAID|USES|FROM]->(other)
  WITH ids, r, other LIMIT $fan_out
  WHERE other.id IN ids
  WITH r, other ORDER BY r.amount DESC, other.id
  RETURN collect(type(r) + ' ' + other.id + ' ×' + toString(r.count)) AS ties, collect(r) AS drawn
}
RETURN n.id AS member, head([l IN labels(n) WHERE l IN ['Account', 'Merchant', 'Device', 'IP']]) AS kind,
       m.role AS role, round(m.score, 3) AS score,
       CASE WHEN m.joined IS NOT NULL THEN datetime({epochMillis: m.joined / 1000}) END AS joined,
       coalesce(n.held, 0) AS held, ties, [ring, m, n] + drawn AS picture
ORDER BY score DESC, member
