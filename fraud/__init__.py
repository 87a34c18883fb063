"""The plain words of the business: transactions, decisions, alerts, labels, settings and errors.

This package imports nothing of ours; every other package may import it.
"""

__version__ = "0.1.0"
