// Keep single transactions; lasting ones were not approved, or rings or known frauds rest on them.
// $rows: [{id, time: microseconds since 1970, amount, currency, score, outcome, lasting, account,
//          merchants, counterparties, devices, ips: lists of at most one id}]
UNWIND $rows AS row
MERGE (payer:Account {id: row.account})
MERGE (t:Transaction {id: row.id})
SET t.time = row.time, t.amount = row.amount, t.currency = row.currency, t.score = row.score, t.outcome = row.outcome,
    t.lasting = row.lasting OR coalesce(t.lasting, false)
MERGE (payer)-[:MADE]->(t)
FOREACH (id IN row.merchants | MERGE (m:Merchant {id: id}) MERGE (t)-[:TO]->(m))
FOREACH (id IN row.counterparties | MERGE (c:Account {id: id}) MERGE (t)-[:TO]->(c))
FOREACH (id IN row.devices | MERGE (d:Device {id: id}) MERGE (t)-[:VIA]->(d))
FOREACH (id IN row.ips | MERGE (i:IP {id: id}) MERGE (t)-[:AT]->(i))
