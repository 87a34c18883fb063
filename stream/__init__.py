"""The one pipeline and the thin shells that run it."""
