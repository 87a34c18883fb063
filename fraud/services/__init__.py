"""Real Kafka and real Neo4j on this machine, from the jars of Maven Central: for tests, demos and trying out."""
