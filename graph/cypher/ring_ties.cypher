// What ties accounts to the members of their ring, of up to $most relationships that each account begins, as one list of
// [account, how many there were (at $most it may have more), ties]; a tie is
// [labels and id of the member, type, count, amount, first, last].
// $of.payers: ids of member accounts; $of.members: {id of a member: true}, as looking through a list for each relationship would
// cost more than all else; $most: relationships looked through at each
UNWIND $of.payers AS id
CALL (id) {
  MATCH (a:Account {id: id})-[r:PAID|USES|FROM]->(b)
  WITH r, b LIMIT $most
  RETURN count(r) AS seen,
         collect(CASE WHEN $of.members[b.id] IS NOT NULL THEN
                   [labels(b), b.id, type(r), r.count, r.amount, r.first, r.last] END) AS ties
}
RETURN collect([id, seen, ties]) AS found
