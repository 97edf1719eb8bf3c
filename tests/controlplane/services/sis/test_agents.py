"""An agent registers, reports, goes silent; what it says is no change of what is wanted."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from controlplane import clusters
from controlplane.access import times
from tests.controlplane.services.calling import ACCOUNT
from tests.controlplane.services.sis.conftest import GPU, Sis, fault
from tests.controlplane.services.sis.test_jwks import ISSUER, key_set, token

USAGE = {"H100": {"capacity": 8, "allocated": 2, "available": 6}}
READY = {"status": "READY", "k8sVersion": "v1.33.0"}
HEALTHY = {"status": "HEALTHY", "gpuUsage": USAGE}


class Agent:
    """A cluster with keys, and its agent."""

    def __init__(self, sis: Sis, **more: Any) -> None:
        text, self.key = key_set()
        self._sis = sis
        self.id, _ = sis.register(jwks=text, oidcIssuer=ISSUER, **more)

    def call(self, method: str, what: str, body: Any = None, **claims: Any) -> Any:
        bearer = token(self.key, self.id, **claims)
        return self._sis.call(method, f"/v1/nvca/clusters/{self.id}/{what}", bearer, body)

    def start(self, **more: Any) -> Any:
        return self.call("PUT", "register", {**READY, **more})

    def beat(self, **more: Any) -> Any:
        return self.call("POST", "heartbeat", {**HEALTHY, **more})

    @property
    def cluster(self) -> dict[str, Any]:
        return self._sis.cluster(self.id)


def test_from_registration_to_ready(sis: Sis) -> None:
    agent = Agent(sis)
    answer = agent.start(gpus=[GPU], nvcaVersion="2.0.0")
    assert answer.status_code == 200, answer.text
    assert set(answer.json) == {"clusterId", "clusterGroupId", "credentials"}
    # Ready, as it says; but nobody counts on it before its first heartbeat.
    assert agent.cluster["status"] == "UNHEALTHY"
    assert agent.beat().json == {"action": "ACCEPTED"}
    found = agent.cluster
    assert found["status"] == "READY"
    assert found["k8sVersion"] == "v1.33.0"
    assert found["nvcaVersion"] == "2.0.0"
    assert found["gpuUsage"] == USAGE
    assert [gpu["name"] for gpu in found["gpus"]] == ["H100"]
    assert found["nvcaLastConnected"].endswith("Z")
    assert agent.call("GET", "credentials").json == {}


def test_heartbeats_make_no_plan_stale(sis: Sis) -> None:
    agent = Agent(sis)
    before = sis.program.engine.store.read(lambda r: r.meta()).serial
    agent.start()
    agent.beat()
    assert sis.program.engine.store.read(lambda r: r.meta()).serial == before


def test_declared_gpus_are_not_for_the_agent_to_change(sis: Sis) -> None:
    agent = Agent(sis, gpus=[GPU], capabilities=[])
    agent.start(gpus=[{**GPU, "name": "A100"}])
    assert [gpu["name"] for gpu in agent.cluster["gpus"]] == ["H100"]


def test_a_replacement_leaves_discovered_gpus_alone(sis: Sis) -> None:
    agent = Agent(sis)
    agent.start(gpus=[GPU], nvcaVersion="2.0.0")
    path = f"/v1/accounts/{ACCOUNT}/clusters/{agent.id}"
    kept = {k: v for k, v in agent.cluster.items() if v is not None and k != "gpus"}
    assert sis.manage("PUT", path, kept).status_code == 200
    assert [gpu["name"] for gpu in agent.cluster["gpus"]] == ["H100"]
    assert sis.manage("PUT", path, {**kept, "nvcaVersion": "3.0.0"}).status_code == 200
    assert agent.cluster["nvcaVersion"] == "3.0.0"


def test_silence(sis: Sis) -> None:
    agent = Agent(sis)
    agent.start()
    agent.beat()
    agent.beat(status="UNHEALTHY")
    status = _status(sis, agent.id)
    healthy = times.parse(status["lastHealthy"])
    assert clusters.state(status, healthy + timedelta(seconds=600)) == "READY"
    assert clusters.state(status, healthy + timedelta(seconds=601)) == "UNHEALTHY"


def _status(sis: Sis, id_: str) -> Any:
    found = sis.program.engine.store.read(lambda r: r.find("sis.clusters", clusters.by_id(id_)))
    return found[0].status


def test_a_cluster_that_was_given_up_is_told_so(sis: Sis) -> None:
    agent = Agent(sis)
    agent.start(status="ABANDONED")
    assert agent.beat().json == {"action": "SELF_DESTRUCT"}


WRONG = [
    ("PUT", "register", {}, "status must be provided"),
    ("PUT", "register", {"status": "READY"}, "k8sVersion must be provided"),
    ("PUT", "register", {**READY, "status": "FINE"}, "status must be one of"),
    ("PUT", "register", {**READY, "jwks": "{]"}, "jwks"),
    ("PUT", "register", {**READY, "gpus": [{**GPU, "name": "a b"}]}, "GPU name"),
    ("POST", "heartbeat", {}, "status must be provided"),
    ("POST", "heartbeat", {"status": "HEALTHY"}, "gpuUsage must be provided"),
    ("POST", "heartbeat", {**HEALTHY, "status": "READY"}, "status must be one of"),
    ("POST", "heartbeat", {**HEALTHY, "gpuUsage": []}, "Failed to read request"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "what", "body", "said"), WRONG)
def test_what_agents_may_not_say(sis: Sis, method: str, what: str, body: Any, said: str) -> None:
    fault(Agent(sis).call(method, what, body), 400, said)


def test_agents_speak_for_their_own_cluster(sis: Sis) -> None:
    agent, other = Agent(sis), Agent(sis)
    path = f"/v1/nvca/clusters/{other.id}/heartbeat"
    fault(sis.call("POST", path, token(agent.key, agent.id), HEALTHY), 409, "another cluster")
    fault(sis.call("POST", path, token(agent.key, other.id), HEALTHY), 401)
    fault(agent.call("POST", "heartbeat", HEALTHY, iss="https://elsewhere"), 409, "issuer")
    fault(agent.call("POST", "heartbeat", HEALTHY, exp=1), 401)
    # Neither do they manage.
    fault(sis.call("GET", f"/v1/accounts/{ACCOUNT}/clusters", token(agent.key, agent.id)), 401)


def test_agents_rotate_their_own_keys(sis: Sis) -> None:
    agent = Agent(sis)
    text, fresh = key_set()
    assert agent.call("PUT", "jwks", {"jwks": text}).status_code == 200
    fault(agent.beat(), 401)
    agent.key = fresh
    assert agent.beat().status_code == 200


def test_introspection_is_public(sis: Sis) -> None:
    agent = Agent(sis)
    for path in ("/v1/nvca/tokens", "/v1/si/oidc/token", "/v1/si/oidc/tokens"):
        answer = sis.call("POST", f"{path}/introspect", body={"token": token(agent.key, agent.id)})
        assert answer.json == {
            "active": True,
            "sub": "system:serviceaccount:nvca-system:nvca",
            "aud": f"nvcf-icms:{agent.id}",
            "iss": ISSUER,
            "clusterId": agent.id,
            "tokenType": "psat",
        }
    bad = sis.call("POST", f"{path}/introspect", body={"token": "a.b.c"})
    assert bad.json["active"] is False
    assert {*bad.json.values()} == {False, None}


def test_reads(sis: Sis) -> None:
    agent = Agent(sis, region="eu-west-1", clusterGroupName="reads")
    multi = {"name": "two", "value": "two", "nodeType": "MULTI", "gpuCount": 16}
    types = [*GPU["instanceTypes"], multi]  # type: ignore[misc]
    agent.start(gpus=[{**GPU, "name": "B200", "instanceTypes": types}])
    assert agent.beat(gpuUsage={"B200": {"capacity": 8, "allocated": 3, "available": 5}})
    base = f"/v1/si/accounts/{ACCOUNT}"
    scopes = ("gpu_listing", "regions_listing", "clusters_listing", "attributes_listing",
              "instance_types", "gpu-usage", "cluster_listing")  # fmt: skip
    bearer = sis.token(*scopes)

    def ask(what: str, **parameters: str) -> Any:
        answer = sis.call("GET", f"{base}/{what}", bearer, params=parameters)
        assert answer.status_code == 200, answer.text
        return answer.json

    assert "B200" in ask("gpus")["gpus"]
    assert ask("gpus", backends="reads") == {"gpus": ["B200"]}
    assert ask("regions", gpus="B200") == {"regions": ["eu-west-1"]}
    assert ask("clusterNames", regions="eu-west-1", backends="reads")["clusterNames"]
    assert ask("attributes", backends="reads") == {"attributes": []}
    found = ask("instanceTypes", gpus="B200")["B200"]
    assert [(t["name"], t["availableCapacity"]) for t in found] == [("H100_1x", 5)]
    everything = ask("instanceTypes", gpus="B200", capacityValidation="false")["B200"]
    assert [t["name"] for t in everything] == ["H100_1x", "two"]
    one = ask(
        "instanceTypes", gpus="B200", capacityValidation="false", instanceTypeUsage="CONTAINER"
    )
    assert [t["name"] for t in one["B200"]] == ["H100_1x"]
    room = ask("instanceTypes/availability", backends="reads")["gpus"]
    assert [(g["gpuName"], [t["instanceName"] for t in g["instanceTypes"]]) for g in room] == [
        ("B200", ["H100_1x"])
    ]
    region = room[0]["instanceTypes"][0]["regions"][0]
    assert (region["regionName"], region["clusters"][0]["clusterGroup"]) == ("eu-west-1", "reads")
    assert region["clusters"][0]["maxClusterAvailableCapacity"] == 5
    groups = ask("clusterGroups")["clusterGroups"]
    mine = next(g for g in groups if g["name"] == "reads")
    assert mine["clusters"] == [
        {"k8sVersion": "v1.33.0", "id": agent.id, "name": agent.cluster["clusterName"]}
    ]
    assert mine["gpus"][0]["instanceTypes"][0] == {
        "name": "H100_1x",
        "default": True,
        "value": "H100_1x",
        "nodeType": "SINGLE",
    }
    wrong = sis.call("GET", f"{base}/clusterGroups", bearer, params={"instanceTypeUsage": "ALL"})
    fault(wrong, 400)


def test_events_of_heartbeats_are_short(sis: Sis) -> None:
    agent = Agent(sis)
    agent.start()
    agent.beat()
    address = f"sis.clusters.{agent.cluster['clusterName']}"
    events = sis.program.engine.store.read(lambda r: r.events(0, 10_000))
    told = [e.data for e in events if e.type == "status" and e.address == address]
    assert len(told) == 2
    assert "jwks" not in told[-1]
    assert told[-1]["lastHealthy"]
