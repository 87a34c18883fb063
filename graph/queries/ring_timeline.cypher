// How did this ring form?
// In order of time: what happened to it and why, or by whom it was decided; when its members of today joined; the
// transactions that it rests on; its first alert, and when it was last seen.
//
// The ring.
// :param ring => ''
// Rows at most.
// :param limit => 500
MATCH (ring:Ring {id: $ring})
CALL (ring) {
  MATCH (ring)<-[m:MEMBER_OF]-(n)
  RETURN m.joined AS time, 'joined as ' + m.role AS event, n.id AS who, null AS with, null AS amount, [n, m] AS drawn
  UNION ALL
  MATCH (ring)-[e:RESTS_ON]->(t:Transaction)<-[made:MADE]-(a:Account)
  OPTIONAL MATCH (t)-[to:TO]->(b)
  RETURN t.time AS time, 'paid, ' + coalesce(t.outcome, 'not decided') AS event, a.id AS who, b.id AS with,
         t.amount AS amount, [e, t, made, a, to, b] AS drawn
  UNION ALL
  MATCH (ring)-[w:WENT_THROUGH]->(s:RingEvent)
  RETURN s.time AS time, s.step + ': ' + s.reason AS event,
         CASE WHEN s.by <> '' THEN s.by ELSE reduce(all = '', m IN s.members | all + CASE all WHEN '' THEN '' ELSE ', ' END + m) END AS who,
         s.other AS with, null AS amount, [w, s] AS drawn
  UNION ALL
  RETURN ring.first_alert AS time, 'first alert' AS event, null AS who, null AS with, null AS amount, [] AS drawn
  UNION ALL
  RETURN ring.last AS time, 'last seen' AS event, null AS who, null AS with, ring.money AS amount, [] AS drawn
}
WITH ring, time, event, who, with, amount, drawn
WHERE time IS NOT NULL
RETURN datetime({epochMillis: time / 1000}) AS time, event, who, with, round(amount, 2) AS amount,
       [ring] + drawn AS picture
ORDER BY time, event, who LIMIT $limit
