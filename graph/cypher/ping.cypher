// Answers when the store is up. No parameters.
RETURN 1 AS up
