// Where do new accounts suddenly go?
// Merchants that accounts first seen in the last days paid, far more of them than in the days before; against the
// newest time in the graph. The greatest rise comes first.
//
// The last days.
// :param days => 3.0
// The days before that they are compared with.
// :param days_before => 27.0
// New accounts that a merchant must have had in the last days.
// :param least => 5
// How many times the daily number of before.
// :param times => 3.0
// Accounts looked at: those first seen last.
// :param accounts => 20000
// Merchants of each account looked at; of more, any so many.
// :param fan_out => 50
// Rows at most.
// :param limit => 50
MATCH (s:Stream)
WITH coalesce(max(s.time), 1000 * timestamp()) AS now
WITH now - 86400000000 * $days AS since, now - 86400000000 * ($days + $days_before) AS begin
MATCH (a:Account)
WHERE a.first >= begin
WITH since, a ORDER BY a.first DESC LIMIT $accounts
CALL (a) {
  MATCH (a)-[r:PAID]->(m:Merchant)
  RETURN r, m LIMIT $fan_out
}
WITH m, sum(CASE WHEN a.first >= since THEN 1 ELSE 0 END) AS new, sum(CASE WHEN a.first < since THEN 1 ELSE 0 END) AS before,
     sum(CASE WHEN a.first >= since THEN r.amount ELSE 0.0 END) AS amount, sum(CASE WHEN a.first >= since THEN a.held ELSE 0 END) AS held
WITH m, new, before, amount, held, new / $days AS daily, before / $days_before AS daily_before
WHERE new >= $least AND daily >= $times * daily_before
RETURN m.id AS merchant, new AS new_accounts, round(daily, 2) AS a_day, round(daily_before, 2) AS a_day_before,
       round(amount, 2) AS amount, held, m.transactions AS transactions, m AS picture
ORDER BY daily - daily_before DESC, merchant LIMIT $limit
