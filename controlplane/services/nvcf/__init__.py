"""NVIDIA Cloud Functions: functions, deployments and what belongs to them (NVCF contract)."""
