// Give kept transactions of a page of accounts the label of their standing: what was reported of them counts before
// what was decided.
// $ids: ids of the page
UNWIND $ids AS id
MATCH (:Account {id: id})-[:MADE]->(t:Transaction)
WITH t, CASE
  WHEN t.is_fraud THEN 'flagged'
  WHEN NOT t.is_fraud THEN 'cleared'
  WHEN t.outcome = 'block' THEN 'flagged'
  WHEN t.outcome = 'review' THEN 'suspicious'
END AS standing
REMOVE t:Flagged:Suspicious:Cleared
FOREACH (_ IN CASE standing WHEN 'flagged' THEN [1] ELSE [] END | SET t:Flagged)
FOREACH (_ IN CASE standing WHEN 'suspicious' THEN [1] ELSE [] END | SET t:Suspicious)
FOREACH (_ IN CASE standing WHEN 'cleared' THEN [1] ELSE [] END | SET t:Cleared)
