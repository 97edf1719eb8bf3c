"""Scopes: what a credential may do, and which kinds of credential may carry it (contract 2).

One table for every service. `admin:X` is a scope of its own, for other accounts; it gives no X.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

from aicr.diagnostics import did_you_mean

# Kinds of credential: a signed token of a client, an API key, and the one of this host's commands.
JWT, API_KEY, LOCAL = "jwt", "apikey", "local"
# An API key at the paths of the hosted service: its clients have nothing else to show.
HOSTED = "hosted"
ADMIN_PREFIX, KEY_PREFIX = "admin:", "apikey:"

_BOTH = frozenset((JWT, API_KEY, HOSTED))
_HOSTED = frozenset((JWT, HOSTED))
_TOKEN = frozenset((JWT,))
_KEY = frozenset((API_KEY,))
_OWN = frozenset((JWT, LOCAL))


class Scope(NamedTuple):
    """A scope, the kinds of credential that it counts for, and what it allows."""

    name: str
    bearers: frozenset[str]
    summary: str


SCOPES = {
    scope.name: scope
    for scope in (
        Scope("register_function", _BOTH, "Create functions and versions."),
        Scope("list_functions", _BOTH, "List functions and versions."),
        Scope("list_functions_details", _BOTH, "List them with secrets' names and instances."),
        Scope("deploy_function", _BOTH, "Deploy, change and undeploy versions."),
        Scope("update_function", _BOTH, "Change what describes a function."),
        Scope("update_secrets", _BOTH, "Replace secrets of functions and tasks."),
        Scope("delete_function", _BOTH, "Delete versions."),
        Scope("manage_telemetries", _BOTH, "Manage telemetry endpoints."),
        Scope("manage_registry_credentials", _BOTH, "Manage credentials of registries."),
        Scope("cluster-management", _HOSTED, "Register, change and delete clusters."),
        Scope("invoke_function", _BOTH, "Invoke functions and poll their results."),
        Scope("queue_details", _BOTH, "Look into the queues of functions."),
        Scope("list_cluster_groups", _HOSTED, "List cluster groups and their GPUs."),
        Scope("cluster_listing", _TOKEN, "List cluster groups of any account."),
        Scope("gpu_listing", _TOKEN, "List the GPUs of clusters."),
        Scope("regions_listing", _TOKEN, "List the regions of clusters."),
        Scope("clusters_listing", _TOKEN, "List the names of clusters."),
        Scope("attributes_listing", _TOKEN, "List the attributes of clusters."),
        Scope("instance_types", _TOKEN, "List instance types by GPU."),
        Scope("gpu-usage", _TOKEN, "See how many GPUs are free."),
        Scope("authorize_clients", _BOTH, "Share functions with other accounts."),
        Scope("account_setup", _TOKEN, "Create and change accounts."),
        Scope("launch_task", _KEY, "Start tasks."),
        Scope("list_tasks", _KEY, "List tasks."),
        Scope("task_details", _KEY, "Look at a task."),
        Scope("cancel_task", _KEY, "Cancel tasks."),
        Scope("delete_task", _KEY, "Delete tasks."),
        Scope("list_events", _KEY, "List the events of a task."),
        Scope("list_results", _KEY, "List the results of a task."),
        Scope("plans:read", _OWN, "Make plans and look at them."),
        Scope("plans:apply", _OWN, "Apply plans."),
        Scope("state:read", _OWN, "Read the state and its events."),
        Scope("audit:read", _OWN, "Read the audit."),
    )
}

# What the token of an administrator carries, in the order of the seed.
ADMIN = (
    "register_function", "list_functions", "list_functions_details", "deploy_function",
    "update_function", "update_secrets", "delete_function", "manage_telemetries",
    "manage_registry_credentials", "cluster-management",
)  # fmt: skip
OWN = ("plans:read", "plans:apply", "state:read", "audit:read")


def bearers(scope: str) -> frozenset[str]:
    """The kinds of credential that a scope counts for."""
    if scope in SCOPES:
        return SCOPES[scope].bearers
    return _TOKEN if scope.startswith(ADMIN_PREFIX) else _BOTH


def allows(kind: str, having: Collection[str], wanted: Iterable[str]) -> bool:
    """Whether a credential of this kind that holds these scopes has one of those wanted.

    `apikey:X` counts as X (contract 2.2).
    """
    return any(
        kind in bearers(scope) and (scope in having or f"{KEY_PREFIX}{scope}" in having)
        for scope in wanted
    )


def held(policy: Mapping[str, Any]) -> frozenset[str]:
    """The scopes of an API key's policy; what is none is left out."""
    listed = policy.get("scopes")
    return frozenset(s for s in listed if isinstance(s, str)) if isinstance(listed, list) else _NONE


_NONE: frozenset[str] = frozenset()


def is_known(scope: str) -> bool:
    """Whether any endpoint asks for a scope, so that a token with it makes sense."""
    word = scope.removeprefix(KEY_PREFIX)
    return word.removeprefix(ADMIN_PREFIX) in SCOPES


def fault(scope: str, kind: str) -> str:
    """Why a credential of a kind should not carry a scope; nothing when it may."""
    if not is_known(scope):
        near = did_you_mean(scope, SCOPES) or f"there are {', '.join(SCOPES)}"
        return f"nothing asks for it: {near}"
    if kind not in bearers(scope):
        return f"it counts for {'API keys' if kind == JWT else 'tokens'} only"
    return ""
