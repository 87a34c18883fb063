// Does money go from one account to another through several?
// The accounts that one account paid and that paid another: what each got and passed on, and when. Payments of a pair
// are looked at as one sum; what was passed on ended after what was got began.
//
// Where the money is scattered.
// :param source => ''
// Where it is gathered.
// :param target => ''
// Payees of the source looked at; of more, any so many.
// :param fan_out => 1000
// Rows at most.
// :param limit => 100
MATCH (s:Account {id: $source})
MATCH (t:Account {id: $target})
CALL (s) {
  MATCH (s)-[scattered:PAID]->(m:Account)
  RETURN scattered, m LIMIT $fan_out
}
MATCH (m)-[gathered:PAID]->(t)
WHERE gathered.last >= scattered.first
RETURN m.id AS through, round(scattered.amount, 2) AS got, round(gathered.amount, 2) AS passed_on,
       datetime({epochMillis: scattered.first / 1000}) AS got_from,
       datetime({epochMillis: gathered.last / 1000}) AS passed_on_until, m.held AS held,
       [s, scattered, m, gathered, t] AS picture
ORDER BY passed_on DESC, through LIMIT $limit
