// Which devices are used in several rings?
// Devices that accounts of at least two rings used, with those rings; the most rings come first. Such a device is
// where two rings may be one; those that many use tie nobody.
//
// Rings looked at: those seen last, but for merged ones.
// :param rings => 500
// Accounts looked at, of each ring; of more, any so many.
// :param members => 200
// Devices looked at, of each account; of more, any so many.
// :param fan_out => 50
// Most transactions that such a device may have.
// :param busiest => 200
// Rows at most.
// :param limit => 50
MATCH (ring:Ring)
WHERE coalesce(ring.status, 'open') <> 'merged'
WITH ring ORDER BY ring.last DESC, ring.id LIMIT $rings
CALL (ring) {
  MATCH (ring)<-[:MEMBER_OF]-(a:Account)
  WITH a LIMIT $members
  CALL (a) {
    MATCH (a)-[u:USES]->(d:Device)
    WITH u, d LIMIT $fan_out
    WHERE d.transactions <= $busiest
    RETURN u, d
  }
  RETURN a, u, d
}
WITH d, ring, a, u ORDER BY ring.id, a.id
WITH d, collect(DISTINCT ring.id) AS rings, collect(DISTINCT a.id) AS accounts, collect(u) AS drawn
WHERE size(rings) >= 2
RETURN d.id AS device, rings, accounts, d.transactions AS transactions, d.held AS held, [d] + drawn AS picture
ORDER BY size(rings) DESC, held DESC, device LIMIT $limit
