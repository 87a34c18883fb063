"""The pages, one a file; each gives ``register``, which adds it to an app."""
