// The relationships of one node that moved most, by the kind of the other end, of those that a person asked for; as one
// list, values by place: [1 where the node is the source else 0, id of the other end, type, count, amount, first, last].
// $of.purchases, $of.transfers, $of.uses, $of.origins, $of.merchants, $of.devices, $of.ips: the id of the node, under what is to be followed:
//   of an account its merchants, accounts, devices, addresses; of any other node its accounts
// $since: microseconds since 1970, seen last at or after it; $least: amount; $shown: ids of other ends not wanted;
// $most: relationships looked at of each kind, so that a hub costs no more; $limit: relationships given of each kind
UNWIND $of.purchases AS id
CALL (id) {
  MATCH (n:Account {id: id})-[r:PAID]->(m)
  WITH n, r, m LIMIT $most
  WHERE m:Merchant AND r.last >= $since AND r.amount >= $least AND NOT m.id IN $shown
  WITH n, r, m ORDER BY r.amount DESC, m.id LIMIT $limit
  RETURN collect([CASE WHEN startNode(r) = n THEN 1 ELSE 0 END, m.id, type(r), r.count, r.amount, r.first, r.last]) AS ties
}
RETURN 'Merchant' AS label, ties
UNION ALL
UNWIND $of.transfers AS id
CALL (id) {
  MATCH (n:Account {id: id})-[r:PAID]-(m)
  WITH n, r, m LIMIT $most
  WHERE m:Account AND r.last >= $since AND r.amount >= $least AND NOT m.id IN $shown
  WITH n, r, m ORDER BY r.amount DESC, m.id LIMIT $limit
  RETURN collect([CASE WHEN startNode(r) = n THEN 1 ELSE 0 END, m.id, type(r), r.count, r.amount, r.first, r.last]) AS ties
}
RETURN 'Account' AS label, ties
UNION ALL
UNWIND $of.uses AS id
CALL (id) {
  MATCH (n:Account {id: id})-[r:USES]->(m)
  WITH n, r, m LIMIT $most
  WHERE m:Device AND r.last >= $since AND r.amount >= $least AND NOT m.id IN $shown
  WITH n, r, m ORDER BY r.amount DESC, m.id LIMIT $limit
  RETURN collect([CASE WHEN startNode(r) = n THEN 1 ELSE 0 END, m.id, type(r), r.count, r.amount, r.first, r.last]) AS ties
}
RETURN 'Device' AS label, ties
UNION ALL
UNWIND $of.origins AS id
CALL (id) {
  MATCH (n:Account {id: id})-[r:FROM]->(m)
  WITH n, r, m LIMIT $most
  WHERE m:IP AND r.last >= $since AND r.amount >= $least AND NOT m.id IN $shown
  WITH n, r, m ORDER BY r.amount DESC, m.id LIMIT $limit
  RETURN collect([CASE WHEN startNode(r) = n THEN 1 ELSE 0 END, m.id, type(r), r.count, r.amount, r.first, r.last]) AS ties
}
RETURN 'IP' AS label, ties
UNION ALL
UNWIND $of.merchants AS id
CALL (id) {
  MATCH (n:Merchant {id: id})<-[r:PAID]-(m)
  WITH n, r, m LIMIT $most
  WHERE m:Account AND r.last >= $since AND r.amount >= $least AND NOT m.id IN $shown
  WITH n, r, m ORDER BY r.amount DESC, m.id LIMIT $limit
  RETURN collect([CASE WHEN startNode(r) = n THEN 1 ELSE 0 END, m.id, type(r), r.count, r.amount, r.first, r.last]) AS ties
}
RETURN 'Account' AS label, ties
UNION ALL
UNWIND $of.devices AS id
CALL (id) {
  MATCH (n:Device {id: id})<-[r:USES]-(m)
  WITH n, r, m LIMIT $most
  WHERE m:Account AND r.last >= $since AND r.amount >= $least AND NOT m.id IN $shown
  WITH n, r, m ORDER BY r.amount DESC, m.id LIMIT $limit
  RETURN collect([CASE WHEN startNode(r) = n THEN 1 ELSE 0 END, m.id, type(r), r.count, r.amount, r.first, r.last]) AS ties
}
RETURN 'Account' AS label, ties
UNION ALL
UNWIND $of.ips AS id
CALL (id) {
  MATCH (n:IP {id: id})<-[r:FROM]-(m)
  WITH n, r, m LIMIT $most
  WHERE m:Account AND r.last >= $since AND r.amount >= $least AND NOT m.id IN $shown
  WITH n, r, m ORDER BY r.amount DESC, m.id LIMIT $limit
  RETURN collect([CASE WHEN startNode(r) = n THEN 1 ELSE 0 END, m.id, type(r), r.count, r.amount, r.first, r.last]) AS ties
}
RETURN 'Account' AS label, ties
