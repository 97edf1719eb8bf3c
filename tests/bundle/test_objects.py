"""Every object in every bundle is one that its reader takes: Kubernetes, Argo CD, Flux, helmfile.

Kubernetes' own kinds are held against its published schemas. The others' schemas are in schemas/,
written from their documentation and narrower than it: what we do not emit is not there.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
from ruamel.yaml import YAML

from aicr.bundle.deployers import DEPLOYERS
from aicr.bundle.files import BundleFile
from aicr.bundle.write import write
from aicr.catalog import Catalog
from tests.bundle.test_bundle import of_family
from tests.test_resolve import NAMES

SCHEMAS = Path(__file__).parent / "schemas"
KUBERNETES = "1.34"

# (apiVersion, kind) → file of schemas/
OURS = {
    ("argoproj.io/v1alpha1", "Application"): "argocd",
    ("helm.toolkit.fluxcd.io/v2", "HelmRelease"): "flux",
    ("kustomize.config.k8s.io/v1beta1", "Kustomization"): "kustomize",
    ("kustomize.toolkit.fluxcd.io/v1", "Kustomization"): "flux",
    ("source.toolkit.fluxcd.io/v1", "GitRepository"): "flux",
    ("source.toolkit.fluxcd.io/v1", "HelmRepository"): "flux",
}
# Kinds that charts bring, whose definitions are not at hand.
CUSTOM = {
    ("gateway.kgateway.dev/v1alpha1", "GatewayParameters"),
    ("gateway.networking.k8s.io/v1", "Gateway"),
    ("nvidia.com/v1", "ClusterPolicy"),
    ("skyhook.nvidia.com/v1alpha1", "Skyhook"),
    ("trainer.kubeflow.org/v1alpha1", "ClusterTrainingRuntime"),
}
# Files that are no Kubernetes objects.
OTHERS = {"recipe.yaml", "values.yaml", "helmfile.yaml", "Chart.yaml", "kustomizeconfig.yaml"}


@cache
def validator(name: str, kind: str) -> jsonschema.Draft202012Validator:
    schema = json.loads((SCHEMAS / f"{name}.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator({**schema, "$ref": f"#/$defs/{kind}"})


def documents(text: bytes) -> list[Any]:
    return list(YAML(typ="safe", pure=True).load_all(text.decode()))


def accept(document: Any) -> None:
    """Raises ValidationError, SchemaNotFoundError for a kind that nobody knows."""
    kind = (document["apiVersion"], document["kind"])
    if kind in OURS:
        validator(OURS[kind], document["kind"]).validate(document)
    elif kind in CUSTOM:
        assert {"metadata", "spec"} <= set(document)
        assert document["metadata"]["name"]
    else:
        kubernetes_validate.validate(document, KUBERNETES, strict=True)


@pytest.fixture(scope="module")
def bundles(builtin: Catalog) -> dict[tuple[str, str], dict[str, BundleFile]]:
    return {(n, d): of_family(builtin, n, deployer=d) for n in NAMES for d in DEPLOYERS}


def texts(bundles: dict[Any, dict[str, BundleFile]], deployer: str) -> Iterator[tuple[str, bytes]]:
    """Every distinct YAML file that a deployer writes, with one path of it."""
    found = {}
    for (_, d), files in bundles.items():
        if d == deployer:
            found |= {f.data: path for path, f in files.items() if path.endswith(".yaml")}
    for data, path in found.items():
        if path.rsplit("/", 1)[-1] not in OTHERS and "/templates/" not in path:
            yield path, data


@pytest.mark.parametrize("deployer", DEPLOYERS)
def test_every_object_of_every_recipe(bundles: Any, deployer: str) -> None:
    seen = set()
    for path, data in texts(bundles, deployer):
        for document in documents(data):
            seen.add((document["apiVersion"], document["kind"]))
            try:
                accept(document)
            except (jsonschema.ValidationError, kubernetes_validate.SchemaNotFoundError) as e:
                pytest.fail(f"{path}: {e.message}")
    assert seen >= {*CUSTOM, ("apps/v1", "DaemonSet"), ("v1", "ConfigMap"), ("v1", "ResourceQuota")}


def test_every_helmfile(bundles: Any) -> None:
    for (name, deployer), files in bundles.items():
        if deployer != "helmfile":
            continue
        (document,) = documents(files["helmfile.yaml"].data)
        validator("helmfile", "helmfile").validate(document)
        known = {r["name"] for r in document["repositories"]}
        done: list[str] = []
        for release in document["releases"]:
            chart, listed = release["chart"], [v for v in release["values"] if isinstance(v, str)]
            assert chart.startswith("./") or chart.split("/")[0] in known, name
            assert not chart.startswith("./") or f"{chart[2:]}/Chart.yaml" in files
            assert set(listed) <= set(files)
            assert release.get("needs", []) == done[-1:]
            done.append(f"{release['namespace']}/{release['name']}")
        assert len(set(done)) == len(done)


def test_flux_objects_refer_to_each_other(bundles: Any) -> None:
    """Each reference of an object is to another in the same bundle, each path to a directory."""
    for (_, deployer), files in bundles.items():
        if deployer != "flux":
            continue
        objects = [d for p, f in files.items() if p.endswith(("flux.yaml", "sources.yaml", "release.yaml"))
                   for d in documents(f.data)]  # fmt: skip
        names = {(o["kind"], o["metadata"]["name"]) for o in objects}
        assert len(names) == len(objects)
        for o in objects:
            spec = o["spec"]
            source = spec.get("sourceRef") or spec.get("chart", {}).get("spec", {}).get("sourceRef")
            assert source is None or (source["kind"], source["name"]) in names
            for other in spec.get("dependsOn", []):
                assert ("Kustomization", other["name"]) in names
            if "path" in spec:
                prefix = spec["path"].removeprefix("./")
                assert any(p.startswith(f"{prefix}/" if prefix else "") for p in files)
        manifests = [d for p, f in files.items() if "/manifests/" in p for d in documents(f.data)]
        assert all(
            "namespace" in d["metadata"] or d["kind"].startswith("Cluster") for d in manifests
        )


@pytest.mark.skipif(not shutil.which("kubectl"), reason="kubectl has kustomize in it")
def test_kustomize_builds_what_flux_will(builtin: Catalog, tmp_path: Path) -> None:
    files = of_family(builtin, "h100-eks-ubuntu-training-kubeflow", deployer="flux")
    write(list(files.values()), str(tmp_path / "b"))

    def build(directory: str) -> list[Any]:
        command = ["kubectl", "kustomize", str(tmp_path / "b" / directory)]
        return documents(subprocess.run(command, check=True, capture_output=True).stdout)

    kinds = {d["kind"] for d in build(".")}
    assert kinds == {"Namespace", "HelmRepository", "Kustomization"}
    values, release = build("kube-prometheus-stack")
    assert values["data"]["values.yaml"].encode() == files["kube-prometheus-stack/values.yaml"].data
    assert release["spec"]["valuesFrom"][0]["name"] == values["metadata"]["name"]


DEPLOYMENT = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "a"},
    "spec": {"selector": {}, "template": {"spec": {"containers": [{"name": "a", "image": "a"}]}}},
}


@pytest.mark.parametrize(
    "document",
    [
        {**DEPLOYMENT, "spec": {"replicas": 1}},
        {**DEPLOYMENT, "spec": {**DEPLOYMENT["spec"], "replica": 1}},
        {**DEPLOYMENT, "kind": "Deploymint"},
        {"apiVersion": "example.test/v1", "kind": "Thing", "metadata": {"name": "a"}, "spec": {}},
        {"apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "HelmRepository",
         "metadata": {"name": "a", "namespace": "b"}, "spec": {"url": "oci://a", "interval": "1m"}},
        {"apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "GitRepository",
         "metadata": {"name": "A", "namespace": "b"}, "spec": {"url": "https://a", "interval": "1m", "ref": {"tag": "1"}}},
        {"apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization", "metadata": {"name": "a", "namespace": "b"},
         "spec": {"interval": "10", "prune": True, "sourceRef": {"kind": "GitRepository", "name": "a"}}},
        {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": {"name": "a", "namespace": "b"},
         "spec": {"project": "p", "destination": {"server": "https://x", "namespace": "n"},
                  "source": {"repoURL": "{{ .RepoURL }}", "path": "."}}},
    ],
)  # fmt: skip
def test_the_checks_find_what_is_wrong(document: Any) -> None:
    accept(DEPLOYMENT)
    with pytest.raises((jsonschema.ValidationError, kubernetes_validate.SchemaNotFoundError)):
        accept(document)
