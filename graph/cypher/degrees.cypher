// How many relationships nodes have, as one list a label: [id, relationships, $most at most].
// $of.accounts, $of.merchants, $of.devices, $of.ips: ids of the nodes; $most: relationships counted at each, so that a hub costs no more
UNWIND $of.accounts AS id
CALL (id) {
  MATCH (:Account {id: id})-[r:PAID|USES|FROM]-()
  WITH r LIMIT $most
  RETURN count(r) AS degree
}
RETURN 'Account' AS label, collect([id, degree]) AS found
UNION ALL
UNWIND $of.merchants AS id
CALL (id) {
  MATCH (:Merchant {id: id})-[r:PAID|USES|FROM]-()
  WITH r LIMIT $most
  RETURN count(r) AS degree
}
RETURN 'Merchant' AS label, collect([id, degree]) AS found
UNION ALL
UNWIND $of.devices AS id
CALL (id) {
  MATCH (:Device {id: id})-[r:PAID|USES|FROM]-()
  WITH r LIMIT $most
  RETURN count(r) AS degree
}
RETURN 'Device' AS label, collect([id, degree]) AS found
UNION ALL
UNWIND $of.ips AS id
CALL (id) {
  MATCH (:IP {id: id})-[r:PAID|USES|FROM]-()
  WITH r LIMIT $most
  RETURN count(r) AS degree
}
RETURN 'IP' AS label, collect([id, degree]) AS found
