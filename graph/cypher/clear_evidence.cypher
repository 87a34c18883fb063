// Forget what members of rings did as evidence, of rings that are about to be written anew.
// $rows: [{id}]
UNWIND $rows AS row
MATCH (r:Ring {id: row.id})
UNWIND r.sources AS source
MATCH (:Account {id: source})-[e:EVIDENCE]->()
WHERE e.ring = r.id
DELETE e
