"""/v1/bundle: a zip of either kind of recipe, filters, and every parameter that can be wrong."""

from __future__ import annotations

import io
import json
import zipfile
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from tests.controlplane.conftest import Api, problem

FULL = {"service": "eks", "accelerator": "h100", "intent": "training", "os": "ubuntu"}
HAND = '{"componentRefs":[{"name":"gpu-operator","version":"v25.3.3","type":"helm"}]}'


def files(answer: Any) -> dict[str, bytes]:
    assert answer.status_code == 200, answer.text
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    assert archive.testzip() is None
    return {name: archive.read(name) for name in archive.namelist() if not name.endswith("/")}


@pytest.fixture(scope="module")
def recipe(api: Api) -> str:
    return api.simulate_get("/v1/recipe", params=FULL).text


@pytest.fixture(scope="module")
def result(api: Api) -> str:
    return api.simulate_get("/v1/recipe", params={**FULL, "kind": "RecipeResult"}).text


def post(api: Api, body: str, query: str = "") -> Any:
    return api.post("/v1/bundle", body, "application/json", query_string=query)


def test_headers(api: Api, recipe: str) -> None:
    answer = post(api, recipe)
    found = files(answer)
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["content-disposition"] == 'attachment; filename="bundles.zip"'
    assert answer.headers["x-bundle-files"] == str(len(found))
    assert answer.headers["x-bundle-size"] == str(sum(map(len, found.values())))
    assert answer.headers["x-bundle-duration"].endswith("ms")


@pytest.mark.parametrize("deployer", ["helm", "argocd"])
def test_both_kinds_make_the_same_bundle(api: Api, recipe: str, result: str, deployer: str) -> None:
    mine = files(post(api, recipe, f"deployer={deployer}"))
    theirs = files(post(api, result, f"deployer={deployer}"))
    differing = {name for name in mine if mine[name] != theirs.get(name)}
    assert set(mine) == set(theirs)
    # The recipe itself says which kind it is, and what lists or digests it differs with it.
    told = {"recipe.yaml", "recipe.json", "checksums.txt", "provenance.json", "sbom.cdx.json"}
    assert {Path(name).name for name in differing} <= told


def test_the_same_as_the_command_line(api: Api, aicr: Any, result: str, tmp_path: Path) -> None:
    (tmp_path / "r.json").write_text(result)
    ran = aicr("bundle", "-r", str(tmp_path / "r.json"), "-o", str(tmp_path / "b.zip"))
    assert ran.code == 0, ran.err
    assert (tmp_path / "b.zip").read_bytes() == post(api, result).content


def test_the_same_request_gives_the_same_bytes(api: Api, api_with: Any, recipe: str) -> None:
    assert post(api, recipe).content == post(api_with(), recipe).content


@pytest.mark.parametrize("component", ["gpu-operator", "cert-manager", "kube-prometheus-stack"])
def test_a_component_verifies_by_itself(api: Api, recipe: str, component: str) -> None:
    found = files(post(api, recipe, f"bundlers={component}"))
    listed = found[f"{component}/checksums.txt"].decode().splitlines()
    assert listed
    for line in listed:
        digest, _, name = line.partition("  ")
        assert sha256(found[f"{component}/{name}"]).hexdigest() == digest


@pytest.mark.parametrize(
    ("bundlers", "folders"),
    [
        ("gpu-operator", {"gpu-operator"}),
        ("gpuoperator", {"gpu-operator"}),
        (" gpu-operator , cert-manager,", {"gpu-operator", "cert-manager"}),
        ("gpu-operator&bundlers=cert-manager", {"gpu-operator", "cert-manager"}),
    ],
)
def test_bundlers(api: Api, recipe: str, bundlers: str, folders: set[str]) -> None:
    found = files(post(api, recipe, f"bundlers={bundlers.replace(' ', '%20')}"))
    assert {name.split("/")[0] for name in found if name.endswith("values.yaml")} == folders


def test_empty_bundlers_are_all(api: Api, recipe: str) -> None:
    assert post(api, recipe, "bundlers=").content == post(api, recipe).content


