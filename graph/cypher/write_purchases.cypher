// Add the payments from accounts to merchants of a batch; nodes must be there.
// $rows: [{source, target, count, amount: their sum, first, last: microseconds since 1970}]
UNWIND $rows AS row
MATCH (a:Account {id: row.source})
MATCH (b:Merchant {id: row.target})
MERGE (a)-[r:PAID]->(b)
ON CREATE SET r.count = 0, r.amount = 0.0, r.first = row.first, r.last = row.last
SET r.count = r.count + row.count,
    r.amount = r.amount + row.amount,
    r.first = CASE WHEN row.first < r.first THEN row.first ELSE r.first END,
    r.last = CASE WHEN row.last > r.last THEN row.last ELSE r.last END
