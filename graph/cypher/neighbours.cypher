// Up to $fan_out relationships of each node, as one list a label, values by place to keep the answer small:
// [id, [[1 where the node is the source else 0, labels and id of the other end, type, count, amount, first, last]]].
// $of.accounts, $of.merchants, $of.devices, $of.ips: ids of the nodes; $fan_out: relationships taken at each,
// so that a hub costs no more
UNWIND $of.accounts AS id
CALL (id) {
  MATCH (n:Account {id: id})-[r:PAID|USES|FROM]-(m)
  WITH n, r, m LIMIT $fan_out
  RETURN collect([CASE WHEN startNode(r) = n THEN 1 ELSE 0 END, labels(m), m.id,
                  type(r), r.count, r.amount, r.first, r.last]) AS ties
}
RETURN 'Account' AS label, collect([id, ties]) AS found
UNION ALL
UNWIND $of.merchants AS id
CALL (id) {
  MATCH (n:Merchant {id: id})-[r:PAID|USES|FROM]-(m)
  WITH n, r, m LIMIT $fan_out
  RETURN collect([CASE WHEN startNode(r) = n THEN 1 ELSE 0 END, labels(m), m.id,
                  type(r), r.count, r.amount, r.first, r.last]) AS ties
}
RETURN 'Merchant' AS label, collect([id, ties]) AS found
UNION ALL
UNWIND $of.devices AS id
CALL (id) {
  MATCH (n:Device {id: id})-[r:PAID|USES|FROM]-(m)
  WITH n, r, m LIMIT $fan_out
  RETURN collect([CASE WHEN startNode(r) = n THEN 1 ELSE 0 END, labels(m), m.id,
                  type(r), r.count, r.amount, r.first, r.last]) AS ties
}
RETURN 'Device' AS label, collect([id, ties]) AS found
UNION ALL
UNWIND $of.ips AS id
CALL (id) {
  MATCH (n:IP {id: id})-[r:PAID|USES|FROM]-(m)
  WITH n, r, m LIMIT $fan_out
  RETURN collect([CASE WHEN startNode(r) = n THEN 1 ELSE 0 END, labels(m), m.id,
                  type(r), r.count, r.amount, r.first, r.last]) AS ties
}
RETURN 'IP' AS label, collect([id, ties]) AS found
