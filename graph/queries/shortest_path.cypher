// How are two accounts tied?
// The shortest path between two accounts over payments, devices and addresses, in at most 6 steps, one row a step. It
// does not lead through busy nodes: a supermarket ties nobody.
// Neo4j only: ArcadeDB looks for busy nodes after it has found its one path, so a path around them stays unseen.
//
// Where it begins.
// :param source => ''
// Where it ends.
// :param target => ''
// Most transactions that a node on the way may have.
// :param busiest => 200
MATCH (a:Account {id: $source})
MATCH (b:Account {id: $target})
MATCH path = shortestPath((a)-[:PAID|USES|FROM*..6]-(b))
WHERE all(n IN nodes(path) WHERE n.id IN [$source, $target] OR coalesce(n.transactions, 0) <= $busiest)
UNWIND range(0, length(path) - 1) AS i
WITH path, i, nodes(path)[i] AS here, relationships(path)[i] AS tie, nodes(path)[i + 1] AS next
RETURN i + 1 AS step, here.id AS from,
       CASE WHEN startNode(tie) = here THEN type(tie) + ' →' ELSE '← ' + type(tie) END AS tie,
       head([l IN labels(next) WHERE l IN ['Account', 'Merchant', 'Device', 'IP']]) AS kind, next.id AS to,
       tie.count AS count, round(tie.amount, 2) AS amount,
       datetime({epochMillis: tie.first / 1000}) AS first, datetime({epochMillis: tie.last / 1000}) AS last,
       path AS picture
ORDER BY step
