"""GraphSAGE over the neighbourhood of a new transaction: training with PyG, serving with fixed fan-out."""
