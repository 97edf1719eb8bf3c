"""What happens to every request, in order: one class, one file.

id → host → rate limit → body limit → slashes → … the route … → headers, metrics, access log
"""

# Probes and scrapes must get through whatever else is going on, and are not worth a line.
PROBES = frozenset(("/health", "/ready", "/metrics"))
