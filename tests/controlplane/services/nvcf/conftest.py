"""An application with one cluster of H100s, a token of an administrator, and bodies of functions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from controlplane.access.scopes import ADMIN
from tests.controlplane import engines
from tests.controlplane.services.calling import Vendor

BASE = "/v2/nvcf"
FUNCTIONS = f"{BASE}/functions"
IMAGE = "samples.aicr.local/echo:1"
HEALTH = {
    "protocol": "HTTP",
    "uri": "/health",
    "port": 8000,
    "timeout": "PT30S",
    "expectedStatusCode": 200,
}
ALL = (*ADMIN, "queue_details", "authorize_clients", "account_setup")


class Nvcf(Vendor):
    """Calls as an administrator who may do everything, unless a bearer is given."""

    admin: str = ""

    def ask(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        return self.call(method, path, more.pop("bearer", self.admin), body, **more)

    def good(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        answer = self.ask(method, path, body, **more)
        assert answer.status_code in (200, 204), answer.text
        return answer.json if answer.content else None

    def create(self, of: str = "", **more: Any) -> dict[str, Any]:
        """A new function; `of` one, a new version."""
        path = f"{FUNCTIONS}/{of}/versions" if of else FUNCTIONS
        return dict(self.good("POST", path, body(**more))["function"])

    def deploy(self, function: dict[str, Any], **more: Any) -> dict[str, Any]:
        return dict(self.good("POST", deployed(function), specs(**more))["deployment"])

    def get(self, function: dict[str, Any], **more: Any) -> dict[str, Any]:
        return dict(self.good("GET", at(function), **more)["function"])

    @property
    def engine(self) -> Any:
        return self.program.engine

    def plan(self, specs: Any, secrets: Any = None) -> Any:
        return engines.plan(self.engine, specs, secrets)

    def apply(self, specs: Any, secrets: Any = None) -> list[tuple[str, str]]:
        """Plan and apply; what the plan did."""
        made = self.plan(specs, secrets)
        engines.apply(self.engine, made, secrets)
        return engines.stages(made)

    def resource(self, address: str) -> Any:
        return self.engine.store.read(lambda reader: reader.get(address))


def body(**more: Any) -> dict[str, Any]:
    """The body of a function's creation; None leaves a field out."""
    found = {"name": "echo", "inferenceUrl": "/echo", "inferencePort": 8000, "health": HEALTH}
    return {k: v for k, v in {**found, "containerImage": IMAGE, **more}.items() if v is not None}


def gpu(**more: Any) -> dict[str, Any]:
    found = {"gpu": "H100", "instanceType": "NCP.GPU.H100_1x", "backend": "ncp-local"}
    found = {**found, "minInstances": 0, "maxInstances": 2, **more}
    return {k: v for k, v in found.items() if v is not None}


def specs(**more: Any) -> dict[str, Any]:
    return {"deploymentSpecifications": [gpu(**more)]}


def at(function: dict[str, Any], below: str = "functions") -> str:
    return f"{BASE}/{below}/{function['id']}/versions/{function['versionId']}"


def deployed(function: dict[str, Any]) -> str:
    return at(function, "deployments/functions")


@pytest.fixture(scope="module")
def nvcf(own_cache: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nvcf]:
    made = Nvcf(home=str(tmp_path_factory.mktemp("home")))
    made.admin = made.token(*ALL)
    yield made
    made.close()


@pytest.fixture(scope="module")
def other(nvcf: Nvcf) -> str:
    """A token of another account, which may do everything there."""
    nvcf.good("POST", f"{BASE}/accounts/other", {"name": "Other"})
    nvcf.good("PATCH", f"{BASE}/accounts/other/clients/associate", {"clientIds": ["other-client"]})
    return nvcf.token(*ALL, client="other-client")
