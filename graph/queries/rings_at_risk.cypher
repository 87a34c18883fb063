// Which rings matter most?
// Rings by the money that moved in them, with their size; the newest state of each.
//
// Rings seen since.
// :param since => datetime('1970-01-01T00:00:00Z')
// Rows at most.
// :param limit => 25
MATCH (r:Ring)
WHERE r.last >= $since.epochMillis * 1000
WITH r ORDER BY r.money DESC, r.id LIMIT $limit
CALL (r) {
  MATCH (r)<-[:MEMBER_OF]-(m)
  RETURN count(m) AS members, sum(CASE WHEN m:Account THEN 1 ELSE 0 END) AS accounts
}
RETURN r.id AS ring, r.kind AS kind, round(r.score, 3) AS score, round(r.money, 2) AS money, members, accounts,
       datetime({epochMillis: r.first_alert / 1000}) AS first_alert, datetime({epochMillis: r.last / 1000}) AS last,
       r AS picture
ORDER BY money DESC, ring
