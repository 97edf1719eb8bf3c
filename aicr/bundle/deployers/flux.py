"""The flux deployer: objects for Flux v2 that a cluster pulls from Git.

Every stage is a Flux Kustomization that depends on the one before it and waits until its objects
are ready. A chart's stage holds one HelmRelease. `dependsOn` of a HelmRelease would not do: it
cannot name a Kustomization, nor the other way round.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from shlex import quote
from typing import Any

from aicr.bundle.compile import Bundle, Component
from aicr.bundle.deployers import contents, steps
from aicr.bundle.deployers.stages import Stage, repository_names, stages
from aicr.bundle.files import BundleFile
from aicr.bundle.rendering import Rendering
from aicr.errors import InvalidRequest

TITLE = "Flux objects"
NAMESPACE = "flux-system"
ROOT = "nvidia-stack"

_INTERVAL = "10m"
_RETRY = "1m"
_HELM_TIMEOUT = "10m"
_STAGE_TIMEOUT = "15m"  # more than Helm's, so that Helm's is what is reported
_RETRIES = 5
_GIT = re.compile(r"(https?|ssh)://\S+\Z")
_CHARTS = re.compile(r"(https?|oci)://.+\Z")


def next_steps(target: str) -> list[str]:
    """What to do with the bundle, as commands."""
    push = f"push the content of {target} to the top of the repository"
    return [push, f"kubectl apply -f {quote(target)}/flux.yaml"]


def files(bundle: Bundle, renderer: Rendering) -> list[BundleFile]:
    """Every file of the bundle but the checksums of the whole.

    Raises InvalidRequest for an address that Flux does not take, or a name that does not fit.
    """
    found = stages(bundle, reserved=(ROOT,))
    names = repository_names(bundle)
    result: list[BundleFile] = []
    before = ""
    for component in bundle.components:
        own = [s for s in found if s.component == component]
        result += _component_files(component, own, before, names)
        before = own[-1].name if own else before
    parts = {
        "namespaces.yaml": list(_namespaces(bundle)),
        "sources.yaml": list(_sources(bundle, names)),
    }
    result += [contents.objects_file(path, objects) for path, objects in parts.items() if objects]
    listed = [path for path, objects in parts.items() if objects]
    listed += list(dict.fromkeys(f"{s.component.name}/flux.yaml" for s in found))
    return [
        *result,
        contents.objects_file("kustomization.yaml", [_kustomize(listed)]),
        contents.objects_file("flux.yaml", _root(contents.repo_of(bundle))),
        contents.readme_file(bundle, renderer, "README-flux.md", restarted=_restarted(bundle)),
        contents.recipe_file(bundle),
    ]


def _component_files(
    c: Component, own: list[Stage], before: str, names: Mapping[str, str]
) -> Iterator[BundleFile]:
    for stage in own:
        yield from stage.files()
    if own:
        previous = [before, *(s.name for s in own)]
        objects = [_stage(s, after) for s, after in zip(own, previous, strict=False)]
        yield contents.objects_file(f"{c.name}/flux.yaml", objects)
    yield from contents.stated_files(c)
    if c.has_chart:
        yield contents.values_file(c)
        yield contents.objects_file(f"{c.name}/release.yaml", [_release(c, names[c.source])])
        # Values as a file, not in the object: Flux drops every null there, and a null is what takes
        # a chart's default away. The name gets a hash, so that a changed file is a new release.
        generator = {"name": f"{c.name}-values", "files": ["values.yaml"]}
        more = {"configMapGenerator": [generator], "configurations": ["kustomizeconfig.yaml"]}
        document = _kustomize(["release.yaml"], namespace=NAMESPACE, **more)
        yield contents.objects_file(f"{c.name}/kustomization.yaml", [document])
        yield contents.objects_file(f"{c.name}/kustomizeconfig.yaml", [_NAME_REFERENCE])


# --------------------------------------------------------------------------- what orders them


def _stage(stage: Stage, before: str) -> dict[str, Any]:
    c = stage.component
    remote = stage.kind == "kustomize"
    path = c.path if remote else stage.directory or c.name
    spec: dict[str, Any] = {
        **({"dependsOn": [{"name": before}]} if before else {}),
        "interval": _INTERVAL,
        "retryInterval": _RETRY,
        "timeout": _STAGE_TIMEOUT,
        "sourceRef": {"kind": "GitRepository", "name": c.name if remote else ROOT},
        "path": f"./{path.strip('/')}",
        **({"targetNamespace": stage.namespace} if remote else {}),
        "prune": True,
        "wait": not stage.early,
    }
    return _flux_kustomization(stage.name, spec)


def _root(repo: str) -> list[dict[str, Any]]:
    """What is applied by hand: where the bundle is, and that the cluster shall follow it."""
    spec = {
        "interval": _INTERVAL,
        "retryInterval": _RETRY,
        "timeout": _STAGE_TIMEOUT,
        "sourceRef": {"kind": "GitRepository", "name": ROOT},
        "path": "./",
        "prune": True,
        "wait": False,
    }
    return [_git(ROOT, repo, {"branch": contents.REVISION}), _flux_kustomization(ROOT, spec)]


def _flux_kustomization(name: str, spec: dict[str, Any]) -> dict[str, Any]:
    return _object("kustomize.toolkit.fluxcd.io/v1", "Kustomization", name, spec)


def _kustomize(resources: list[str], **more: Any) -> dict[str, Any]:
    """A kustomization.yaml, which is another thing than Flux's object of that kind."""
    head = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization"}
    return {**head, "resources": resources, **more}


