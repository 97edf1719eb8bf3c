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
KEYS = {
    "/v1/admin/keys": ("POST",),
    "/v1/keys": ("GET", "POST"),
    "/v1/keys/{key_id}": ("GET", "DELETE"),
    "/v1/keys/{key_id}/authorizations": ("PUT",),
    "/v1/services": ("GET",),
    "/v1/services/{service_id}": ("GET",),
    "/v1/services/{service_id}/jwt/jwks": ("GET",),
    "/v1/introspect": ("POST",),
    "/v1/namespaces/{namespace}/evaluations/{rule}": ("POST",),
    "/v1/service-admin/users/{user_id}/keys": ("GET",),
    "/v1/service-admin/users/{user_id}/keys/{key_id}": ("GET", "DELETE"),
    "/v1/service-admin/users/{user_id}/keys/{key_id}/status": ("PUT",),
    "/v1/service-admin/users/{user_id}/suspend": ("PUT",),
    "/v1/admin/lookup": ("POST",),
    "/v1/admin/users/{user_id}/keys": ("GET", "DELETE"),
    "/v1/admin/users/{user_id}": ("GET",),
    "/v1/admin/users/{user_id}/status": ("PUT",),
    "/.well-known/jwks.json": ("GET",),
    "/.well-known/openid-configuration": ("GET",),
}
ALL = {**AICR, **PLANS, **KEYS}
# Answers without an end.
STREAMS = ("/v1/events",)
