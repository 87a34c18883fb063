// Tie rings to the transactions that they rest on, as far as these are kept.
// $rows: [{id, evidence: ids of transactions}]
UNWIND $rows AS row
MATCH (r:Ring {id: row.id})
UNWIND row.evidence AS id
MATCH (t:Transaction {id: id})
MERGE (r)-[:RESTS_ON]->(t)
