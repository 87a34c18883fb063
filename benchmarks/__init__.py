"""What Ringfence is measured with; ``python -m benchmarks`` runs it all and writes RESULTS.md."""
