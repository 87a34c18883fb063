// Who collects from many, lately?
// Accounts that several others paid for the first time in the last days, against the newest time in the graph, and how
// much of it they passed on to accounts since. The most payers come first.
//
// The last days.
// :param days => 3.0
// New payers that it takes.
// :param least => 5
// First payments between accounts looked at: the newest.
// :param pairs => 100000
// Relationships looked at, of each collector; of more, any so many.
// :param fan_out => 1000
// Rows at most.
// :param limit => 50
MATCH (s:Stream)
WITH coalesce(max(s.time), 1000 * timestamp()) - 86400000000 * $days AS since
MATCH (payer:Account)-[r:PAID]->(collector:Account)
WHERE r.first >= since
WITH since, r, collector ORDER BY r.first DESC LIMIT $pairs
WITH since, collector, count(r) AS payers, sum(r.amount) AS got, min(r.first) AS first, max(r.last) AS last,
     collect(r)[..50] AS drawn
WHERE payers >= $least
WITH since, collector, payers, got, first, last, drawn ORDER BY payers DESC, got DESC, collector.id LIMIT $limit
CALL (collector, first) {
  MATCH (collector)-[o:PAID]->(:Account)
  WITH first, o LIMIT $fan_out
  WHERE o.first >= first
  RETURN coalesce(sum(o.amount), 0.0) AS passed_on
}
RETURN collector.id AS collector, payers, round(got, 2) AS got, round(passed_on, 2) AS passed_on,
       datetime({epochMillis: first / 1000}) AS first, datetime({epochMillis: last / 1000}) AS last,
       collector.held AS held, [collector] + drawn AS picture
ORDER BY payers DESC, got DESC, collector
