// Write rings and their members; members that no batch has brought yet are made.
// $rows: [{id, version, kind, score, money, first_alert, last: microseconds since 1970,
//          accounts, merchants, devices, ips: [{id, role, score, joined}]}]
UNWIND $rows AS row
MERGE (r:Ring {id: row.id})
SET r.version = row.version, r.kind = row.kind, r.score = row.score, r.money = row.money,
    r.first_alert = row.first_alert, r.last = row.last
FOREACH (e IN row.accounts | MERGE (n:Account {id: e.id}) MERGE (n)-[m:MEMBER_OF]->(r) SET m.role = e.role, m.score = e.score, m.joined = e.joined)
FOREACH (e IN row.merchants | MERGE (n:Merchant {id: e.id}) MERGE (n)-[m:MEMBER_OF]->(r) SET m.role = e.role, m.score = e.score, m.joined = e.joined)
FOREACH (e IN row.devices | MERGE (n:Device {id: e.id}) MERGE (n)-[m:MEMBER_OF]->(r) SET m.role = e.role, m.score = e.score, m.joined = e.joined)
FOREACH (e IN row.ips | MERGE (n:IP {id: e.id}) MERGE (n)-[m:MEMBER_OF]->(r) SET m.role = e.role, m.score = e.score, m.joined = e.joined)
