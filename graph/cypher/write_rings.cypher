// Write rings and their members; members that no batch has brought yet are made.
// $rows: [{id, version, kind, score, money, at_risk, size: accounts, members named or not, truncated, status, decided_by,
//          first, first_alert, last, suppressed_until: microseconds since 1970 or null,
//          accounts, merchants, devices, ips: [{id, role, score, joined: microseconds since 1970}]}]
UNWIND $rows AS row
MERGE (r:Ring {id: row.id})
SET r.version = row.version, r.kind = row.kind, r.score = row.score, r.money = row.money, r.at_risk = row.at_risk,
    r.accounts = row.size, r.truncated = row.truncated, r.status = row.status, r.decided_by = row.decided_by,
    r.suppressed_until = row.suppressed_until, r.first = row.first, r.first_alert = row.first_alert, r.last = row.last
FOREACH (e IN row.accounts | MERGE (n:Account {id: e.id}) MERGE (n)-[m:MEMBER_OF]->(r) SET m.role = e.role, m.score = e.score, m.joined = e.joined)
FOREACH (e IN row.merchants | MERGE (n:Merchant {id: e.id}) MERGE (n)-[m:MEMBER_OF]->(r) SET m.role = e.role, m.score = e.score, m.joined = e.joined)
FOREACH (e IN row.devices | MERGE (n:Device {id: e.id}) MERGE (n)-[m:MEMBER_OF]->(r) SET m.role = e.role, m.score = e.score, m.joined = e.joined)
FOREACH (e IN row.ips | MERGE (n:IP {id: e.id}) MERGE (n)-[m:MEMBER_OF]->(r) SET m.role = e.role, m.score = e.score, m.joined = e.joined)
