"""Facts of a cluster, from what kubectl answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from aicr.collect import kubernetes
from aicr.errors import AicrError, NotFound, Unavailable

VERSION = {
    "clientVersion": {"gitVersion": "v1.34.0"},
    "serverVersion": {
        "gitVersion": "v1.33.5-eks-3025e55",
        "platform": "linux/amd64",
        "goVersion": "go1.24.6",
    },
}
NODE = {
    "metadata": {"name": "node-a"},
    "spec": {"providerID": "aws:///us-west-2a/i-0123"},
    "status": {
        "nodeInfo": {
            "containerRuntimeVersion": "containerd://1.7.27",
            "kubeletVersion": "v1.33.5-eks-1",
            "kernelVersion": "6.8.0-1028-aws",
            "operatingSystem": "linux",
            "osImage": "Ubuntu 24.04 LTS",
        }
    },
}


def pods(*images: str, init: str = "busybox") -> dict[str, Any]:
    spec = {"containers": [{"image": i} for i in images], "initContainers": [{"image": init}]}
    return {"items": [{"spec": spec}, {"spec": {"containers": [{"image": images[0]}]}}]}


def policies(**specs: Any) -> dict[str, Any]:
    return {"items": [{"metadata": {"name": n}, "spec": s} for n, s in specs.items()]}


class Cluster:
    """Answers like kubectl; what it has no answer for is an error."""

    def __init__(self, **answers: Any) -> None:
        self.answers: dict[str, Any] = {
            "version": VERSION, "pods": pods("a:1"), "clusterpolicies.nvidia.com": policies(),
            "node": NODE, **answers,
        }  # fmt: skip
        self.asked: list[Sequence[str]] = []

    def __call__(self, arguments: Sequence[str]) -> Any:
        self.asked.append(arguments)
        answer = self.answers[arguments[1] if arguments[0] == "get" else arguments[0]]
        if isinstance(answer, AicrError):
            raise answer
        return answer


def test_the_server() -> None:
    assert kubernetes.server(VERSION) == {
        "version": "v1.33.5-eks-3025e55",
        "platform": "linux/amd64",
        "goVersion": "go1.24.6",
    }


@pytest.mark.parametrize(
    ("image", "name", "tag"),
    [
        ("nvcr.io/nvidia/gpu-operator:v25.3.0", "gpu-operator", "v25.3.0"),
        ("localhost:5000/team/app", "app", "latest"),
        ("registry.k8s.io/pause:3.10@sha256:abc", "pause", "3.10"),
        ("nginx", "nginx", "latest"),
    ],
)
def test_images(image: str, name: str, tag: str) -> None:
    found, warnings = kubernetes.images(pods(image))
    assert (found, warnings) == (dict(sorted({"busybox": "latest", name: tag}.items())), ())


def test_several_tags_of_an_image() -> None:
    assert kubernetes.images(pods("x/app:2", "y/app:10"))[0]["app"] == "10,2"


def test_a_policy_is_flat() -> None:
    spec = {"driver": {"enabled": True, "version": "580", "env": [{"name": "A"}], "none": None}}
    assert kubernetes.policy(policies(b={"x": 1}, a=spec))[0] == {
        "driver.enabled": True,
        "driver.version": "580",
        "driver.env.0.name": "A",
    }


def test_a_node() -> None:
    assert kubernetes.node_facts(NODE)[0] == {
        "source-node": "node-a",
        "provider": "eks",
        "provider-id": "aws:///us-west-2a/i-0123",
        "container-runtime-name": "containerd",
        "container-runtime-version": "1.7.27",
        "container-runtime-id": "containerd://1.7.27",
        "kubelet-version": "v1.33.5-eks-1",
        "kernel-version": "6.8.0-1028-aws",
        "operating-system": "linux",
        "os-image": "Ubuntu 24.04 LTS",
    }


@pytest.mark.parametrize(
    ("provider_id", "provider"),
    [("gce://p/z/n", "gke"), ("azure:///s", "aks"), ("oci://x", "oke"), ("kind://d/k/n", "kind"),
     ("openstack:///x", "openstack"), ("", None)],
)  # fmt: skip
def test_providers(provider_id: str, provider: str | None) -> None:
    node = {**NODE, "spec": {"providerID": provider_id}}
    assert kubernetes.node_facts(node)[0].get("provider") == provider


def test_a_cluster() -> None:
    cluster = Cluster()
    facts = kubernetes.collect(cluster, "node-a")
    assert list(facts.subtypes) == ["server", "image", "policy", "node"]
    assert facts.subtypes["policy"] == {}
    assert facts.warnings == ()
    assert cluster.asked[-1] == ["get", "node", "node-a"]


def test_an_unreachable_cluster_is_asked_once() -> None:
    cluster = Cluster(version=Unavailable("refused"))
    assert kubernetes.collect(cluster, "n") == kubernetes.Facts({}, ("K8s: refused",))
    assert len(cluster.asked) == 1


@pytest.mark.parametrize(
    ("what", "error", "measured", "warning"),
    [
        ("clusterpolicies.nvidia.com", Unavailable("the server doesn't have a resource type"), {}, None),
        ("clusterpolicies.nvidia.com", Unavailable("forbidden"), None, "K8s.policy: forbidden"),
        ("pods", Unavailable("forbidden"), None, "K8s.image: forbidden"),
        ("node", NotFound("gone"), None, "K8s.node: n is no node of the cluster; NODE_NAME names the one to describe"),
    ],
)  # fmt: skip
def test_parts_fail_alone(
    what: str, error: AicrError, measured: dict[str, str] | None, warning: str | None
) -> None:
    name = {"pods": "image", "node": "node"}.get(what, "policy")
    facts = kubernetes.collect(Cluster(**{what: error}), "n")
    assert facts.subtypes.get(name) == measured
    assert facts.warnings == ((warning,) if warning else ())


def test_an_odd_pod_costs_itself_only() -> None:
    odd = {"metadata": {"namespace": "ns", "name": "p"}, "spec": {"containers": [{"name": "c"}]}}
    found = {"items": [*pods("a:1")["items"], odd, {}]}
    facts = kubernetes.collect(Cluster(pods=found), "node-a")
    assert facts.subtypes["image"] == {"a": "1", "busybox": "latest"}
    assert facts.subtypes["server"]["version"] == "v1.33.5-eks-3025e55"
    assert facts.warnings == (
        "K8s.image: ns/p is left out: unexpected answer (KeyError: 'image') (and 1 more)",
    )


@pytest.mark.parametrize(
    ("what", "answer", "name"),
    [("pods", {"items": 5}, "image"), ("node", {"metadata": {}}, "node"), ("clusterpolicies.nvidia.com", {"items": 5}, "policy")],
)  # fmt: skip
def test_an_odd_answer_costs_its_subtype_only(what: str, answer: Any, name: str) -> None:
    facts = kubernetes.collect(Cluster(**{what: answer}), "node-a")
    assert set(facts.subtypes) == {"server", "image", "policy", "node"} - {name}
    (warning,) = facts.warnings
    assert warning.startswith(f"K8s.{name}: unexpected answer (")