# --------------------------------------------------------------------------- where they come from


def _sources(bundle: Bundle, names: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    for source, name in names.items():
        if not _CHARTS.match(source):
            raise InvalidRequest(f"Flux takes charts from https:// and oci://, not from {source!r}")
        kind = {"type": "oci"} if source.startswith("oci://") else {}
        spec = {**kind, "interval": _INTERVAL, "url": source}
        yield _object(_SOURCES, "HelmRepository", name, spec)
    for c in bundle.components:
        if c.kustomize and c.source:
            yield _git(c.name, c.source, {"tag": c.tag} if c.tag else {"branch": contents.REVISION})


_SOURCES = "source.toolkit.fluxcd.io/v1"


def _git(name: str, url: str, ref: dict[str, str]) -> dict[str, Any]:
    if not _GIT.match(url):
        raise InvalidRequest(f"Flux takes Git from https:// and ssh://, not from {url!r}")
    return _object(_SOURCES, "GitRepository", name, {"interval": _INTERVAL, "url": url, "ref": ref})


def _namespaces(bundle: Bundle) -> Iterator[dict[str, Any]]:
    """Made before everything else; never pruned, because all data in a namespace goes with it."""
    wanted = {c.namespace for c in bundle.components} - {"", *contents.CLUSTER_NAMESPACES}
    annotations = {"kustomize.toolkit.fluxcd.io/prune": "disabled"}
    for name in sorted(wanted):
        metadata = {"name": name, "annotations": annotations}
        yield {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}


# --------------------------------------------------------------------------- releases


def _release(c: Component, repository: str) -> dict[str, Any]:
    namespace = c.namespace or "default"
    source = {"kind": "HelmRepository", "name": repository}
    # As written, `v` and all: in a registry it is a tag, elsewhere Helm reads both forms.
    version = {"version": c.version} if c.version else {}
    action: dict[str, Any] = {"remediation": {"retries": _RETRIES}}
    if c.name in steps.ASYNC:
        action["disableWait"] = True
    spec = {
        "interval": _INTERVAL,
        "timeout": _HELM_TIMEOUT,
        "chart": {"spec": {"chart": c.chart, **version, "sourceRef": source}},
        # The same release that Helm alone would make: `helm list -n` shows it.
        "releaseName": c.name,
        "targetNamespace": namespace,
        "storageNamespace": namespace,
        "install": {**action, "crds": "CreateReplace"},
        "upgrade": {**action, "crds": "CreateReplace"},
        "valuesFrom": [{"kind": "ConfigMap", "name": f"{c.name}-values"}],
    }
    return _object("helm.toolkit.fluxcd.io/v2", "HelmRelease", c.name, spec)


# Tells kustomize that a HelmRelease names a ConfigMap there, so that the hash gets into it.
_NAME_REFERENCE = {
    "nameReference": [
        {
            "kind": "ConfigMap",
            "version": "v1",
            "fieldSpecs": [{"path": "spec/valuesFrom/name", "kind": "HelmRelease"}],
        }
    ]
}


def _restarted(bundle: Bundle) -> list[dict[str, str]]:
    return [
        {"namespace": c.namespace or "default", "daemonset": steps.RESTARTED[c.name]}
        for c in bundle.components
        if c.has_chart and c.name in steps.RESTARTED
    ]


def _object(version: str, kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    metadata = {"name": name, "namespace": NAMESPACE}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec}