@pytest.mark.parametrize(
    ("query", "needle"),
    [
        ("set=gpuoperator:gds.enabled=true", "enabled: true"),
        ("set=gpuoperator:driver.version=1.2.3", "1.2.3"),
        ("system-node-selector=nodeGroup=sys", "nodeGroup: sys"),
        ("accelerated-node-selector=nvidia.com/gpu.present=true", "nvidia.com/gpu.present"),
        ("accelerated-node-toleration=gpu=present:NoSchedule", "key: gpu"),
        ("system-node-toleration=dedicated=system:NoSchedule", "dedicated"),
    ],
)
def test_parameters_reach_the_values(api: Api, recipe: str, query: str, needle: str) -> None:
    plain = files(post(api, recipe, "bundlers=gpu-operator"))["gpu-operator/values.yaml"]
    values = files(post(api, recipe, f"bundlers=gpu-operator&{query}"))["gpu-operator/values.yaml"]
    assert values != plain
    assert needle in values.decode()


def test_a_repository_for_argo(api: Api, recipe: str) -> None:
    found = files(post(api, recipe, "deployer=argocd&repo=https://git.example/x.git"))
    assert any(b"https://git.example/x.git" in data for data in found.values())


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("set=x", "Invalid set parameter"),
        ("set=", "Invalid set parameter"),
        ("set=gpuoperator:=1", "Invalid set parameter"),
        ("system-node-selector=x", "Invalid system-node-selector"),
        ("system-node-toleration=x", "Invalid system-node-toleration"),
        ("system-node-toleration=a=b:Never", "Invalid system-node-toleration"),
        ("accelerated-node-selector=x", "Invalid accelerated-node-selector"),
        ("accelerated-node-toleration=x", "Invalid accelerated-node-toleration"),
        ("deployer=terraform", "Invalid deployer parameter"),
        ("workload-gate=x", "Invalid workload-gate parameter"),
        ("workload-selector=x", "Invalid workload-selector parameter"),
    ],
)
def test_bad_parameters(api: Api, recipe: str, query: str, message: str) -> None:
    for body in (recipe, ""):  # parameters are looked at first
        found = problem(post(api, body, query), 400, "INVALID_REQUEST")
        assert found["message"] == message
        assert found["details"]["error"]


@pytest.mark.parametrize("nodes", ["x", "-1", "1.5", "9" * 30, "%D9%A8"])
def test_bad_nodes(api: Api, recipe: str, nodes: str) -> None:
    found = problem(post(api, recipe, f"nodes={nodes}"), 400, "INVALID_REQUEST")
    assert found["message"] == "nodes must be a non-negative integer"
    assert "details" not in found


@pytest.mark.parametrize("query", ["bundlers=nope", "bundlers=gpu-operator,nope", "set=nope:a=b"])
def test_names_that_the_recipe_does_not_have(api: Api, recipe: str, query: str) -> None:
    assert "nope" in problem(post(api, recipe, query), 400, "INVALID_REQUEST")["message"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("", "Invalid request body"),
        ("x", "Invalid request body"),
        ("[]", "Invalid request body"),
        ("null", "Recipe is required"),
        ("{}", "Recipe must contain at least one component reference"),
        ('{"recipe":{}}', "Recipe must contain at least one component reference"),
        ('{"componentRefs":[]}', "Recipe must contain at least one component reference"),
        ('{"componentRefs":5}', "Invalid request body"),
        ('{"componentRefs":[{}]}', "Invalid request body"),
        (
            '{"componentRefs":[{"name":"gpu-operator","overrides":{"enabled":false}}]}',
            "recipe has no enabled components after filtering",
        ),
    ],
)
def test_bad_bodies(api: Api, body: str, message: str) -> None:
    assert problem(post(api, body), 400, "INVALID_REQUEST")["message"] == message


@pytest.mark.parametrize("name", ["../x", "/etc", "a/b", "..", "A B", "a;b", "a\nb", "-", "é"])
def test_names_that_could_leave_the_archive(api: Api, name: str) -> None:
    body = json.dumps({"componentRefs": [{"name": name, "type": "helm"}]})
    problem(post(api, body), 400, "INVALID_REQUEST")


@pytest.mark.parametrize("kind", ["", "text/plain", "application/x-yaml", "multipart/form-data"])
def test_a_body_is_json_whatever_it_is_called(api: Api, kind: str) -> None:
    assert files(api.post("/v1/bundle", HAND, kind))


def test_unknown_parameters_warn(api: Api) -> None:
    answer = post(api, HAND, "deployr=helm")
    assert "deployr has no effect" in json.loads(answer.headers["x-aicr-warnings"])[0]
