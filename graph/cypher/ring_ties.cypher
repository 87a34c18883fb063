// What ties accounts to the members of their ring, of up to $most relationships that each account begins: how many
// there were (at $most the account may have more), and [labels and id of the member, type, count, amount, first, last].
// $payers: ids of member accounts; $members: ids of all members; $most: relationships looked through at each
UNWIND $payers AS id
CALL (id) {
  MATCH (a:Account {id: id})-[r:PAID|USES|FROM]->(b)
  WITH r, b LIMIT $most
  RETURN count(r) AS seen,
         collect(CASE WHEN b.id IN $members THEN
                   [labels(b), b.id, type(r), r.count, r.amount, r.first, r.last] END) AS ties
}
RETURN id AS account, seen, ties
