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
INSTANCES = {
    "/v1/instances": ("GET",),
    "/v1/instances/{id}/logs": ("GET",),
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
_V = "functions/{functionId}/versions/{functionVersionId}"
_FUNCTIONS: dict[str, tuple[str, ...]] = {
    "functions": ("GET", "POST"),
    "functions/ids": ("GET",),
    "functions/{functionId}/versions": ("GET", "POST"),
    _V: ("GET", "PUT", "DELETE"),
    f"metadata/{_V}": ("PUT",),
    f"deployments/{_V}": ("GET", "POST", "PUT", "DELETE"),
    "deployments/{deploymentId}": ("GET",),
    "deployments/{deploymentId}/gpu-specifications/{gpuSpecId}": ("PATCH",),
    "queues/functions/{functionId}": ("GET",),
    f"queues/{_V}": ("GET",),
    "queues/{requestId}/position": ("GET",),
    f"secrets/{_V}": ("PUT",),
    "secrets/telemetries/{telemetryId}": ("PUT",),
    f"ratelimit/{_V}": ("PUT", "DELETE"),
    "telemetries": ("GET", "POST"),
    "telemetries/{telemetryId}": ("GET", "DELETE"),
    "authorizations/functions/{functionId}": ("GET", "POST", "DELETE"),
    "authorizations/functions/{functionId}/add": ("PATCH",),
    "authorizations/functions/{functionId}/remove": ("PATCH",),
    f"authorizations/{_V}": ("GET", "POST", "DELETE"),
    f"authorizations/{_V}/add": ("PATCH",),
    f"authorizations/{_V}/remove": ("PATCH",),
}
NVCF: dict[str, tuple[str, ...]] = {
    **{f"/v2/nvcf/{path}": methods for path, methods in _FUNCTIONS.items()},
    **{f"/v2/nvcf/accounts/{{ncaId}}/{path}": methods for path, methods in _FUNCTIONS.items()},
    "/v2/nvcf/accounts/{ncaId}/deployments": ("GET",),
    "/v2/nvcf/accounts": ("GET",),
    "/v2/nvcf/accounts/{ncaId}": ("GET", "POST", "PATCH", "DELETE"),
    "/v2/nvcf/accounts/{ncaId}/clients/associate": ("PATCH",),
    "/v2/nvcf/accounts/{ncaId}/clients/disassociate": ("PATCH",),
    "/v2/nvcf/clients/{clientId}": ("GET",),
}
_CLUSTERS = {
    "clusters": ("GET", "POST"),
    "clusters/{clusterId}": ("GET", "PUT", "DELETE"),
    "clusterVersions": ("GET",),
}
_OFFERED = (
    "clusterGroups", "gpus", "regions", "clusterNames", "attributes", "instanceTypes",
    "instanceTypes/availability", "gpu/usage", "deployments/{deploymentId}/gpu/usage",
)  # fmt: skip
SIS = {
    **{f"/v1/accounts/{{ncaId}}/{path}": methods for path, methods in _CLUSTERS.items()},
    **{f"/v1/si/accounts/{{ncaId}}/{path}": methods for path, methods in _CLUSTERS.items()},
    **{f"/v1/si/accounts/{{ncaId}}/{path}": ("GET",) for path in _OFFERED},
    "/v1/nvca/clusters/{clusterId}/jwks": ("PUT",),
    "/v1/nvca/clusters/{clusterId}/register": ("PUT",),
    "/v1/nvca/clusters/{clusterId}/heartbeat": ("POST",),
    "/v1/nvca/clusters/{clusterId}/credentials": ("GET",),
    "/v1/nvca/tokens/introspect": ("POST",),
    "/v1/si/oidc/token/introspect": ("POST",),
    "/v1/si/oidc/tokens/introspect": ("POST",),
    "/v1/health": ("GET",),
}
_REGISTRIES = {
    "registry-credentials": ("GET", "POST"),
    "registry-credentials/{registryCredentialId}": ("GET", "PATCH", "DELETE"),
    "recognized-registries": ("GET",),
}
REGISTRIES = {
    **{f"/v2/nvcf/{path}": methods for path, methods in _REGISTRIES.items()},
    **{f"/v2/nvcf/accounts/{{ncaId}}/{path}": methods for path, methods in _REGISTRIES.items()},
}
GPUS = {
    "/v2/nvcf/clusterGroups": ("GET",),
    "/v2/nvcf/accounts/{ncaId}/clusterGroups": ("GET",),
    "/v2/nvcf/accounts/{ncaId}/usage/gpus": ("GET",),
    "/v2/nvcf/supportedGpus": ("GET",),
}
ASSETS: dict[str, tuple[str, ...]] = {
    "/v2/nvcf/assets": ("GET", "POST"),
    "/v2/nvcf/assets/{assetId}": ("GET", "DELETE"),
    "/v2/nvcf/assets/{assetId}/content-redirect": ("GET",),
    "/v2/nvcf/asset-content/{assetId}": ("GET", "PUT"),
}
INVOKE: dict[str, tuple[str, ...]] = {
    f"/v2/nvcf/{word}/{path}": methods
    for word in ("pexec", "exec")
    for path, methods in {
        "functions/{functionId}": ("POST",),
        "functions/{functionId}/versions/{versionId}": ("POST",),
        "status/{requestId}": ("GET",),
    }.items()
} | {"/v2/nvcf/large-responses/{requestId}": ("GET",)}
_TASKS: dict[str, tuple[str, ...]] = {
    "secrets/tasks/{taskId}": ("PUT",),
    "tasks": ("GET", "POST"),
    "tasks/bulk": ("POST",),
    "tasks/{taskId}": ("GET", "DELETE"),
    "tasks/{taskId}/cancel": ("POST",),
    "tasks/{taskId}/events": ("GET",),
    "tasks/{taskId}/results": ("GET",),
}
NVCT: dict[str, tuple[str, ...]] = {
    f"/v1/nvct/{account}{path}": methods
    for account in ("", "accounts/{ncaId}/")
    for path, methods in _TASKS.items()
}
_OF_ORGS = {
    **{f"/nvcf/{path}": methods for path, methods in _FUNCTIONS.items()},
    "/nvcf/deployments": ("GET",),
    **{f"/nvcf/{path}": methods for path, methods in _REGISTRIES.items()},
    "/nvcf/clusterGroups": ("GET",),
    "/nvcf/supportedGpus": ("GET",),
    "/skyway/instances/functions/{functionId}/versions/{functionVersionId}": ("GET",),
    f"/nvcf/logs/{_V}": ("POST",),
    "/nvcf/logs/{jobId}": ("GET",),
    f"/skyway/logs/{_V}": ("GET",),
    **{f"/sis/{path}": methods for path, methods in _CLUSTERS.items()},
    "/ngc/nvcf/gpu/quota/rules": ("GET",),
}
_TYPES = ("deployments/available/instanceTypes", "deployments/instanceTypes")
_CATALOG = (
    "repos/{name}", "repos/{name}/images", "repos/{name}/images/{version}",
    "models/{name}/versions/{version}", "resources/{name}/versions/{version}",
    "helm-charts/{name}/versions/{version}",
)  # fmt: skip
_ORGS = ("orgs/{org}", "orgs/{org}/teams/{team}")
# Those of other services, below an org.
ALIASES: dict[str, tuple[str, ...]] = {
    **{f"/v2/{org}{path}": methods for org in _ORGS for path, methods in _OF_ORGS.items()},
    **{
        f"/{v}/{org}/ngc/nvcf/{path}": ("GET",)
        for v in ("v2", "v3")
        for org in _ORGS
        for path in _TYPES
    },
    "/v3/orgs/{org}/keys/type/CLUSTER_SERVICE_KEY": ("POST",),
    "/v3/orgs/{org}/keys/{keyId}/type/CLUSTER_SERVICE_KEY": ("DELETE",),
}
# Those of tasks, which want keys of theirs.
TASK_ALIASES: dict[str, tuple[str, ...]] = {
    **{f"/v2/{org}/nvct/{path}": methods for org in _ORGS for path, methods in _TASKS.items()},
    **{
        f"/v2/{org}/{path}": methods
        for org in _ORGS
        for path, methods in {
            "skyway/instances/tasks/{taskId}": ("GET",),
            "nvct/logs/tasks/{taskId}": ("POST",),
            "nvct/logs/{jobId}": ("GET",),
            "skyway/logs/tasks/{taskId}": ("GET",),
        }.items()
    },
}
NGC: dict[str, tuple[str, ...]] = {
    **ALIASES,
    **TASK_ALIASES,
    "/v3/keys/get-caller-info": ("POST",),
    "/v2/orgs": ("GET",),
    "/v2/orgs/{org}": ("GET",),
    "/v2/org/{org}/teams": ("GET",),
    "/v2/users/me": ("GET",),
    **{
        f"/v2/{org}/{path}": ("GET",)
        for org in ("org/{org}", "org/{org}/team/{team}")
        for path in _CATALOG
    },
}
ALL = {
    **AICR, **PLANS, **INSTANCES, **KEYS, **SIS, **REGISTRIES, **GPUS, **ASSETS, **NVCF,
    **INVOKE, **NVCT, **NGC,
}  # fmt: skip
# Answers without an end.
STREAMS = ("/v1/events",)
