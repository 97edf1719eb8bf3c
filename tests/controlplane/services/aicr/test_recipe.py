"""/v1/recipe: the seed's document, the command line's document, and every way to ask."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from aicr.catalog import Catalog
from controlplane.services.aicr.routes import RESULT_TYPE
from tests.conftest import families
from tests.controlplane.conftest import Api, problem

FULL = {"service": "eks", "accelerator": "h100", "intent": "training", "os": "ubuntu"}
SPEC = json.dumps({"kind": "RecipeCriteria", "spec": FULL})
SPEC_YAML = (
    "kind: RecipeCriteria\nspec: {service: eks, accelerator: h100, intent: training, os: ubuntu}\n"
)


def without_time(recipe: dict[str, Any]) -> dict[str, Any]:
    metadata = {k: v for k, v in recipe["metadata"].items() if k != "created"}
    return {**recipe, "metadata": metadata}


def test_the_shape_of_the_seed(api: Api) -> None:
    recipe = api.recipe(**FULL)
    assert recipe["kind"] == "Recipe"
    assert recipe["apiVersion"] == "aicr.nvidia.com/v1alpha1"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", recipe["metadata"]["created"])
    assert recipe["metadata"]["version"]
    assert recipe["metadata"]["appliedOverlays"][0] == "base"
    assert recipe["criteria"] == {**FULL, "platform": "any"}
    assert set(recipe["constraints"]["driver"]) == {"version", "cudaVersion"}
    assert all(isinstance(v, str) for k, v in recipe["constraints"].items() if k != "driver")


def test_every_family(api: Api, builtin: Catalog) -> None:
    for name, criteria in families(builtin).items():
        recipe = api.recipe(**{k: v for k, v in criteria.values.items() if v != "any"})
        refs = recipe["componentRefs"]
        assert {r["name"]: r["order"] for r in refs} == {
            component: i for i, component in enumerate(recipe["deploymentOrder"], 1)
        }, name
        assert all(r["repository"] == r["source"] for r in refs), name
        driver = "components.gpu-operator.values.driver"
        query = {k: v for k, v in criteria.values.items() if v != "any"}
        values = api.simulate_get("/v1/query", params={**query, "selector": driver}).json
        shown = recipe["constraints"].get("driver", {}).get("version")
        assert shown == (None if values.get("enabled") is False else values["version"]), name


@pytest.mark.parametrize(
    "query", ["intent=training", "service=eks", "&".join(f"{k}={v}" for k, v in FULL.items())]
)
@pytest.mark.parametrize("how", ["parameter", "accept"])
def test_the_document_of_the_command_line(api: Api, aicr: Any, query: str, how: str) -> None:
    words = [w for pair in query.split("&") if pair for w in ("--" + pair).split("=")]
    printed = aicr("recipe", *words, "--format", "json").out
    headers = {"Accept": f"text/html, {RESULT_TYPE}"} if how == "accept" else {}
    kind = "&kind=RecipeResult" if how == "parameter" else ""
    answer = api.simulate_get("/v1/recipe", query_string=(query + kind).strip("&"), headers=headers)
    assert answer.content == printed.encode()
    assert answer.headers["vary"] == "Accept"


def test_the_parameter_wins_over_accept(api: Api) -> None:
    answer = api.simulate_get(
        "/v1/recipe", query_string="kind=Recipe", headers={"Accept": RESULT_TYPE}
    )
    assert answer.json["kind"] == "Recipe"


@pytest.mark.parametrize("kind", ["", "recipe", "RecipeCriteria"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_there_are_two_kinds(api: Api, kind: str, method: str) -> None:
    answer = api.simulate_request(method, "/v1/recipe", query_string=f"kind={kind}", body="{}")
    body = problem(answer, 400, "INVALID_REQUEST")
    assert body["details"] == {"requested": kind, "allowed": ["Recipe", "RecipeResult"]}


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (SPEC, "application/json"),
        (SPEC, "Application/JSON; charset=utf-8"),
        (SPEC, ""),
        (SPEC, "application/x-www-form-urlencoded"),
        (SPEC, "text/plain"),
        (SPEC_YAML, "application/x-yaml"),
        (SPEC_YAML, "application/yaml; charset=utf-8"),
        (SPEC_YAML, "TEXT/YAML"),
        (SPEC, "application/yaml"),
    ],
)
def test_a_body_says_the_same_as_parameters(api: Api, body: str, kind: str) -> None:
    answer = api.post("/v1/recipe", body, kind)
    assert answer.status_code == 200
    assert without_time(answer.json) == without_time(api.recipe(**FULL))


def test_a_body_and_the_other_document(api: Api) -> None:
    answer = api.post("/v1/recipe", SPEC, "application/json", query_string="kind=RecipeResult")
    assert answer.json["kind"] == "RecipeResult"


def test_yaml_that_is_not_called_so(api: Api) -> None:
    problem(api.post("/v1/recipe", SPEC_YAML, "text/plain"), 400, "INVALID_REQUEST")


@pytest.mark.parametrize("body", ["{}", '{"spec":null}', '{"spec":{}}'])
def test_no_criteria_are_fine(api: Api, body: str) -> None:
    assert api.post("/v1/recipe", body).json["metadata"]["appliedOverlays"][0] == "base"


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("service=foo", "invalid service parameter: invalid service type: foo"),
        ("accelerator=h1000", "invalid accelerator parameter"),
        ("gpu=x", "invalid accelerator parameter"),
        ("intent=x", "invalid intent parameter"),
        ("os=x", "invalid os parameter"),
        ("platform=x", "invalid platform parameter"),
        ("nodes=x", "invalid nodes value: x"),
        ("nodes=8abc", "invalid nodes value: 8abc"),
        ("nodes=1.5", "invalid nodes value: 1.5"),
        ("nodes=-1", "invalid nodes count: -1 (must be >= 0)"),
        ("nodes=99999999999999999999", "invalid nodes value"),
        ("nodes=%D9%A8", "invalid nodes value"),
        ("service=%00", "invalid service parameter"),
        ("service=%ff", "invalid service parameter"),
        ("&".join(["a=b"] * 1001), "more than 1000 query parameters"),
    ],
)
@pytest.mark.parametrize(
    ("path", "message"),
    [("/v1/recipe", "Invalid recipe criteria"), ("/v1/query", "Invalid query criteria")],
)
def test_bad_parameters(api: Api, path: str, message: str, query: str, said: str) -> None:
    body = problem(api.simulate_get(path, query_string=query), 400, "INVALID_REQUEST")
    assert body["message"] == message
    assert said in body["details"]["error"]


@pytest.mark.parametrize(
    "spec",
    [
        '{"nodes":"8"}',
        '{"service":5}',
        "[]",
        '{"service":"x"}',
        '{"nodes":-1}',
        '{"nodes":1.5}',
        '""',
    ],
)
def test_bad_bodies(api: Api, spec: str) -> None:
    body = problem(api.post("/v1/recipe", f'{{"spec":{spec}}}'), 400, "INVALID_REQUEST")
    assert body["message"] == "Invalid recipe criteria"
    assert body["details"]["error"]


@pytest.mark.parametrize(
    ("query", "criteria"),
    [
        ("gpu=gb200", {"accelerator": "gb200"}),
        ("gpu=gb200&accelerator=h100", {"accelerator": "h100"}),
        ("gpu=gb200&accelerator=", {"accelerator": "gb200"}),
        ("service=EKS", {"service": "eks"}),
        ("service=", {"service": "any"}),
        ("nodes=0", {}),
        ("nodes=8", {"nodes": 8}),
        ("nodes=", {}),
        ("service=eks&service=gke", {"service": "eks"}),
    ],
)
def test_how_parameters_are_read(api: Api, query: str, criteria: dict[str, Any]) -> None:
    found = api.simulate_get("/v1/recipe", query_string=query).json["criteria"]
    expected = dict.fromkeys(("service", "accelerator", "intent", "os", "platform"), "any")
    assert found == {**expected, **criteria}


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("servic=eks", "servic has no effect: no such parameter (did you mean 'service'?)"),
        ("service=eks&service=gke", "service is stated 2 times: the first counts"),
        ("service=gke&accelerator=gb200", "accelerator=gb200 has no effect"),
    ],
)
def test_warnings_reach_clients(api: Api, query: str, said: str) -> None:
    answer = api.simulate_get("/v1/recipe", query_string=query)
    header = json.loads(answer.headers["x-aicr-warnings"])
    assert header == answer.json["metadata"]["warnings"]
    assert any(w.startswith(said) for w in header)


def test_warnings_of_a_body(api: Api) -> None:
    answer = api.post("/v1/recipe", '{"spec":{"serivce":"eks"}}')
    assert any("spec.serivce has no effect" in w for w in answer.json["metadata"]["warnings"])


def test_nothing_to_warn_about(api: Api) -> None:
    answer = api.simulate_get("/v1/recipe", params={**FULL, "platform": "any"})
    assert "x-aicr-warnings" not in answer.headers
    assert "warnings" not in answer.json["metadata"]


def test_the_header_is_bounded_and_ascii(api: Api) -> None:
    query = "&".join(f"{'ü' * 10}{i}=1" for i in range(500))
    answer = api.simulate_get("/v1/recipe", query_string=query)
    header = answer.headers["x-aicr-warnings"]
    assert len(header) <= 4096
    assert header.isascii()
    assert len(json.loads(header)) < len(answer.json["metadata"]["warnings"])


@pytest.mark.parametrize("path", ["/v1/recipe", "/v1/query"])
def test_answers_may_be_kept(api: Api, path: str) -> None:
    answer = api.simulate_get(path, query_string="service=eks")
    assert answer.headers["cache-control"] == "public, max-age=600"
    assert re.fullmatch(r'W/"[0-9a-f]{32}"', answer.headers["etag"])


@pytest.mark.parametrize(
    ("wrap", "status"),
    [
        ("{}", 304),
        ('"other", {}', 304),
        ("*", 304),
        ('"other"', 200),
        ("", 200),
    ],
)
@pytest.mark.parametrize("path", ["/v1/recipe", "/v1/query"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_if_none_match(api: Api, path: str, method: str, wrap: str, status: int) -> None:
    etag = api.simulate_get(path, query_string="service=eks").headers["etag"]
    for written in (etag, etag.removeprefix("W/")):
        headers = {"If-None-Match": wrap.format(written)}
        answer = api.simulate_request(method, path, query_string="service=eks", headers=headers)
        assert answer.status_code == status
        assert answer.headers["etag"] == etag
        assert (answer.content == b"") is (status == 304 or method == "HEAD")


def test_etags_tell_questions_apart(api: Api) -> None:
    queries = ["", "service=eks", "service=eks&kind=RecipeResult", "service=eks&x=1", "nodes=8"]
    etags = {api.simulate_get("/v1/recipe", query_string=q).headers["etag"] for q in queries}
    assert len(etags) == len(queries)


def test_every_worker_gives_the_same_etag(api: Api, api_with: Any) -> None:
    first, second = (c.simulate_get("/v1/recipe").headers["etag"] for c in (api, api_with()))
    assert first == second


def test_kept_answers_stay_within_the_bound(api_with: Any) -> None:
    bound = 100_000
    own = api_with(cache_bytes=bound)
    for i in range(30):
        own.recipe(service="eks", **{f"x{i}": "1"})
        own.recipe(service="eks", x0="1")
    kept = own.program._answers.kept
    held = {id(a): len(a.data) for a, _ in kept._entries.values()}
    assert sum(held.values()) <= kept.size <= bound
