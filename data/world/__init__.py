"""Agent-based worlds: people, merchants, devices, their habits, and the fraud hidden among them."""
