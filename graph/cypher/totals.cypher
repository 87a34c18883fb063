// How much the graph holds, by type of relationship. No parameters.
MATCH (:Account)-[r:PAID|USES|FROM]->()
RETURN type(r) AS type, count(r) AS relationships, sum(r.count) AS transactions, sum(r.amount) AS amount
