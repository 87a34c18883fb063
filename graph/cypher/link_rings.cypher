// Point rings to the one that they were merged into and the one that they were split from, and add to their history.
// $rows: [{id, merged_into, split_from: lists of at most one id,
//          history: [{id, number, time: microseconds since 1970, step, reason, count, members, other, by}]}]
UNWIND $rows AS row
MATCH (r:Ring {id: row.id})
FOREACH (id IN row.merged_into | MERGE (o:Ring {id: id}) MERGE (r)-[:MERGED_INTO]->(o))
FOREACH (id IN row.split_from | MERGE (o:Ring {id: id}) MERGE (r)-[:SPLIT_FROM]->(o))
FOREACH (e IN row.history | MERGE (s:RingEvent {id: e.id}) MERGE (r)-[:WENT_THROUGH]->(s)
  SET s.number = e.number, s.time = e.time, s.step = e.step, s.reason = e.reason, s.count = e.count, s.members = e.members,
      s.other = e.other, s.by = e.by)
