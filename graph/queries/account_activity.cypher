// What did this account do in a window?
// Everything that touched the window, in order of time: single transactions where the store keeps them (not approved,
// evidence of rings, known frauds, more by RINGFENCE_GRAPH__TRANSACTIONS), and for every payee, payer, device and address
// the sum of all payments, which may reach out of the window.
//
// The account.
// :param account => ''
// From.
// :param since => datetime('1970-01-01T00:00:00Z')
// Until.
// :param until => datetime('2970-01-01T00:00:00Z')
// Relationships and transactions looked at, of each; of more, any so many.
// :param fan_out => 1000
// Rows at most.
// :param limit => 200
MATCH (a:Account {id: $account})
CALL (a) {
  MATCH (a)-[:MADE]->(t:Transaction)
  WITH t LIMIT $fan_out
  WHERE t.time >= $since.epochMillis * 1000 AND t.time <= $until.epochMillis * 1000
  OPTIONAL MATCH (t)-[:TO]->(b)
  RETURN t.time AS began, t.time AS ended, 'transaction ' + t.id AS what, b AS other, 1 AS count, t.amount AS amount,
         t.outcome AS outcome, t AS tie
  UNION ALL
  MATCH (a)-[r:PAID|USES|FROM]->(b)
  WITH r, b LIMIT $fan_out
  WHERE r.last >= $since.epochMillis * 1000 AND r.first <= $until.epochMillis * 1000
  RETURN r.first AS began, r.last AS ended,
         CASE type(r) WHEN 'PAID' THEN 'paid' WHEN 'USES' THEN 'used' ELSE 'came from' END AS what, b AS other,
         r.count AS count, r.amount AS amount, null AS outcome, r AS tie
  UNION ALL
  MATCH (a)<-[r:PAID]-(b:Account)
  WITH r, b LIMIT $fan_out
  WHERE r.last >= $since.epochMillis * 1000 AND r.first <= $until.epochMillis * 1000
  RETURN r.first AS began, r.last AS ended, 'was paid by' AS what, b AS other, r.count AS count, r.amount AS amount,
         null AS outcome, r AS tie
}
RETURN datetime({epochMillis: began / 1000}) AS first, datetime({epochMillis: ended / 1000}) AS last, what,
       head([l IN labels(other) WHERE l IN ['Account', 'Merchant', 'Device', 'IP']]) AS kind, other.id AS other,
       count, round(amount, 2) AS amount, outcome, [a, tie, other] AS picture
ORDER BY first, last, what, kind LIMIT $limit
