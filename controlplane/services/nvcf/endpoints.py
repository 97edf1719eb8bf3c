"""Every endpoint of this service as one table: routes, OpenAPI and tests are made of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from controlplane.services.nvcf import (
    accounts,
    deployment_models,
    deployments,
    extra_models,
    functions,
    models,
    queues,
    secrets,
    sharing,
    telemetries,
)
from controlplane.services.nvcf.visible import VISIBILITIES
from controlplane.vendor import requests
from controlplane.vendor.endpoints import Endpoint, Option, crossing
from controlplane.vendor.models import UpdateSecretsRequest

BASE = "/v2/nvcf"
OPTIONS: Mapping[str, Option] = {
    "visibility": lambda req: requests.words(req, "visibility", VISIBILITIES),
    "includeSecrets": lambda req: requests.flag(req, "includeSecrets", True),
    "graceful": lambda req: requests.flag(req, "graceful", False),
}


_LIST = ("list_functions", "list_functions_details")
_REGISTER, _UPDATE, _DELETE = ("register_function",), ("update_function",), ("delete_function",)
_DEPLOY, _QUEUE, _SECRETS = ("deploy_function",), ("queue_details",), ("update_secrets",)
_TELEMETRIES, _SHARE, _SETUP = ("manage_telemetries",), ("authorize_clients",), ("account_setup",)

_F, _V = "/functions/{functionId}", "/functions/{functionId}/versions/{functionVersionId}"
_D = "/deployments/{deploymentId}"


def _of_functions() -> Iterator[Endpoint]:
    create = models.CreateFunctionRequest
    yield Endpoint(
        "get", "/functions", "List functions", _LIST, "functions",
        functions.listed, options=("visibility",),
    )  # fmt: skip
    yield Endpoint(
        "post", "/functions", "Create a function", _REGISTER, "function",
        change=functions.create, body=create, pulls=functions.pulls,
    )  # fmt: skip
    yield Endpoint(
        "get", "/functions/ids", "List ids of functions", _LIST, "functionIds",
        functions.ids, options=("visibility",),
    )  # fmt: skip
    yield Endpoint(
        "get", f"{_F}/versions", "List versions of a function", _LIST, "functions",
        functions.versions,
    )  # fmt: skip
    yield Endpoint(
        "post", f"{_F}/versions", "Create a version of a function", _REGISTER, "function",
        change=functions.create_version, body=create, pulls=functions.pulls,
    )  # fmt: skip
    yield Endpoint(
        "get", _V, "A version of a function", _LIST, "function",
        functions.version, options=("includeSecrets",),
    )  # fmt: skip
    for path in (_V, f"/metadata{_V}"):
        yield Endpoint(
            "put", path, "Change what describes a version", _UPDATE, "function",
            change=functions.update, body=models.UpdateFunctionRequest,
        )  # fmt: skip
    yield Endpoint("delete", _V, "Delete a version", _DELETE, change=functions.delete)


def _of_deployments() -> Iterator[Endpoint]:
    path = f"/deployments{_V}"
    yield Endpoint("get", path, "The deployment of a version", _DEPLOY, "deployment",
                   deployments.get)  # fmt: skip
    yield Endpoint(
        "post", path, "Deploy a version", _DEPLOY, "deployment",
        change=deployments.create, body=deployment_models.DeploymentRequest,
        pulls=deployments.pulls,
    )  # fmt: skip
    yield Endpoint(
        "put", path, "Change the numbers of a deployment", _DEPLOY, "deployment",
        change=deployments.put, body=deployment_models.DeploymentUpdateRequest,
    )  # fmt: skip
    yield Endpoint(
        "delete", path, "Undeploy a version", _DEPLOY, "function",
        change=deployments.delete, options=("graceful",), queued=True,
    )  # fmt: skip
    yield Endpoint("get", _D, "A deployment", _DEPLOY, "deployment", deployments.get_by_id)
    yield Endpoint(
        "patch", f"{_D}/gpu-specifications/{{gpuSpecId}}", "Change a GPU specification",
        _DEPLOY, "gpuSpecification",
        change=deployments.patch, body=deployment_models.GpuSpecificationPatch,
    )  # fmt: skip


def _of_queues() -> Iterator[Endpoint]:
    yield Endpoint("get", f"/queues{_F}", "Queues of a function", _QUEUE, "queues",
                   queues.of_function, queued=True)  # fmt: skip
    yield Endpoint("get", f"/queues{_V}", "The queue of a version", _QUEUE, "queues",
                   queues.of_version, queued=True)  # fmt: skip
    yield Endpoint("get", "/queues/{requestId}/position", "The place of a request in its queue",
                   _QUEUE, "positionInQueue", queues.position, queued=True)  # fmt: skip


def _of_extras() -> Iterator[Endpoint]:
    yield Endpoint(
        "put", f"/secrets{_V}", "Put secrets of a version", _SECRETS,
        change=secrets.of_function, body=UpdateSecretsRequest,
    )  # fmt: skip
    yield Endpoint(
        "put", "/secrets/telemetries/{telemetryId}", "Put the secret of a telemetry", _SECRETS,
        change=secrets.of_telemetry, body=extra_models.UpdateTelemetrySecretRequest,
    )  # fmt: skip
    yield Endpoint(
        "put", f"/ratelimit{_V}", "Put the rate limit of a version", _UPDATE,
        change=secrets.put_rate_limit, body=models.RateLimitRequest,
    )  # fmt: skip
    yield Endpoint("delete", f"/ratelimit{_V}", "Remove the rate limit of a version", _UPDATE,
                   change=secrets.delete_rate_limit)  # fmt: skip


def _of_telemetries() -> Iterator[Endpoint]:
    one = "/telemetries/{telemetryId}"
    yield Endpoint("get", "/telemetries", "List telemetries", _TELEMETRIES, "telemetries",
                   telemetries.listed)  # fmt: skip
    yield Endpoint(
        "post", "/telemetries", "Create a telemetry", _TELEMETRIES, "telemetry",
        change=telemetries.create, body=extra_models.CreateTelemetryRequest,
    )  # fmt: skip
    yield Endpoint("get", one, "A telemetry", _TELEMETRIES, "telemetry", telemetries.get)
    yield Endpoint("delete", one, "Delete a telemetry", _TELEMETRIES, change=telemetries.delete)


def _of_sharing() -> Iterator[Endpoint]:
    for path in (f"/authorizations{_F}", f"/authorizations{_V}"):
        what = "a version" if path.endswith(_V) else "a function"
        yield Endpoint("get", path, f"Who may use {what}", _SHARE, "function", sharing.get)
        yield Endpoint(
            "post", path, f"Say who may use {what}", _SHARE, "function",
            change=sharing.put, body=extra_models.AuthorizeRequest,
        )  # fmt: skip
        yield Endpoint("delete", path, f"Let nobody else use {what}", _SHARE, "function",
                       change=sharing.clear)  # fmt: skip
        yield Endpoint(
            "patch", f"{path}/add", f"Let an account use {what}", _SHARE, "function",
            change=sharing.add, body=extra_models.AuthorizePartyRequest,
        )  # fmt: skip
        yield Endpoint(
            "patch", f"{path}/remove", f"No longer let an account use {what}", _SHARE, "function",
            change=sharing.remove, body=extra_models.AuthorizePartyRequest,
        )  # fmt: skip


def _of_accounts() -> Iterator[Endpoint]:
    one, clients = "/accounts/{ncaId}", "/accounts/{ncaId}/clients"
    yield Endpoint("get", "/accounts", "List accounts", _SETUP, "accounts", accounts.listed)
    yield Endpoint("get", one, "An account", _SETUP, "account", accounts.get)
    yield Endpoint(
        "post", one, "Create an account", _SETUP, "account",
        change=accounts.create, body=extra_models.CreateAccountRequest,
    )  # fmt: skip
    yield Endpoint(
        "patch", one, "Change an account", _SETUP, "account",
        change=accounts.update, body=extra_models.UpdateAccountRequest,
    )  # fmt: skip
    yield Endpoint("delete", one, "Delete an account", _SETUP, change=accounts.delete)
    yield Endpoint(
        "patch", f"{clients}/associate", "Let clients act for an account", _SETUP, "account",
        change=accounts.associate, body=extra_models.ClientsRequest,
    )  # fmt: skip
    yield Endpoint(
        "patch", f"{clients}/disassociate", "No longer let clients act for an account", _SETUP,
        "account", change=accounts.disassociate, body=extra_models.ClientsRequest,
    )  # fmt: skip
    yield Endpoint("get", "/clients/{clientId}", "A client", _SETUP, "client", accounts.client)


def _own() -> Iterator[Endpoint]:
    """What everybody asks about the account that they have."""
    yield from _of_functions()
    yield from _of_deployments()
    yield from _of_queues()
    yield from _of_extras()
    yield from _of_telemetries()
    yield from _of_sharing()


_DEPLOYMENTS = Endpoint("get", "/deployments", "List deployments", _DEPLOY, "deployments",
                        deployments.listed)  # fmt: skip


def _all() -> Iterator[Endpoint]:
    yield from _own()
    yield from _of_accounts()
    yield from map(crossing, _own())
    # Only below an account is there a list of deployments.
    yield crossing(_DEPLOYMENTS)


def _hosted() -> Iterator[Endpoint]:
    """The same below the path of an org, and what only the hosted service has."""
    for endpoint in (*_own(), _DEPLOYMENTS):
        # Its clients clear a rate limit by null.
        clears = endpoint.body is models.UpdateFunctionRequest
        body = models.ClearingUpdateFunctionRequest if clears else endpoint.body
        yield endpoint._replace(path=f"/nvcf{endpoint.path}", body=body)
    yield Endpoint(
        "get", f"/skyway/instances{_V}", "List instances of a version",
        ("list_functions_details",), "instances", functions.instances,
    )  # fmt: skip


ENDPOINTS = tuple(e._replace(path=f"{BASE}{e.path}") for e in _all())
HOSTED = tuple(_hosted())
