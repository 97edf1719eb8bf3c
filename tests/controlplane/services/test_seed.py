"""Every endpoint of the seed's tables: with the scope that is named there, with all others, and
without a credential.

What is asked for is not there, or says nothing, so that the scope is all that makes a difference.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple
from uuid import uuid4

import pytest

from controlplane.access.registry import FUNCTIONS, TASKS
from controlplane.access.scopes import API_KEY, JWT, SCOPES, bearers
from tests.controlplane.services.calling import ACCOUNT, Vendor

ID = str(uuid4())
_F, _V = f"functions/{ID}", f"functions/{ID}/versions/{ID}"
_LIST = ("list_functions", "list_functions_details")
_CREDENTIALS = ("manage_registry_credentials",)
_CLUSTERS = f"/v1/accounts/{ACCOUNT}/clusters"


class Row(NamedTuple):
    method: str
    path: str
    scopes: tuple[str, ...]
    # Which of a token and an API key may be sent.
    kinds: tuple[str, ...] = (JWT, API_KEY)


def _nvcf(method: str, path: str, *scopes: str) -> Row:
    return Row(method, f"/v2/nvcf/{path}", scopes)


def _sis(method: str, path: str) -> Row:
    return Row(method, path, ("cluster-management",), (JWT,))


def _task(method: str, path: str, scope: str) -> Row:
    return Row(method, f"/v1/nvct/{path}", (scope,), (API_KEY,))


# As the seed lists them, but for the three of invocation, which have a service of their own.
ROWS = (
    _nvcf("GET", f"queues/{ID}/position", "queue_details"),
    _nvcf("GET", f"queues/{_F}", "queue_details"),
    _nvcf("GET", f"queues/{_V}", "queue_details"),
    _nvcf("GET", "functions", *_LIST),
    _nvcf("GET", "functions/ids", *_LIST),
    _nvcf("POST", "functions", "register_function"),
    _nvcf("GET", f"{_F}/versions", *_LIST),
    _nvcf("POST", f"{_F}/versions", "register_function"),
    _nvcf("GET", _V, *_LIST),
    _nvcf("PUT", _V, "update_function"),
    _nvcf("DELETE", _V, "delete_function"),
    _nvcf("PUT", f"metadata/{_V}", "update_function"),
    _nvcf("GET", f"deployments/{_V}", "deploy_function"),
    _nvcf("POST", f"deployments/{_V}", "deploy_function"),
    _nvcf("PUT", f"deployments/{_V}", "deploy_function"),
    _nvcf("DELETE", f"deployments/{_V}", "deploy_function"),
    _nvcf("GET", f"deployments/{ID}", "deploy_function"),
    _nvcf("PATCH", f"deployments/{ID}/gpu-specifications/{ID}", "deploy_function"),
    _nvcf("GET", "registry-credentials", *_CREDENTIALS),
    _nvcf("POST", "registry-credentials", *_CREDENTIALS),
    _nvcf("GET", f"registry-credentials/{ID}", *_CREDENTIALS),
    _nvcf("PATCH", f"registry-credentials/{ID}", *_CREDENTIALS),
    _nvcf("DELETE", f"registry-credentials/{ID}", *_CREDENTIALS),
    _nvcf("GET", "recognized-registries", *_CREDENTIALS),
    _sis("GET", _CLUSTERS),
    _sis("POST", _CLUSTERS),
    _sis("GET", f"{_CLUSTERS}/{ID}"),
    _sis("PUT", f"{_CLUSTERS}/{ID}"),
    _sis("DELETE", f"{_CLUSTERS}/{ID}"),
    _sis("GET", f"/v1/accounts/{ACCOUNT}/clusterVersions"),
    _task("POST", "tasks", "launch_task"),
    _task("GET", "tasks", "list_tasks"),
    _task("POST", "tasks/bulk", "list_tasks"),
    _task("GET", f"tasks/{ID}", "task_details"),
    _task("DELETE", f"tasks/{ID}", "delete_task"),
    _task("POST", f"tasks/{ID}/cancel", "cancel_task"),
    _task("GET", f"tasks/{ID}/events", "list_events"),
    _task("GET", f"tasks/{ID}/results", "list_results"),
    _task("PUT", f"secrets/tasks/{ID}", "update_secrets"),
    # Beside the seed (contract 17), with the scope of invocation.
    _nvcf("GET", "assets", "invoke_function"),
    _nvcf("POST", "assets", "invoke_function"),
    _nvcf("GET", f"assets/{ID}", "invoke_function"),
    _nvcf("DELETE", f"assets/{ID}", "invoke_function"),
    _nvcf("GET", f"assets/{ID}/content-redirect", "invoke_function"),
)


class Client(Vendor):
    """Calls with bearers that are made once."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._keys: dict[Any, str] = {}

    def bearer(self, kind: str, row: Row, scopes: tuple[str, ...]) -> str:
        if kind == JWT:
            return self.token(*scopes)
        of = TASKS if row.path.startswith("/v1/nvct") else FUNCTIONS
        if (of, scopes) not in self._keys:
            self._keys[of, scopes] = self.key(*scopes, of=of)
        return self._keys[of, scopes]

    def status(self, row: Row, bearer: str) -> int:
        sent: Any = {} if row.method in ("POST", "PUT", "PATCH") else None
        answer = self.call(row.method, row.path, bearer, sent)
        assert answer.status_code < 500, answer.text
        return int(answer.status_code)


@pytest.fixture(scope="module")
def client(own_cache: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    made = Client(home=str(tmp_path_factory.mktemp("home")))
    yield made
    made.close()


@pytest.mark.parametrize("row", ROWS, ids=lambda r: f"{r.method} {r.path.replace(ID, 'ID')}")
def test_row(client: Client, row: Row) -> None:
    assert client.status(row, "") == 401
    assert client.status(row, "a.b.c") == 401
    others = tuple(s for s in SCOPES if s not in row.scopes)
    for kind in (JWT, API_KEY):
        refused = (401, 403) if row in _OF_TOKENS and kind == API_KEY else (403,)
        assert client.status(row, client.bearer(kind, row, others)) in refused, kind
        for scope in row.scopes:
            status = client.status(row, client.bearer(kind, row, (scope,)))
            if kind in row.kinds:
                assert status not in (401, 403, 405), (kind, scope)
            elif row in _OF_TOKENS:
                assert status == 401, (kind, scope)


# Paths at which an API key is nobody.
_OF_TOKENS = tuple(row for row in ROWS if row.kinds == (JWT,))


@pytest.mark.parametrize("row", ROWS, ids=lambda r: f"{r.method} {r.path.replace(ID, 'ID')}")
def test_scopes_count_for_the_bearers_that_the_seed_names(row: Row) -> None:
    for scope in row.scopes:
        assert set(row.kinds) <= bearers(scope)


def test_the_table_has_no_row_twice() -> None:
    assert len({(row.method, row.path) for row in ROWS}) == len(ROWS) == 44
