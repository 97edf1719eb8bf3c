"""A server of its own for each test, with credentials of every kind."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from controlplane.changes import Changes
from controlplane.program import home_of
from controlplane.state.protocol import Actor
from tests.controlplane.conftest import Api

ACCOUNTS = """# a comment
apiVersion: aicr.nvidia.com/v1alpha1
kind: ControlPlane
metadata: {name: accounts}
spec:
  resources:
    access:
      accounts:
        research:
          name: Research
"""
SECRET = ACCOUNTS.replace("accounts", "secrets").replace("name: Research", "value: env:CANARY")
RESEARCH = "access.accounts.research"


class Plans(Api):
    """Calls with the credential of this host, unless a test says with which. This machine is no
    cluster here: what is in the state, tests say."""

    def __init__(self, home: Path, **settings: Any) -> None:
        super().__init__(home=str(home), **{"cluster_gpus": {}, **settings})
        self.admin = home_of(self.program.settings).token()

    def token(self, *scopes: str, client: str = "ncp") -> str:
        return self.program.credentials.tokens.issue(client, scopes).value

    def call(self, method: str, path: str, body: Any = None, token: str | None = None) -> Any:
        bearer = self.admin if token is None else token
        headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        text = body if isinstance(body, str | bytes | None) else json.dumps(body)
        if text is not None:
            headers["Content-Type"] = "application/json"
        return self.simulate_request(method, path, body=text, headers=headers)

    def get(self, path: str, token: str | None = None) -> Any:
        return self.call("GET", path, None, token)

    def planned(self, text: str = ACCOUNTS, **more: Any) -> Any:
        body = {"documents": [{"name": "a.yaml", "content": text}], **more}
        answer = self.call("POST", "/v1/plans", body)
        assert answer.status_code == 200, answer.text
        return answer.json

    def applied(self, id_: str, **body: Any) -> Any:
        return self.call("POST", f"/v1/plans/{id_}/apply", body or None)

    def change(self, work: Any) -> Any:
        """A change by another way than a plan."""

        def run(changes: Changes) -> Any:
            return work(changes)

        return self.program.engine.change_now(Actor("somebody"), run)


@pytest.fixture
def plans(own_cache: Any, tmp_path: Path) -> Iterator[Plans]:
    made = Plans(tmp_path / "home")
    yield made
    made.program.engine.store.close()
