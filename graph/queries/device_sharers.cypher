// Who shares this device?
// The accounts that used one device: how often, for how much and when, how many of their payments were held, and which
// rings they are in. Those with the most held come first.
//
// The device.
// :param device => ''
// Accounts looked at; of a device that more use, any so many.
// :param fan_out => 1000
// Rows at most.
// :param limit => 50
MATCH (d:Device {id: $device})
CALL (d) {
  MATCH (d)<-[u:USES]-(a:Account)
  RETURN u, a LIMIT $fan_out
}
WITH d, u, a ORDER BY a.held DESC, a.worst DESC, a.id LIMIT $limit
OPTIONAL MATCH (a)-[:MEMBER_OF]->(ring:Ring)
WITH d, u, a, ring ORDER BY ring.id
WITH d, u, a, collect(ring.id) AS rings
RETURN a.id AS account, u.count AS uses, round(u.amount, 2) AS amount,
       datetime({epochMillis: u.first / 1000}) AS first, datetime({epochMillis: u.last / 1000}) AS last,
       a.transactions AS transactions, a.held AS held, round(a.worst, 3) AS worst, rings, [d, u, a] AS picture
ORDER BY held DESC, worst DESC, account
