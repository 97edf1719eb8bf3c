"""Cluster groups and GPUs as NVCF lists them (contract 9)."""
