"""Compiled kernels of the online state; every function works on one record at a time and is bounded per node."""
