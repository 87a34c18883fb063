"""Public data sets in the canonical schema, one module a source."""
