"""K8s: the server, the images in use, the GPU operator's policy and the node we are on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any

from aicr.collect import odd
from aicr.collect.facts import Data, Facts, Scalar
from aicr.errors import AicrError, NotFound
from aicr.kubectl import Ask

KIND = "K8s"
SECONDS = 60
# Scheme of a node's provider id -> the service whose nodes have it.
_PROVIDERS = {"aws": "eks", "gce": "gke", "azure": "aks", "oci": "oke", "kind": "kind"}
# The readings of a subtype, and warnings about what is left out of them.
Read = tuple[Data, tuple[str, ...]]
_NO_SUCH_KIND = "the server doesn't have a resource type"


def collect(ask: Ask, node: str) -> Facts:
    """Everything that can be read; without an answer of the server nothing else is tried."""
    try:
        subtypes = {"server": server(ask(["version"]))}
    except AicrError as e:
        return Facts({}, (f"{KIND}: {e.message}",))
    warnings: list[str] = []
    for name, arguments, parse in (
        ("image", ["get", "pods", "--all-namespaces"], images),
        ("policy", ["get", "clusterpolicies.nvidia.com"], policy),
        ("node", ["get", "node", node], node_facts),
    ):
        try:
            subtypes[name], found = parse(ask(arguments))
        except AicrError as e:
            if name == "policy" and _NO_SUCH_KIND in e.message:
                subtypes[name] = {}  # no GPU operator: measured, and nothing there
                continue
            missing = name == "node" and isinstance(e, NotFound)
            text = f"{node} is no node of the cluster; NODE_NAME names the one to describe"
            found = (text if missing else e.message,)
        except odd.SHAPE as e:
            found = (odd.described(e),)
        warnings += [f"{KIND}.{name}: {text}" for text in found]
    return Facts(subtypes, tuple(warnings))


def server(answer: Mapping[str, Any]) -> Data:
    """Version, platform and compiler of the API server."""
    found = answer["serverVersion"]
    names = {"version": "gitVersion", "platform": "platform", "goVersion": "goVersion"}
    return {key: found[field] for key, field in names.items() if found.get(field)}


def images(pods: Mapping[str, Any]) -> Read:
    """Tags by the last part of an image's name, comma-separated where several are in use."""
    tags: dict[str, set[str]] = {}
    found, warnings = odd.each(_images_of, pods.get("items") or [])
    for name, tag in chain.from_iterable(found):
        tags.setdefault(name, set()).add(tag)
    return {name: ",".join(sorted(tags[name])) for name in sorted(tags)}, warnings


def _images_of(pod: Mapping[str, Any]) -> list[tuple[str, str]]:
    kinds = ("initContainers", "containers")
    containers = chain.from_iterable(pod["spec"].get(kind) or [] for kind in kinds)
    return [_name_and_tag(container["image"]) for container in containers]


def _name_and_tag(image: str) -> tuple[str, str]:
    """Without registry and digest; a colon before the last slash is a port's."""
    name, _, tag = image.partition("@")[0].rpartition("/")[2].partition(":")
    return name, tag or "latest"


def policy(policies: Mapping[str, Any]) -> Read:
    """The ClusterPolicy's spec (the first by name) as dotted paths."""
    found, warnings = odd.each(
        lambda p: (p["metadata"]["name"], p.get("spec") or {}), policies.get("items") or []
    )
    named = dict(found)
    return dict(_flat("", named[min(named)])) if named else {}, warnings


def _flat(path: str, value: Any) -> Iterator[tuple[str, Scalar]]:
    """Leaves by dotted path, list entries by their number; null says nothing."""
    entries: Any = None
    if isinstance(value, Mapping):
        entries = value.items()
    elif isinstance(value, list):
        entries = enumerate(value)
    if entries is not None:
        for key, inner in entries:
            yield from _flat(f"{path}.{key}" if path else str(key), inner)
    elif value is not None:
        yield path, value


def node_facts(node: Mapping[str, Any]) -> Read:
    """What a node says of itself."""
    info = node["status"]["nodeInfo"]
    provider_id = node["spec"].get("providerID") or ""
    scheme = provider_id.partition("://")[0]
    runtime = info.get("containerRuntimeVersion") or ""
    name, _, version = runtime.partition("://")
    found: Data = {
        "source-node": node["metadata"]["name"],
        "provider": _PROVIDERS.get(scheme, scheme),
        "provider-id": provider_id,
        "container-runtime-name": name,
        "container-runtime-version": version,
        "container-runtime-id": runtime,
        "kubelet-version": info.get("kubeletVersion") or "",
        "kernel-version": info.get("kernelVersion") or "",
        "operating-system": info.get("operatingSystem") or "",
        "os-image": info.get("osImage") or "",
    }
    return {key: value for key, value in found.items() if value}, ()
