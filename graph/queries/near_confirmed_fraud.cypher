// Who is one step from confirmed fraud?
// Accounts without a confirmed fraud of their own that share a device or an address with one that has, or exchanged
// money with it; the most frauds nearby come first. Things that many use, and shops, tie nobody.
//
// Frauds looked at: those reported last.
// :param frauds => 500
// Most transactions that a shared device or address may have.
// :param busiest => 200
// Relationships looked at, of each node; of more, any so many.
// :param fan_out => 100
// Rows at most.
// :param limit => 100
MATCH (t:Transaction)
WHERE t.label_time > 0 AND t.is_fraud
WITH t ORDER BY t.label_time DESC, t.id LIMIT $frauds
MATCH (t)<-[:MADE]-(known:Account)
WITH known, count(t) AS frauds, max(t.label_time) AS reported
WITH collect([known, frauds, reported]) AS found, collect(known.id) AS confirmed
UNWIND found AS one
WITH confirmed, one[0] AS known, one[1] AS frauds, one[2] AS reported
CALL (known) {
  MATCH (known)-[r:USES|FROM]->(thing)
  WITH known, r, thing LIMIT $fan_out
  WHERE thing.transactions <= $busiest
  CALL (known, thing) {
    MATCH (thing)<-[s:USES|FROM]-(near:Account)
    WITH known, s, near LIMIT $fan_out
    WHERE near <> known
    RETURN s, near
  }
  RETURN near, 'shares ' + thing.id AS tie, [r, thing, s] AS drawn
  UNION ALL
  MATCH (known)-[r:PAID]->(near:Account)
  WITH r, near LIMIT $fan_out
  RETURN near, 'was paid' AS tie, [r] AS drawn
  UNION ALL
  MATCH (known)<-[r:PAID]-(near:Account)
  WITH r, near LIMIT $fan_out
  RETURN near, 'paid' AS tie, [r] AS drawn
}
WITH confirmed, known, frauds, reported, near, tie, drawn
WHERE NOT near.id IN confirmed
WITH near, known, frauds, reported, tie, drawn ORDER BY known.id, tie
WITH near, known, frauds, reported, collect(tie) AS ties, collect(drawn) AS drawn
WITH near, sum(frauds) AS frauds, max(reported) AS reported, collect(known.id + ': ' + reduce(s = head(ties), t IN tail(ties) | s + ', ' + t)) AS through,
     collect([known, drawn]) AS drawn
RETURN near.id AS account, frauds, through, near.transactions AS transactions, near.held AS held,
       round(near.worst, 3) AS worst, datetime({epochMillis: reported / 1000}) AS reported, [near, drawn] AS picture
ORDER BY frauds DESC, held DESC, account LIMIT $limit
