"""An application, a token of a manager, and bodies of clusters."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from tests.controlplane.services.calling import ACCOUNT, Vendor

CLUSTERS = f"/v1/accounts/{ACCOUNT}/clusters"
GPU = {
    "name": "H100",
    "capacity": 8,
    "instanceTypes": [{"name": "H100_1x", "value": "H100_1x", "default": True}],
}
_numbers = count()


class Sis(Vendor):
    """Calls as a manager, unless a bearer is given."""

    manager: str = ""

    def manage(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        return self.call(method, path, self.manager, body, **more)

    def register(self, **more: Any) -> tuple[str, dict[str, Any]]:
        """A new cluster: its id, and the body it was registered with."""
        wanted = body(**more)
        answer = self.manage("POST", CLUSTERS, wanted)
        assert answer.status_code == 200, answer.text
        return answer.json["clusterId"], wanted

    def cluster(self, cluster_id: str) -> dict[str, Any]:
        answer = self.manage("GET", f"{CLUSTERS}/{cluster_id}")
        assert answer.status_code == 200, answer.text
        return dict(answer.json)


def name() -> str:
    return f"edge{next(_numbers)}"


def body(**more: Any) -> dict[str, Any]:
    """A body with which a cluster is registered; None leaves a field out."""
    own = more.get("clusterName") or name()
    found = {
        "clusterName": own,
        "clusterGroupName": own,
        "ncaId": ACCOUNT,
        "cloudProvider": "ON-PREM",
        "region": "us-west-1",
        "nvcaVersion": "0.0.0",
        "capabilities": ["DynamicGPUDiscovery"],
        **more,
    }
    return {key: value for key, value in found.items() if value is not None}


def fault(answer: Any, status: int, said: str = "") -> str:
    """The words of an error of this API."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert list(answer.json) == ["error"]
    words = str(answer.json["error"])
    assert said in words
    return words


@pytest.fixture(scope="module")
def sis(own_cache: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sis]:
    made = Sis(home=str(tmp_path_factory.mktemp("home")))
    made.manager = made.token("cluster-management")
    yield made
    made.close()
