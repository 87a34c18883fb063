// Does money come back to this account?
// Round trips of 2 to 5 payments between accounts that begin and end at one account, each step able to follow the one
// before in time and of a like amount. Payments of a pair are looked at as one sum with its first and last time, so a
// round trip found is possible in time, not proven; the shortest come first.
//
// The account.
// :param account => ''
// Least part of the amount before that a step passes on; as much more than it may be added.
// :param share => 0.5
// Payees looked at, of each account on the way; of one with more, any so many.
// :param fan_out => 200
// Payees followed, of each account on the way: those paid the most.
// :param branches => 8
// Rows at most.
// :param limit => 20
MATCH (a:Account {id: $account})
CALL (a) {
  MATCH (a)-[r:PAID]->(b:Account)
  WITH a, r, b LIMIT $fan_out
  WHERE b <> a
  WITH r ORDER BY r.amount DESC LIMIT $branches
  RETURN collect([r]) AS one
}
CALL (a, one) {
  UNWIND one AS walk
  WITH a, walk, last(walk) AS before, endNode(last(walk)) AS b
  CALL (a, walk, before, b) {
    MATCH (b)-[r:PAID]->(c:Account)
    WITH a, walk, before, r, c LIMIT $fan_out
    WHERE c <> a AND NOT c IN [x IN walk | endNode(x)] AND r.last >= before.first
      AND r.amount >= $share * before.amount AND $share * r.amount <= before.amount
    WITH r ORDER BY r.amount DESC LIMIT $branches
    RETURN r
  }
  RETURN collect(walk + [r]) AS two
}
CALL (a, two) {
  UNWIND two AS walk
  WITH a, walk, last(walk) AS before, endNode(last(walk)) AS b
  CALL (a, walk, before, b) {
    MATCH (b)-[r:PAID]->(c:Account)
    WITH a, walk, before, r, c LIMIT $fan_out
    WHERE c <> a AND NOT c IN [x IN walk | endNode(x)] AND r.last >= before.first
      AND r.amount >= $share * before.amount AND $share * r.amount <= before.amount
    WITH r ORDER BY r.amount DESC LIMIT $branches
    RETURN r
  }
  RETURN collect(walk + [r]) AS three
}
CALL (a, three) {
  UNWIND three AS walk
  WITH a, walk, last(walk) AS before, endNode(last(walk)) AS b
  CALL (a, walk, before, b) {
    MATCH (b)-[r:PAID]->(c:Account)
    WITH a, walk, before, r, c LIMIT $fan_out
    WHERE c <> a AND NOT c IN [x IN walk | endNode(x)] AND r.last >= before.first
      AND r.amount >= $share * before.amount AND $share * r.amount <= before.amount
    WITH r ORDER BY r.amount DESC LIMIT $branches
    RETURN r
  }
  RETURN collect(walk + [r]) AS four
}
UNWIND one + two + three + four AS walk
WITH a, walk, last(walk) AS before, endNode(last(walk)) AS b
MATCH (b)-[r:PAID]->(a)
WHERE r.last >= before.first AND r.amount >= $share * before.amount AND $share * r.amount <= before.amount
WITH a, walk + [r] AS walk
RETURN size(walk) AS payments, [x IN walk | startNode(x).id] + [a.id] AS way, round(head(walk).amount, 2) AS sent,
       round(last(walk).amount, 2) AS came_back, datetime({epochMillis: head(walk).first / 1000}) AS first,
       datetime({epochMillis: last(walk).last / 1000}) AS last, walk AS picture
ORDER BY payments, came_back DESC, way LIMIT $limit
