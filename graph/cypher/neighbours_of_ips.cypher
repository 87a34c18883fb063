// The ends of up to $fan_out relationships of each IP, with what ties them; a hub costs no more than $fan_out.
// $ids: ids of the nodes; $fan_out: relationships taken at each
UNWIND $ids AS id
CALL (id) {
  MATCH (n:IP {id: id})-[r:PAID|USES|FROM]-(m)
  RETURN n, r, m LIMIT $fan_out
}
RETURN labels(startNode(r))[0] AS source_label, startNode(r).id AS source_id,
       labels(endNode(r))[0] AS target_label, endNode(r).id AS target_id,
       type(r) AS type, r.count AS count, r.amount AS amount, r.first AS first, r.last AS last
