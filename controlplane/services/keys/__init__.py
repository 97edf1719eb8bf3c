"""The API Keys service: keys of owners, and tokens of administrators (contract 12 and 13)."""
