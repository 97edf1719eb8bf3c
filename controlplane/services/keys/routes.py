"""The routes of the API Keys service and of the administrator's token (contract 12 and 13)."""

from __future__ import annotations

from controlplane.http.openapi import Route
from controlplane.services.keys import administration, of_owners, spec, verification
from controlplane.services.keys.context import Context
from controlplane.services.keys.resource import Resource

_RESOURCES: dict[str, type[Resource]] = {
    "/v1/admin/keys": administration.AdminToken,
    "/v1/keys": of_owners.Keys,
    "/v1/keys/{key_id}": of_owners.OneKey,
    "/v1/keys/{key_id}/authorizations": of_owners.Authorizations,
    "/v1/services": verification.Services,
    "/v1/services/{service_id}": verification.OneService,
    "/v1/services/{service_id}/jwt/jwks": verification.Jwks,
    "/v1/introspect": verification.Introspect,
    "/v1/namespaces/{namespace}/evaluations/{rule}": verification.Evaluate,
    "/v1/service-admin/users/{user_id}/keys": administration.UserKeys,
    "/v1/service-admin/users/{user_id}/keys/{key_id}": administration.UserKey,
    "/v1/service-admin/users/{user_id}/keys/{key_id}/status": administration.UserKeyStatus,
    "/v1/service-admin/users/{user_id}/suspend": administration.Suspend,
    "/v1/admin/lookup": administration.Lookup,
    "/v1/admin/users/{user_id}/keys": administration.AdminUserKeys,
    "/v1/admin/users/{user_id}": administration.AdminUser,
    "/v1/admin/users/{user_id}/status": administration.AdminUserStatus,
    verification.JWKS: verification.Jwks,
    "/.well-known/openid-configuration": verification.OpenIdConfiguration,
}


def routes(context: Context) -> tuple[Route, ...]:
    return tuple(
        Route(path, kind(context), **spec.ROUTES[path]) for path, kind in _RESOURCES.items()
    )
