// Who pays many for the first time, lately?
// Accounts that paid several others for the first time in the last days, against the newest time in the graph, and how
// much accounts had paid them in the same days. The most payees come first.
//
// The last days.
// :param days => 3.0
// New payees that it takes.
// :param least => 5
// First payments between accounts looked at: the newest.
// :param pairs => 100000
// Relationships looked at, of each payer; of more, any so many.
// :param fan_out => 1000
// Rows at most.
// :param limit => 50
MATCH (s:Stream)
WITH coalesce(max(s.time), 1000 * timestamp()) - 86400000000 * $days AS since
MATCH (payer:Account)-[r:PAID]->(payee:Account)
WHERE r.first >= since
WITH since, r, payer ORDER BY r.first DESC LIMIT $pairs
WITH since, payer, count(r) AS payees, sum(r.amount) AS paid, min(r.first) AS first, max(r.last) AS last,
     collect(r)[..50] AS drawn
WHERE payees >= $least
WITH since, payer, payees, paid, first, last, drawn ORDER BY payees DESC, paid DESC, payer.id LIMIT $limit
CALL (payer, since) {
  MATCH (payer)<-[i:PAID]-(:Account)
  WITH since, i LIMIT $fan_out
  WHERE i.first >= since
  RETURN coalesce(sum(i.amount), 0.0) AS got
}
RETURN payer.id AS payer, payees, round(paid, 2) AS paid, round(got, 2) AS got,
       datetime({epochMillis: first / 1000}) AS first, datetime({epochMillis: last / 1000}) AS last,
       payer.held AS held, [payer] + drawn AS picture
ORDER BY payees DESC, paid DESC, payer
