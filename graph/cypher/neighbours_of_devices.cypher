// Up to $fan_out relationships of each Device; a hub costs no more than $fan_out.
// $ids: ids of the nodes; $fan_out: relationships taken at each
UNWIND $ids AS id
CALL (id) {
  MATCH (:Device {id: id})-[r:PAID|USES|FROM]-()
  WITH r LIMIT $fan_out
  RETURN collect({source_label: labels(startNode(r))[0], source_id: startNode(r).id,
                  target_label: labels(endNode(r))[0], target_id: endNode(r).id,
                  type: type(r), count: r.count, amount: r.amount, first: r.first, last: r.last}) AS ties
}
RETURN id, ties
