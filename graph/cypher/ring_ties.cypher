// What ties accounts to the members of their ring, of up to $most relationships that each account begins.
// $accounts: ids of member accounts; $members: ids of all members; $most: relationships looked through at each;
// seen = $most says that the account has more, or just as many
UNWIND $accounts AS id
CALL (id) {
  MATCH (a:Account {id: id})-[r:PAID|USES|FROM]->(b)
  WITH a, r, b LIMIT $most
  RETURN count(r) AS seen,
         collect(CASE WHEN b.id IN $members THEN
                   {source_label: 'Account', source_id: a.id, target_label: labels(b)[0], target_id: b.id,
                    type: type(r), count: r.count, amount: r.amount, first: r.first, last: r.last} END) AS ties
}
RETURN id AS account, seen, ties
