// What is known of each Account.
// $ids: ids of the nodes
UNWIND $ids AS id
MATCH (n:Account {id: id})
OPTIONAL MATCH (n)-[:MEMBER_OF]->(ring:Ring)
RETURN n.id AS id, n.transactions AS transactions, n.held AS held, n.worst AS worst,
       n.first AS first, n.last AS last, collect(ring.id) AS rings
