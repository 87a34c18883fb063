"""Ways by which alerts leave: each file one channel."""
