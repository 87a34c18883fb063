"""The online account–merchant–device–IP graph, its features, its rings, and the stores behind it."""
