// Forget the members and the evidence of rings that are about to be written anew.
// $rows: [{id}]
UNWIND $rows AS row
MATCH (r:Ring {id: row.id})-[m:MEMBER_OF|RESTS_ON]-()
DELETE m
