// Indexes of nodes by value that no constraint owns; of Neo4j only. No parameters.
SHOW INDEXES YIELD name, type, entityType, labelsOrTypes, properties, owningConstraint
WHERE type = 'RANGE' AND entityType = 'NODE' AND owningConstraint IS NULL
RETURN name, labelsOrTypes[0] AS label, properties
