// What there is to follow at one node, by the kind of the other end: relationships, their latest time, the largest amount.
// $of.purchases, $of.transfers, $of.uses, $of.origins, $of.merchants, $of.devices, $of.ips: the id of the node, as for expand
// $most: relationships looked at of each kind; as many found means that there may be more
UNWIND $of.purchases AS id
CALL (id) {
  MATCH (n:Account {id: id})-[r:PAID]->(m)
  WITH r, m LIMIT $most
  WHERE m:Merchant
  RETURN count(r) AS count, max(r.last) AS last, max(r.amount) AS largest
}
RETURN 'Merchant' AS label, count, last, largest
UNION ALL
UNWIND $of.transfers AS id
CALL (id) {
  MATCH (n:Account {id: id})-[r:PAID]-(m)
  WITH r, m LIMIT $most
  WHERE m:Account
  RETURN count(r) AS count, max(r.last) AS last, max(r.amount) AS largest
}
RETURN 'Account' AS label, count, last, largest
UNION ALL
UNWIND $of.uses AS id
CALL (id) {
  MATCH (n:Account {id: id})-[r:USES]->(m)
  WITH r, m LIMIT $most
  WHERE m:Device
  RETURN count(r) AS count, max(r.last) AS last, max(r.amount) AS largest
}
RETURN 'Device' AS label, count, last, largest
UNION ALL
UNWIND $of.origins AS id
CALL (id) {
  MATCH (n:Account {id: id})-[r:FROM]->(m)
  WITH r, m LIMIT $most
  WHERE m:IP
  RETURN count(r) AS count, max(r.last) AS last, max(r.amount) AS largest
}
RETURN 'IP' AS label, count, last, largest
UNION ALL
UNWIND $of.merchants AS id
CALL (id) {
  MATCH (n:Merchant {id: id})<-[r:PAID]-(m)
  WITH r, m LIMIT $most
  WHERE m:Account
  RETURN count(r) AS count, max(r.last) AS last, max(r.amount) AS largest
}
RETURN 'Account' AS label, count, last, largest
UNION ALL
UNWIND $of.devices AS id
CALL (id) {
  MATCH (n:Device {id: id})<-[r:USES]-(m)
  WITH r, m LIMIT $most
  WHERE m:Account
  RETURN count(r) AS count, max(r.last) AS last, max(r.amount) AS largest
}
RETURN 'Account' AS label, count, last, largest
UNION ALL
UNWIND $of.ips AS id
CALL (id) {
  MATCH (n:IP {id: id})<-[r:FROM]-(m)
  WITH r, m LIMIT $most
  WHERE m:Account
  RETURN count(r) AS count, max(r.last) AS last, max(r.amount) AS largest
}
RETURN 'Account' AS label, count, last, largest
