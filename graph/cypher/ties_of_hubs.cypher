// What ties accounts to other nodes, asked for pair by pair, so that neither end's other relationships matter; as one
// list a label: [account, id of the other end, type, count, amount, first, last].
// $of.payers: ids of the accounts
// $of.accounts, $of.merchants, $of.devices, $of.ips: ids of the nodes
UNWIND $of.payers AS payer
MATCH (a:Account {id: payer})
UNWIND $of.accounts AS id
MATCH (b:Account {id: id})
MATCH (a)-[r:PAID|USES|FROM]->(b)
RETURN 'Account' AS label, collect([a.id, b.id, type(r), r.count, r.amount, r.first, r.last]) AS found
UNION ALL
UNWIND $of.payers AS payer
MATCH (a:Account {id: payer})
UNWIND $of.merchants AS id
MATCH (b:Merchant {id: id})
MATCH (a)-[r:PAID|USES|FROM]->(b)
RETURN 'Merchant' AS label, collect([a.id, b.id, type(r), r.count, r.amount, r.first, r.last]) AS found
UNION ALL
UNWIND $of.payers AS payer
MATCH (a:Account {id: payer})
UNWIND $of.devices AS id
MATCH (b:Device {id: id})
MATCH (a)-[r:PAID|USES|FROM]->(b)
RETURN 'Device' AS label, collect([a.id, b.id, type(r), r.count, r.amount, r.first, r.last]) AS found
UNION ALL
UNWIND $of.payers AS payer
MATCH (a:Account {id: payer})
UNWIND $of.ips AS id
MATCH (b:IP {id: id})
MATCH (a)-[r:PAID|USES|FROM]->(b)
RETURN 'IP' AS label, collect([a.id, b.id, type(r), r.count, r.amount, r.first, r.last]) AS found
