// Write what members of rings did as evidence, beside the sums of all that they did; ends that no batch has brought
// yet are made.
// $rows: [{id: of the ring, sources: ids of those who did it,
//          accounts, merchants, devices, ips: by kind of the target, [{source, target, count, amount, score, first, last: microseconds since 1970}]}]
UNWIND $rows AS row
MERGE (r:Ring {id: row.id})
SET r.sources = row.sources
FOREACH (e IN row.accounts | MERGE (a:Account {id: e.source}) MERGE (b:Account {id: e.target}) MERGE (a)-[x:EVIDENCE {ring: row.id}]->(b)
  SET x.count = e.count, x.amount = e.amount, x.score = e.score, x.first = e.first, x.last = e.last)
FOREACH (e IN row.merchants | MERGE (a:Account {id: e.source}) MERGE (b:Merchant {id: e.target}) MERGE (a)-[x:EVIDENCE {ring: row.id}]->(b)
  SET x.count = e.count, x.amount = e.amount, x.score = e.score, x.first = e.first, x.last = e.last)
FOREACH (e IN row.devices | MERGE (a:Account {id: e.source}) MERGE (b:Device {id: e.target}) MERGE (a)-[x:EVIDENCE {ring: row.id}]->(b)
  SET x.count = e.count, x.amount = e.amount, x.score = e.score, x.first = e.first, x.last = e.last)
FOREACH (e IN row.ips | MERGE (a:Account {id: e.source}) MERGE (b:IP {id: e.target}) MERGE (a)-[x:EVIDENCE {ring: row.id}]->(b)
  SET x.count = e.count, x.amount = e.amount, x.score = e.score, x.first = e.first, x.last = e.last)
