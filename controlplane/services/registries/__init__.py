"""Registry credentials, and the registries that are recognised (contract 8)."""
