"""Every endpoint of this service as one table: routes, OpenAPI and tests are made of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from falcon.asgi import Request

from controlplane.services.nvct import models, pages, tasks
from controlplane.services.nvct.lifecycle import STATES
from controlplane.vendor import requests
from controlplane.vendor.endpoints import Endpoint, Option, crossing
from controlplane.vendor.errors import not_a
from controlplane.vendor.models import UpdateSecretsRequest

BASE = "/v1/nvct"


def _status(req: Request) -> str:
    """A state to filter by; none: all. Raises Problem 400."""
    text = req.get_param("status") or ""
    if text not in ("", *STATES):
        raise not_a("status of a task", "status")
    return text


OPTIONS: Mapping[str, Option] = {
    "page": pages.page,
    "status": _status,
    "includeSecrets": lambda req: requests.flag(req, "includeSecrets", True),
}
_ONE = "/tasks/{taskId}"


def _own() -> Iterator[Endpoint]:
    """What everybody asks about the account that they have."""
    yield Endpoint("get", "/tasks", "List tasks", ("list_tasks",), "tasks",
                   tasks.listed, options=("page", "status"))  # fmt: skip
    yield Endpoint(
        "post", "/tasks", "Create a task", ("launch_task",), "task",
        change=tasks.create, body=models.CreateTaskRequest, pulls=tasks.pulls,
    )  # fmt: skip
    yield Endpoint("post", "/tasks/bulk", "Look at several tasks", ("list_tasks",), "tasks",
                   tasks.bulk, body=models.BulkRequest)  # fmt: skip
    yield Endpoint("get", _ONE, "A task", ("task_details",), "task",
                   tasks.get, options=("includeSecrets",))  # fmt: skip
    yield Endpoint("delete", _ONE, "Delete a task", ("delete_task",), change=tasks.delete)
    yield Endpoint("post", f"{_ONE}/cancel", "Cancel a task", ("cancel_task",), "task",
                   change=tasks.cancel)  # fmt: skip
    yield Endpoint("get", f"{_ONE}/events", "List events of a task", ("list_events",), "events",
                   tasks.events, options=("page",))  # fmt: skip
    yield Endpoint("get", f"{_ONE}/results", "List results of a task", ("list_results",),
                   "results", tasks.results, options=("page",))  # fmt: skip
    yield Endpoint(
        "put", f"/secrets{_ONE}", "Put secrets of a task", ("update_secrets",),
        change=tasks.put_secrets, body=UpdateSecretsRequest,
    )  # fmt: skip


def _hosted() -> Iterator[Endpoint]:
    """The same below the path of an org, and what only the hosted service has."""
    for endpoint in _own():
        yield endpoint._replace(path=f"/nvct{endpoint.path}")
    yield Endpoint("get", f"/skyway/instances{_ONE}", "List instances of a task",
                   ("task_details",), "instances", tasks.instances)  # fmt: skip


ENDPOINTS = tuple(e._replace(path=f"{BASE}{e.path}") for e in (*_own(), *map(crossing, _own())))
HOSTED = tuple(_hosted())
