"""Where transactions come from: the simulator, loaders of public data sets, the event-time timeline."""
