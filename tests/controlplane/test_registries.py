"""Hosts by their general names, and what an account can pull."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from controlplane import registries
from controlplane.engine import Engine
from controlplane.families import KINDS
from controlplane.http.problems import Refused
from controlplane.registries import LOG, Artifact, check
from controlplane.state.protocol import Actor
from tests.controlplane import engines

NORMAL = [
    ("docker.io", "docker.io"),
    ("Docker.IO", "docker.io"),
    ("index.docker.io", "docker.io"),
    ("registry-1.docker.io", "docker.io"),
    ("123456789012.dkr.ecr.us-east-1.amazonaws.com", "dkr.ecr.amazonaws.com"),
    ("x.dkr.ecr.us-east-1.amazonaws.com", "x.dkr.ecr.us-east-1.amazonaws.com"),
    ("acme.cr.volces.com", "cr.volces.com"),
    ("acme-cn-beijing.cr.volces.com", "cr.volces.com"),
    ("acme.azurecr.io", "azurecr.io"),
    ("evilazurecr.io", "evilazurecr.io"),
    ("canary.nvcr.io", "nvcr.io"),
    ("api.canary.ngc.nvidia.com", "api.ngc.nvidia.com"),
    ("api.stg.ngc.nvidia.com", "api.ngc.nvidia.com"),
    ("helm.canary.ngc.nvidia.com", "helm.ngc.nvidia.com"),
    ("canary.example.com", "canary.example.com"),
    ("evilnvcr.io", "evilnvcr.io"),
]


@pytest.mark.parametrize(("host", "general"), NORMAL)
def test_hosts(host: str, general: str) -> None:
    assert registries.normal(host) == general


HOSTS = [
    ("docker.io/acme/echo:1", "docker.io"),
    ("acme/echo:1", "docker.io"),
    ("echo", "docker.io"),
    ("nvcr.io/nvidia/x@sha256:0", "nvcr.io"),
    ("localhost/x", "localhost"),
    ("localhost:5000/x", "localhost:5000"),
    ("oci://docker.io/acme/chart", "docker.io"),
    ("https://helm.ngc.nvidia.com/a/b.tgz", "helm.ngc.nvidia.com"),
    ("https://user@evil.example:1/nvcr.io", "evil.example"),
    ("https://[/x", ""),
]


@pytest.mark.parametrize(("uri", "host"), HOSTS)
def test_where_an_artifact_is(uri: str, host: str) -> None:
    assert Artifact("CONTAINER", uri).host == host


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    with engines.opened(str(tmp_path / "state.db"), KINDS) as made:
        for name, host, types, account in [
            ("docker", "docker.io", ["CONTAINER"], "a"),
            ("ecr", "123456789012.dkr.ecr.us-east-1.amazonaws.com", ["CONTAINER"], "a"),
            ("models", "api.ngc.nvidia.com", ["MODEL"], "a"),
            ("theirs", "public.ecr.aws", ["CONTAINER"], "b"),
        ]:
            _store(made, name, host, types, account)
        yield made


def _store(engine: Engine, name: str, host: str, types: list[str], account: str) -> None:
    secret = {"name": name, "value": {"secret": "given", "digest": ""}}
    spec = {"ncaId": account, "registryHostname": host, "secret": secret, "artifactTypes": types}
    status = {"registryCredentialId": name, "provisionedBy": "USER"}
    address = f"{registries.CREDENTIALS}.{name}"
    engine.change_now(Actor("me"), lambda c: c.create(address, spec, status))


PULLS = [
    ("CONTAINER", "docker.io/acme/echo:1", ""),
    ("CONTAINER", "echo", ""),
    ("HELM", "oci://docker.io/acme/chart", "Missing HELM registry credential for hostname 'docker.io'"),
    ("CONTAINER", "nvcr.io/a/b", "Missing CONTAINER registry credential for hostname 'nvcr.io'"),
    ("HELM", "oci://nvcr.io/a/b", "Unsupported registry hostname nvcr.io for registry type HELM"),
    ("CONTAINER", "evil.example/a", "Unsupported registry hostname evil.example for registry type CONTAINER"),
    ("CONTAINER", "123456789012.dkr.ecr.us-east-1.amazonaws.com/a", ""),
    ("CONTAINER", "210987654321.dkr.ecr.us-east-1.amazonaws.com/a",
     "Missing CONTAINER registry credential for hostname '210987654321.dkr.ecr.us-east-1.amazonaws.com'"),
    ("CONTAINER", "public.ecr.aws/a/b", "Missing CONTAINER registry credential for hostname 'public.ecr.aws'"),
    ("MODEL", "https://api.canary.ngc.nvidia.com/v2/org/o/models/m/1/files", ""),
    ("RESOURCE", "https://api.ngc.nvidia.com/v2/org/o/resources/m/1/files",
     "Missing RESOURCE registry credential for hostname 'api.ngc.nvidia.com'"),
    ("CONTAINER", "samples.aicr.local/echo:1", ""),
    ("MODEL", "samples.aicr.local/echo:1", "Unsupported registry hostname samples.aicr.local for registry type MODEL"),
]  # fmt: skip


@pytest.mark.parametrize(("type_", "uri", "said"), PULLS)
def test_what_an_account_can_pull(engine: Engine, type_: str, uri: str, said: str) -> None:
    artifact = Artifact(type_, uri)
    assert engine.store.read(lambda r: registries.fault(r, "a", artifact)) == said


def test_refusals(engine: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    image = Artifact("CONTAINER", "nvcr.io/a/b")
    with pytest.raises(Refused) as e:
        engine.store.read(lambda r: check(r, "a", [image]))
    assert e.value.status == 400
    engine.store.read(lambda r: check(r, "a", [image], LOG))
    assert "Missing CONTAINER registry credential" in capsys.readouterr().err


def test_who_uses_a_host(engine: Engine) -> None:
    image: Any = Artifact("CONTAINER", "acme/echo")
    found = list(registries.uses("a", [image, image]))
    assert found == [registries.by_host("a", "CONTAINER", "index.docker.io")]
