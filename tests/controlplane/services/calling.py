"""Vendors' clients: an application with a home of its own, and bearers of every kind for it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from controlplane.access.bootstrap import CLIENT
from controlplane.access.registry import FUNCTIONS
from tests.controlplane.conftest import Api

ACCOUNT = "nvcf-default"
EVERYTHING = (
    {"type": "account-functions", "id": "*"},
    {"type": "authorized-functions", "id": "*"},
    {"type": "account-tasks", "id": "*"},
)


class Vendor(Api):
    """An application, called as clients of vendors do."""

    def token(self, *scopes: str, client: str = CLIENT) -> str:
        """A token with these scopes."""
        return str(self.program.credentials.tokens.issue(client, scopes).value)

    def key(self, *scopes: str, resources: Any = EVERYTHING, of: Any = FUNCTIONS) -> str:
        """An API key of a service with these scopes, for these resources."""
        until = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        policy = {"aud": of.id, "scopes": list(scopes), "resources": resources}
        body = {"description": "a key", "expires_at": until}
        owner = f"{uuid4()}@nvcf-api.local"
        answer = self.simulate_post(
            "/v1/keys",
            json={**body, "authorizations": {"policies": [policy]}},
            headers={"Key-Issuer-Id": of.id, "Key-Owner-Id": owner},
        )
        assert answer.status_code == 200, answer.text
        return str(answer.json["value"])

    def call(self, method: str, path: str, bearer: str = "", body: Any = None, **more: Any) -> Any:
        headers = {**({"Authorization": f"Bearer {bearer}"} if bearer else {})}
        headers.update(more.pop("headers", {}))
        if body is not None:
            more["json"] = body
        return self.simulate_request(method, path, headers=headers, **more)

    def close(self) -> None:
        self.program.engine.store.close()


def problem(answer: Any, status: int, said: str = "") -> Any:
    """The body of an RFC 7807 error."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json["status"] == status
    assert said in answer.json["detail"]
    return answer.json


def without(body: dict[str, Any], names: Collection[str]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name not in names}
