// Where did the money go?
// Up to three steps from an account, each payment able to follow the one before in time; shops end a trail. Payments of
// a pair are looked at as one sum with its first and last time, so a step is possible in time, not proven.
//
// The account.
// :param account => ''
// Leave out payments that ended before.
// :param since => datetime('1970-01-01T00:00:00Z')
// Least part of the amount before that a step passes on.
// :param share => 0.1
// Payees looked at, of each account on the way; of one with more, any so many.
// :param fan_out => 200
// Payees followed, of each account on the way: those paid the most.
// :param branches => 8
// Rows at most.
// :param limit => 100
MATCH (a:Account {id: $account})
CALL (a) {
  MATCH (a)-[r:PAID]->(b)
  WITH r LIMIT $fan_out
  WHERE r.last >= $since.epochMillis * 1000
  WITH r ORDER BY r.amount DESC LIMIT $branches
  RETURN collect([r]) AS one
}
CALL (a, one) {
  UNWIND one AS walk
  WITH a, walk, last(walk) AS before, endNode(last(walk)) AS b
  CALL (before, b) {
    MATCH (b)-[r:PAID]->(c)
    WITH before, r LIMIT $fan_out
    WHERE r.last >= before.first AND r.last >= $since.epochMillis * 1000
      AND r.amount >= $share * before.amount
    WITH r ORDER BY r.amount DESC LIMIT $branches
    RETURN r
  }
  RETURN collect(walk + [r]) AS two
}
CALL (a, two) {
  UNWIND two AS walk
  WITH a, walk, last(walk) AS before, endNode(last(walk)) AS b
  WHERE b <> a
  CALL (walk, before, b) {
    MATCH (b)-[r:PAID]->(c)
    WITH walk, before, r, c LIMIT $fan_out
    WHERE NOT c IN [x IN walk | endNode(x)] AND r.last >= before.first
      AND r.last >= $since.epochMillis * 1000 AND r.amount >= $share * before.amount
    WITH r ORDER BY r.amount DESC LIMIT $branches
    RETURN r
  }
  RETURN collect(walk + [r]) AS three
}
UNWIND one + two + three AS walk
WITH last(walk) AS r, min(size(walk)) AS step
WITH r, step, startNode(r) AS payer, endNode(r) AS payee
RETURN step, payer.id AS from, head([l IN labels(payee) WHERE l IN ['Account', 'Merchant']]) AS kind, payee.id AS to,
       r.count AS payments, round(r.amount, 2) AS amount, datetime({epochMillis: r.first / 1000}) AS first,
       datetime({epochMillis: r.last / 1000}) AS last, [payer, r, payee] AS picture
ORDER BY step, amount DESC, from, to LIMIT $limit
