// Who shares this address?
// The accounts that paid from one IP address: how often, for how much and when, how many of their payments were held,
// and which rings they are in. Those with the most held come first.
//
// The address, as a token.
// :param ip => ''
// Accounts looked at; of an address that more use, any so many.
// :param fan_out => 1000
// Rows at most.
// :param limit => 50
MATCH (i:IP {id: $ip})
CALL (i) {
  MATCH (i)<-[u:FROM]-(a:Account)
  RETURN u, a LIMIT $fan_out
}
WITH i, u, a ORDER BY a.held DESC, a.worst DESC, a.id LIMIT $limit
OPTIONAL MATCH (a)-[:MEMBER_OF]->(ring:Ring)
WITH i, u, a, ring ORDER BY ring.id
WITH i, u, a, collect(ring.id) AS rings
RETURN a.id AS account, u.count AS uses, round(u.amount, 2) AS amount,
       datetime({epochMillis: u.first / 1000}) AS first, datetime({epochMillis: u.last / 1000}) AS last,
       a.transactions AS transactions, a.held AS held, round(a.worst, 3) AS worst, rings, [i, u, a] AS picture
ORDER BY held DESC, worst DESC, account
