// Give nodes the label of their standing, which a style of Neo4j Browser colours; neutral ones have none.
// $rows: [{kind: account, merchant, device or ip, id, standing: flagged, suspicious or neutral}]
UNWIND $rows AS row
CALL (row) {
  MATCH (n:Account {id: CASE row.kind WHEN 'account' THEN row.id END})
  RETURN n
  UNION ALL
  MATCH (n:Merchant {id: CASE row.kind WHEN 'merchant' THEN row.id END})
  RETURN n
  UNION ALL
  MATCH (n:Device {id: CASE row.kind WHEN 'device' THEN row.id END})
  RETURN n
  UNION ALL
  MATCH (n:IP {id: CASE row.kind WHEN 'ip' THEN row.id END})
  RETURN n
}
FOREACH (_ IN CASE row.standing WHEN 'flagged' THEN [1] ELSE [] END | SET n:Flagged REMOVE n:Suspicious)
FOREACH (_ IN CASE row.standing WHEN 'suspicious' THEN [1] ELSE [] END | SET n:Suspicious REMOVE n:Flagged)
FOREACH (_ IN CASE row.standing WHEN 'neutral' THEN [1] ELSE [] END | REMOVE n:Flagged:Suspicious)
