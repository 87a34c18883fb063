// What ties accounts to merchants, asked for pair by pair, so that neither end's other relationships matter.
// $accounts: ids of the accounts; $ids: ids of the other ends
UNWIND $accounts AS account
MATCH (a:Account {id: account})
UNWIND $ids AS id
MATCH (b:Merchant {id: id})
MATCH (a)-[r:PAID|USES|FROM]->(b)
RETURN 'Account' AS source_label, a.id AS source_id, 'Merchant' AS target_label, b.id AS target_id,
       type(r) AS type, r.count AS count, r.amount AS amount, r.first AS first, r.last AS last
