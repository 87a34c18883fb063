// Keep single transactions: those that were not approved, and the evidence of rings.
// $rows: [{id, time: microseconds since 1970, amount, currency, score, outcome, account,
//          merchants, counterparties, devices, ips: lists of at most one id}]
UNWIND $rows AS row
MERGE (payer:Account {id: row.account})
MERGE (t:Transaction {id: row.id})
SET t.time = row.time, t.amount = row.amount, t.currency = row.currency, t.score = row.score, t.outcome = row.outcome
MERGE (payer)-[:MADE]->(t)
FOREACH (id IN row.merchants | MERGE (m:Merchant {id: id}) MERGE (t)-[:TO]->(m))
FOREACH (id IN row.counterparties | MERGE (c:Account {id: id}) MERGE (t)-[:TO]->(c))
FOREACH (id IN row.devices | MERGE (d:Device {id: id}) MERGE (t)-[:VIA]->(d))
FOREACH (id IN row.ips | MERGE (i:IP {id: id}) MERGE (t)-[:AT]->(i))
