// Which rings have a member in common?
// Pairs of rings that share an account, merchant, device or address, and what they share; the most in common come first.
//
// Rings looked at: those seen last, but for merged ones.
// :param rings => 500
// Members looked at, of each ring, and rings of each member; of more, any so many.
// :param fan_out => 200
// Rows at most.
// :param limit => 50
MATCH (ring:Ring)
WHERE coalesce(ring.status, 'open') <> 'merged'
WITH ring ORDER BY ring.last DESC, ring.id LIMIT $rings
CALL (ring) {
  MATCH (ring)<-[m:MEMBER_OF]-(n)
  WITH ring, m, n LIMIT $fan_out
  CALL (ring, n) {
    MATCH (n)-[o:MEMBER_OF]->(other:Ring)
    WITH ring, o, other LIMIT $fan_out
    WHERE other.id > ring.id AND coalesce(other.status, 'open') <> 'merged'
    RETURN o, other
  }
  RETURN m, n, o, other
}
WITH ring, other, m, n, o ORDER BY n.id
WITH ring, other, collect(n.id) AS common, collect(n) + collect(m) + collect(o) AS drawn
RETURN ring.id AS ring, ring.kind AS kind, other.id AS other, other.kind AS other_kind, common,
       round(ring.money + other.money, 2) AS money, [ring, other] + drawn AS picture
ORDER BY size(common) DESC, money DESC, ring, other LIMIT $limit
