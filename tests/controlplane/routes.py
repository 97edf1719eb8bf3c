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
NVCF = {
    "/v2/nvcf/functions": (
        "GET",
        "POST",
    ),
    "/v2/nvcf/functions/ids": ("GET",),
    "/v2/nvcf/functions/{functionId}/versions": (
        "GET",
        "POST",
    ),
    "/v2/nvcf/functions/{functionId}/versions/{functionVersionId}": (
        "GET",
        "PUT",
        "DELETE",
    ),
    "/v2/nvcf/metadata/functions/{functionId}/versions/{functionVersionId}": ("PUT",),
    "/v2/nvcf/deployments/functions/{functionId}/versions/{functionVersionId}": (
        "GET",
        "POST",
        "PUT",
        "DELETE",
    ),
    "/v2/nvcf/deployments/{deploymentId}": ("GET",),
    "/v2/nvcf/deployments/{deploymentId}/gpu-specifications/{gpuSpecId}": ("PATCH",),
    "/v2/nvcf/queues/functions/{functionId}": ("GET",),
    "/v2/nvcf/queues/functions/{functionId}/versions/{functionVersionId}": ("GET",),
    "/v2/nvcf/queues/{requestId}/position": ("GET",),
    "/v2/nvcf/secrets/functions/{functionId}/versions/{functionVersionId}": ("PUT",),
    "/v2/nvcf/secrets/telemetries/{telemetryId}": ("PUT",),
    "/v2/nvcf/ratelimit/functions/{functionId}/versions/{functionVersionId}": (
        "PUT",
        "DELETE",
    ),
    "/v2/nvcf/telemetries": (
        "GET",
        "POST",
    ),
    "/v2/nvcf/telemetries/{telemetryId}": (
        "GET",
        "DELETE",
    ),
    "/v2/nvcf/authorizations/functions/{functionId}": (
        "GET",
        "POST",
        "DELETE",
    ),
    "/v2/nvcf/authorizations/functions/{functionId}/add": ("PATCH",),
    "/v2/nvcf/authorizations/functions/{functionId}/remove": ("PATCH",),
    "/v2/nvcf/authorizations/functions/{functionId}/versions/{functionVersionId}": (
        "GET",
        "POST",
        "DELETE",
    ),
    "/v2/nvcf/authorizations/functions/{functionId}/versions/{functionVersionId}/add": ("PATCH",),
    "/v2/nvcf/authorizations/functions/{functionId}/versions/{functionVersionId}/remove": (
        "PATCH",
    ),
    "/v2/nvcf/accounts": ("GET",),
    "/v2/nvcf/accounts/{ncaId}": (
        "GET",
        "POST",
        "PATCH",
        "DELETE",
    ),
    "/v2/nvcf/accounts/{ncaId}/clients/associate": ("PATCH",),
    "/v2/nvcf/accounts/{ncaId}/clients/disassociate": ("PATCH",),
    "/v2/nvcf/clients/{clientId}": ("GET",),
    "/v2/nvcf/accounts/{ncaId}/functions": (
        "GET",
        "POST",
    ),
    "/v2/nvcf/accounts/{ncaId}/functions/ids": ("GET",),
    "/v2/nvcf/accounts/{ncaId}/functions/{functionId}/versions": (
        "GET",
        "POST",
    ),
    "/v2/nvcf/accounts/{ncaId}/functions/{functionId}/versions/{functionVersionId}": (
        "GET",
        "PUT",
        "DELETE",
    ),
    "/v2/nvcf/accounts/{ncaId}/metadata/functions/{functionId}/versions/{functionVersionId}": (
        "PUT",
    ),
    "/v2/nvcf/accounts/{ncaId}/deployments/functions/{functionId}/versions/{functionVersionId}": (
        "GET",
        "POST",
        "PUT",
        "DELETE",
    ),
    "/v2/nvcf/accounts/{ncaId}/deployments/{deploymentId}": ("GET",),
    "/v2/nvcf/accounts/{ncaId}/deployments/{deploymentId}/gpu-specifications/{gpuSpecId}": (
        "PATCH",
    ),
    "/v2/nvcf/accounts/{ncaId}/queues/functions/{functionId}": ("GET",),
    "/v2/nvcf/accounts/{ncaId}/queues/functions/{functionId}/versions/{functionVersionId}": (
        "GET",
    ),
    "/v2/nvcf/accounts/{ncaId}/queues/{requestId}/position": ("GET",),
    "/v2/nvcf/accounts/{ncaId}/secrets/functions/{functionId}/versions/{functionVersionId}": (
        "PUT",
    ),
    "/v2/nvcf/accounts/{ncaId}/secrets/telemetries/{telemetryId}": ("PUT",),
    "/v2/nvcf/accounts/{ncaId}/ratelimit/functions/{functionId}/versions/{functionVersionId}": (
        "PUT",
        "DELETE",
    ),
    "/v2/nvcf/accounts/{ncaId}/telemetries": (
        "GET",
        "POST",
    ),
    "/v2/nvcf/accounts/{ncaId}/telemetries/{telemetryId}": (
        "GET",
        "DELETE",
    ),
    "/v2/nvcf/accounts/{ncaId}/authorizations/functions/{functionId}": (
        "GET",
        "POST",
        "DELETE",
    ),
    "/v2/nvcf/accounts/{ncaId}/authorizations/functions/{functionId}/add": ("PATCH",),
    "/v2/nvcf/accounts/{ncaId}/authorizations/functions/{functionId}/remove": ("PATCH",),
    "/v2/nvcf/accounts/{ncaId}/authorizations/functions/{functionId}/versions/{functionVersionId}": (
        "GET",
        "POST",
        "DELETE",
    ),
    "/v2/nvcf/accounts/{ncaId}/authorizations/functions/{functionId}/versions/{functionVersionId}/add": (
        "PATCH",
    ),
    "/v2/nvcf/accounts/{ncaId}/authorizations/functions/{functionId}/versions/{functionVersionId}/remove": (
        "PATCH",
    ),
    "/v2/nvcf/accounts/{ncaId}/deployments": ("GET",),
}
ALL = {**AICR, **PLANS, **KEYS, **NVCF}
# Answers without an end.
STREAMS = ("/v1/events",)
