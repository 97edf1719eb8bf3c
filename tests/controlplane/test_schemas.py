"""The schemas of manifests accept what `aicr check` accepts of one file, and refuse mistakes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from aicr import yamlio
from controlplane.families import KINDS
from controlplane.schemas import schemas
from tests.conftest import ROOT

SCHEMAS = schemas(KINDS)
EXAMPLES = sorted((ROOT / "examples").rglob("*.yaml"))


def validator(kind: str) -> Any:
    Draft202012Validator.check_schema(SCHEMAS[kind])
    return Draft202012Validator(SCHEMAS[kind])


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.name)
def test_every_example_fits_and_names_its_schema(path: Path) -> None:
    document = yamlio.parse(path.read_bytes(), path.name).value
    validator(document["kind"]).validate(document)
    first = path.read_text().splitlines()[0]
    named = first.removeprefix("# yaml-language-server: $schema=")
    assert (path.parent / named).resolve() == ROOT / f"schemas/{document['kind']}.json"


def manifest(resources: Any, kind: str = "ControlPlane", **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "aicr.nvidia.com/v1alpha1",
        "kind": kind,
        "metadata": {"name": "a"},
        "spec": {"resources": resources, **spec},
    }


def secret(value: Any) -> dict[str, Any]:
    return {"access": {"secrets": {"s": {"value": value}}}}


def cluster(spec: Any) -> dict[str, Any]:
    return {"aicr": {"clusters": {"c": spec}}}


ACCEPTED = [
    manifest(None),
    manifest({}),
    manifest({"aicr": None}),
    manifest({"aicr": {"clusters": None}}),
    manifest(cluster(None)),
    manifest(cluster({})),
    manifest(cluster({"$protect": True})),
    manifest(cluster({"$protect": None, "description": None})),
    manifest(cluster({"$patch": "delete"})),
    manifest(cluster({"criteria": {"$patch": "replace", "service": "eks", "own": "word"}})),
    manifest(cluster({"criteria": {"nodes": 3}})),
    manifest(secret("env:A_1")),
    manifest(secret("file:/run/secrets/a b")),
    manifest(secret("store:other.one")),
    manifest(secret(None)),
    manifest({"access": {"clients": {"auth0|x".replace("|", ":"): {"scopes": ["plans:read"]}}}}),
    manifest({}, base="../base", criteria={"region": "europe"}, mixins=["a", {"name": "b"}]),
    manifest(secret("${variable}"), "ControlPlaneMixin", parameters=["variable"]),
    manifest(cluster({"$protect": "${on}", "criteria": {"os": "${os}"}}), "ControlPlaneMixin"),
]
REFUSED = [
    {},
    manifest({}, nothing=1),
    manifest({"nothing": {}}),
    manifest({"aicr": {"nothing": {}}}),
    manifest({"aicr": {"clusters": {"a b": {}}}}),
    manifest({"aicr": {"clusters": {"-a": {}}}}),
    manifest(cluster({"nothing": 1})),
    manifest(cluster([])),
    manifest(cluster({"$protect": "yes"})),
    manifest(cluster({"$patch": "merge"})),
    manifest(cluster({"criteria": "eks"})),
    manifest(cluster({"criteria": {"nodes": "3"}})),
    manifest(cluster({"stack": {}})),
    manifest(secret("the secret itself")),
    manifest(secret("env:")),
    manifest(secret("env:1")),
    manifest(secret("${variable}")),
    manifest(secret(1)),
    manifest({"access": {"users": {"u": {"status": "AWAY"}}}}),
    manifest(secret("the secret itself"), "ControlPlaneMixin"),
    manifest({}, "ControlPlaneMixin", base="../base"),
    {**manifest({}), "apiVersion": "v1"},
    {**manifest({}), "metadata": {}},
]


@pytest.mark.parametrize("document", ACCEPTED, ids=lambda d: json.dumps(d.get("spec"))[:80])
def test_accepted(document: Any) -> None:
    validator(document["kind"]).validate(document)


@pytest.mark.parametrize("document", REFUSED, ids=lambda d: json.dumps(d.get("spec"))[:80])
def test_refused(document: Any) -> None:
    assert not validator(document.get("kind", "ControlPlane")).is_valid(document)


def test_every_kind_of_resource_is_there() -> None:
    spec = SCHEMAS["ControlPlane"]["$defs"]["ControlPlaneSpec"]["properties"]["resources"]
    found = {f"{s}.{c}" for s, below in spec["properties"].items() for c in below["properties"]}
    assert found == set(KINDS)


def test_the_command_lists_and_prints_them(aicr: Any) -> None:
    listed = aicr("schema").out.split()
    assert set(SCHEMAS) <= set(listed)
    for kind in SCHEMAS:
        assert aicr("schema", kind).json == SCHEMAS[kind]
