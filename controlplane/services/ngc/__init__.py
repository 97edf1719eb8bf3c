"""The hosted paths of NVIDIA's own clients: the same services, below the name of an org."""
