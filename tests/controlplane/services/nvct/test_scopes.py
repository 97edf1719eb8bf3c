"""Every endpoint: the right scope, a wrong one, none; other accounts, and tokens."""

from __future__ import annotations

import re

import pytest

from controlplane.access.scopes import API_KEY, bearers
from controlplane.services.nvct.endpoints import ENDPOINTS
from controlplane.vendor.endpoints import Endpoint
from tests.controlplane.services.calling import ACCOUNT, problem
from tests.controlplane.services.nvct.conftest import ALL, NOWHERE, SCOPES, TASKS, Nvct, body


def _path(endpoint: Endpoint) -> str:
    return re.sub(r"\{\w+\}", NOWHERE, endpoint.path.replace("{ncaId}", ACCOUNT))


def _bearer(nvct: Nvct, endpoint: Endpoint, scope: str) -> str:
    """A credential that a scope counts for."""
    return nvct.task_key(scope) if API_KEY in bearers(scope) else nvct.token(scope)


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda e: f"{e.method} {e.path}")
def test_who_may(nvct: Nvct, endpoint: Endpoint) -> None:
    method, path = endpoint.method.upper(), _path(endpoint)
    sent = None if endpoint.body is None else {}
    missing = nvct.call(method, path, "", sent)
    assert missing.status_code == 401
    assert missing.headers["www-authenticate"].startswith("Bearer")
    assert missing.content == b""
    wrong = [
        nvct.key(*SCOPES, resources=ALL),
        nvct.task_key(*(s for s in SCOPES if s not in endpoint.scopes)),
        nvct.token(*(s for s in SCOPES if s != "update_secrets")),
    ]
    for bearer in wrong:
        problem(nvct.call(method, path, bearer, sent), 403)
    for scope in endpoint.scopes:
        answer = nvct.call(method, path, _bearer(nvct, endpoint, scope), sent)
        assert answer.status_code in (200, 204, 400, 404), answer.text


def test_crossing_needs_an_account_that_is_there(nvct: Nvct) -> None:
    bearer = nvct.token("admin:list_tasks", "admin:launch_task", "admin:task_details")
    problem(nvct.call("GET", "/v1/nvct/accounts/nobody/tasks", bearer), 404, "Account 'nobody'")
    made = nvct.call("POST", f"/v1/nvct/accounts/{ACCOUNT}/tasks", bearer, body()).json["task"]
    assert made["ncaId"] == ACCOUNT
    assert nvct.get(made)["id"] == made["id"]
    problem(nvct.call("GET", TASKS, bearer), 403)


def test_tasks_of_other_accounts_are_not_there(nvct: Nvct) -> None:
    admin = nvct.token(
        "account_setup", "admin:task_details", "admin:list_tasks", "admin:cancel_task"
    )
    assert nvct.call("POST", "/v2/nvcf/accounts/other", admin, {"name": "Other"}).status_code == 200
    made = nvct.create()
    base = "/v1/nvct/accounts/other/tasks"
    problem(nvct.call("GET", f"{base}/{made['id']}", admin), 404, "Not found in account 'other'")
    problem(nvct.call("POST", f"{base}/{made['id']}/cancel", admin), 404)
    problem(nvct.call("POST", f"{base}/bulk", admin, {"taskIds": [made["id"]]}), 404)
    assert nvct.call("GET", base, admin).json == {"tasks": []}


def test_keys_for_single_tasks(nvct: Nvct) -> None:
    mine, other = nvct.create(name="mine"), nvct.create(name="other")
    key = nvct.task_key(resources=[{"type": "task", "id": mine["id"]}])
    none = nvct.task_key(resources=[])
    assert nvct.get(mine, bearer=key)["name"] == "mine"
    for bearer, task in ((key, other), (none, mine)):
        for method, below in (
            ("GET", ""),
            ("POST", "/cancel"),
            ("GET", "/events"),
            ("GET", "/results"),
            ("DELETE", ""),
        ):
            problem(
                nvct.ask(method, f"{TASKS}/{task['id']}{below}", bearer=bearer),
                403,
                "Access Denied",
            )
        problem(nvct.ask("POST", TASKS, body(), bearer=bearer), 403)
    both = {"taskIds": [mine["id"], other["id"]]}
    problem(nvct.ask("POST", f"{TASKS}/bulk", both, bearer=key), 403)
    listed = nvct.good("GET", TASKS, params={"limit": 1000}, bearer=key)["tasks"]
    assert [t["id"] for t in listed] == [mine["id"]]
    assert nvct.good("GET", TASKS, params={"limit": 1000}, bearer=none) == {"tasks": []}
    problem(nvct.ask("GET", f"{TASKS}/{NOWHERE}", bearer=key), 404)
