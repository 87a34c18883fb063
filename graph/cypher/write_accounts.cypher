// Add what a batch saw of each Account.
// $rows: [{id, transactions: how many, held: how many of them were not approved, worst: highest score,
//          first, last: microseconds since 1970}]
UNWIND $rows AS row
MERGE (n:Account {id: row.id})
SET n.transactions = coalesce(n.transactions, 0) + row.transactions,
    n.held = coalesce(n.held, 0) + row.held,
    n.worst = CASE WHEN row.worst < n.worst THEN n.worst ELSE row.worst END,
    n.first = CASE WHEN row.first > n.first THEN n.first ELSE row.first END,
    n.last = CASE WHEN row.last < n.last THEN n.last ELSE row.last END
