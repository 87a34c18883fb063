// Forget the members of rings that are about to be written anew.
// $rows: [{id}]
UNWIND $rows AS row
MATCH (r:Ring {id: row.id})<-[m:MEMBER_OF]-()
DELETE m
