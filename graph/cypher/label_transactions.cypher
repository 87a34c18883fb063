// Note what was reported of transactions that are kept one by one; the others are left out.
// $rows: [{id, is_fraud, time: microseconds since 1970 when it was reported, source: who reported it}]
UNWIND $rows AS row
MATCH (t:Transaction {id: row.id})
SET t.is_fraud = row.is_fraud, t.label_time = row.time, t.label_source = row.source
