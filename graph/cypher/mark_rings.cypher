// Give rings the label of their standing: those that people work on are flagged, those that they closed are cleared.
// $open: ids of rings with an open alert
MATCH (r:Ring)
WITH r, CASE WHEN r.id IN $open THEN 'flagged' WHEN r.status = 'closed' THEN 'cleared' ELSE 'suspicious' END AS standing
REMOVE r:Flagged:Suspicious:Cleared
FOREACH (_ IN CASE standing WHEN 'flagged' THEN [1] ELSE [] END | SET r:Flagged)
FOREACH (_ IN CASE standing WHEN 'suspicious' THEN [1] ELSE [] END | SET r:Suspicious)
FOREACH (_ IN CASE standing WHEN 'cleared' THEN [1] ELSE [] END | SET r:Cleared)
