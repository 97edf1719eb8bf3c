"""Every route that is served, by service, with its methods."""

from __future__ import annotations

AICR = {
    "/": ("GET",),
    "/health": ("GET",),
    "/ready": ("GET",),
    "/metrics": ("GET",),
    "/openapi.json": ("GET",),
    "/docs": ("GET",),
    "/v1/recipe": ("GET", "POST"),
    "/v1/query": ("GET", "POST"),
    "/v1/bundle": ("POST",),
}
PLANS = {
    "/v1/plans": ("POST",),
    "/v1/plans/{id}": ("GET",),
    "/v1/plans/{id}/apply": ("POST",),
    "/v1/state": ("GET", "POST"),
    "/v1/state/{address}": ("GET",),
    "/v1/events": ("GET",),
    "/v1/audit": ("GET",),
}
ALL = {**AICR, **PLANS}
# Answers without an end.
STREAMS = ("/v1/events",)
