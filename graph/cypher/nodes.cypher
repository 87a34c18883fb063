// What is known of nodes, as one list a label, values by place:
// [id, transactions, held, worst, first, last, ids of its rings].
// $of.accounts, $of.merchants, $of.devices, $of.ips: ids of the nodes
UNWIND $of.accounts AS id
MATCH (n:Account {id: id})
OPTIONAL MATCH (n)-[:MEMBER_OF]->(ring:Ring)
WITH n, collect(ring.id) AS rings
RETURN 'Account' AS label, collect([n.id, n.transactions, n.held, n.worst, n.first, n.last, rings]) AS found
UNION ALL
UNWIND $of.merchants AS id
MATCH (n:Merchant {id: id})
OPTIONAL MATCH (n)-[:MEMBER_OF]->(ring:Ring)
WITH n, collect(ring.id) AS rings
RETURN 'Merchant' AS label, collect([n.id, n.transactions, n.held, n.worst, n.first, n.last, rings]) AS found
UNION ALL
UNWIND $of.devices AS id
MATCH (n:Device {id: id})
OPTIONAL MATCH (n)-[:MEMBER_OF]->(ring:Ring)
WITH n, collect(ring.id) AS rings
RETURN 'Device' AS label, collect([n.id, n.transactions, n.held, n.worst, n.first, n.last, rings]) AS found
UNION ALL
UNWIND $of.ips AS id
MATCH (n:IP {id: id})
OPTIONAL MATCH (n)-[:MEMBER_OF]->(ring:Ring)
WITH n, collect(ring.id) AS rings
RETURN 'IP' AS label, collect([n.id, n.transactions, n.held, n.worst, n.first, n.last, rings]) AS found
