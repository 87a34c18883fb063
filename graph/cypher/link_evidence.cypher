// Tie rings to the transactions that they rest on, as far as these are kept.
// $rows: [{id, transactions: their ids}]
UNWIND $rows AS row
MATCH (r:Ring {id: row.id})
UNWIND row.transactions AS id
MATCH (t:Transaction {id: id})
MERGE (r)-[:RESTS_ON]->(t)
