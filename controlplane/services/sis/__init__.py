"""Self-hosted cluster management (SIS): clusters, their groups, and their agents (contract 10)."""
