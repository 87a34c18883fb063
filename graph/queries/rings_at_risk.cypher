// Which rings matter most?
// Rings by the money at risk in them, with the money that moved, their size and where they stand; the newest state of
// each. Rings that were merged into others are left out.
//
// Rings seen since.
// :param since => datetime('1970-01-01T00:00:00Z')
// Rows at most.
// :param limit => 25
MATCH (r:Ring)
WHERE r.last >= $since.epochMillis * 1000 AND coalesce(r.status, 'open') <> 'merged'
WITH r ORDER BY coalesce(r.at_risk, 0.0) DESC, r.money DESC, r.id LIMIT $limit
RETURN r.id AS ring, r.kind AS kind, r.status AS status, round(r.score, 3) AS score, round(r.at_risk, 2) AS at_risk,
       round(r.money, 2) AS money, r.accounts AS accounts, datetime({epochMillis: r.first_alert / 1000}) AS first_alert,
       datetime({epochMillis: r.last / 1000}) AS last, r AS picture
ORDER BY at_risk DESC, money DESC, ring
