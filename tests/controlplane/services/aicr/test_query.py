"""/v1/query: one value, by parameters or by a body."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.controlplane.conftest import Api, problem

FULL = {"service": "eks", "accelerator": "h100", "intent": "training", "os": "ubuntu"}
SELECTORS = [
    "components.gpu-operator.values.driver.version",
    "components.gpu-operator.values.driver",
    "components.gpu-operator.values.driver.enabled",
    "deploymentOrder",
    ".criteria.service",
    "metadata.appliedOverlays",
    "metadata.excludedOverlays",
    "",
    ".",
]


@pytest.mark.parametrize("selector", SELECTORS)
def test_the_same_as_the_command_line(api: Api, aicr: Any, selector: str) -> None:
    words = [w for k, v in FULL.items() for w in (f"--{k}", v)]
    printed = aicr("query", *words, "--selector", selector, "--format", "json").json
    got = api.simulate_get("/v1/query", params={**FULL, "selector": selector})
    posted = api.post("/v1/query", json.dumps({"criteria": FULL, "selector": selector}))
    assert got.json == posted.json == printed
    assert got.content == posted.content
    assert got.content.endswith(b"\n")
    assert got.content.count(b"\n") == 1


def test_without_a_selector_it_is_the_whole_document(api: Api) -> None:
    assert api.simulate_get("/v1/query").json["components"]


@pytest.mark.parametrize("kind", ["application/yaml", "application/x-yaml", "text/yaml"])
def test_a_yaml_body(api: Api, kind: str) -> None:
    body = "criteria: {service: gke}\nselector: criteria.service\n"
    assert api.post("/v1/query", body, kind).json == "gke"


@pytest.mark.parametrize("selector", ["nope", ".nope", "components.nope", "kind.x", "a..b", "é"])
def test_a_selector_that_leads_nowhere(api: Api, selector: str) -> None:
    for answer in (
        api.simulate_get("/v1/query", params={"selector": selector}),
        api.post("/v1/query", json.dumps({"criteria": {}, "selector": selector})),
    ):
        body = problem(answer, 404, "NOT_FOUND")
        assert body["message"] == "Selector path not found"
        assert body["details"]["selector"] == selector.removeprefix(".")
        assert "selector" in body["details"]["error"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("", "Invalid query request body"),
        ("{", "Invalid query request body"),
        ("{}", "Query criteria cannot be empty"),
        ('{"criteria":null}', "Query criteria cannot be empty"),
        ("[]", "Invalid criteria in request body"),
        ('{"criteria":[]}', "Invalid criteria in request body"),
        ('{"criteria":{"service":"x"}}', "Invalid criteria in request body"),
        ('{"criteria":{"nodes":-1}}', "Invalid criteria in request body"),
        ('{"criteria":{},"selector":5}', "Invalid criteria in request body"),
    ],
)
def test_bad_bodies(api: Api, body: str, message: str) -> None:
    found = problem(api.post("/v1/query", body, "application/json"), 400, "INVALID_REQUEST")
    assert found["message"] == message


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('{"criteria":{"serivce":"eks"},"selector":"kind"}', "criteria.serivce has no effect"),
        ('{"criteria":{},"selector":"kind","x":1}', "x has no effect"),
    ],
)
def test_warnings(api: Api, body: str, said: str) -> None:
    warnings = json.loads(api.post("/v1/query", body).headers["x-aicr-warnings"])
    assert any(said in w for w in warnings)


def test_an_unknown_parameter_warns(api: Api) -> None:
    answer = api.simulate_get("/v1/query", query_string="selektor=kind&selector=kind")
    assert any("selektor" in w for w in json.loads(answer.headers["x-aicr-warnings"]))
    assert answer.json == "RecipeResult"
