"""Allowlists: on recipe, query and bundle; `any` always passes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from aicr.errors import InvalidRequest
from tests.controlplane.conftest import problem

ALLOWED = {
    "accelerator": ("H100", "any", "l40", "h100"),
    "service": ("eks",),
    "intent": ("training",),
    "os": ("ubuntu", "rhel"),
}
REFUSED = [
    ({"accelerator": "gb200"}, "accelerator type not allowed", "gb200", ["h100", "l40"]),
    ({"service": "gke"}, "service type not allowed", "gke", ["eks"]),
    ({"intent": "inference"}, "intent type not allowed", "inference", ["training"]),
    ({"os": "COS"}, "OS type not allowed", "cos", ["ubuntu", "rhel"]),
    (
        {"service": "gke", "accelerator": "a100"},
        "accelerator type not allowed",
        "a100",
        ["h100", "l40"],
    ),
]
PASSED = [
    {},
    {"service": "eks"},
    {"accelerator": "any"},
    {"accelerator": "L40", "platform": "kubeflow"},
]
REFS = [{"name": "gpu-operator", "version": "v25.3.3", "type": "helm"}]


def every_way(own: Any, criteria: dict[str, str]) -> dict[str, Any]:
    body = json.dumps({"componentRefs": REFS, "criteria": criteria})
    return {
        "GET recipe": own.simulate_get("/v1/recipe", params=criteria),
        "POST recipe": own.post("/v1/recipe", json.dumps({"spec": criteria})),
        "GET query": own.simulate_get("/v1/query", params=criteria),
        "POST query": own.post("/v1/query", json.dumps({"criteria": criteria})),
        "POST bundle": own.post("/v1/bundle", body),
    }


@pytest.mark.parametrize(("criteria", "message", "requested", "allowed"), REFUSED)
def test_what_is_not_allowed(
    api_with: Any, criteria: dict[str, str], message: str, requested: str, allowed: list[str]
) -> None:
    for answer in every_way(api_with(allowed=ALLOWED), criteria).values():
        body = problem(answer, 400, "INVALID_REQUEST")
        assert body["message"] == message
        assert body["details"] == {"requested": requested, "allowed": allowed}


@pytest.mark.parametrize("criteria", PASSED)
def test_what_is_allowed(api_with: Any, criteria: dict[str, str]) -> None:
    answers = every_way(api_with(allowed=ALLOWED), criteria)
    assert {name: a.status_code for name, a in answers.items()} == dict.fromkeys(answers, 200)


def test_a_bundle_without_criteria(api_with: Any) -> None:
    answer = api_with(allowed=ALLOWED).post("/v1/bundle", json.dumps({"componentRefs": REFS}))
    assert answer.status_code == 200


def test_gpu_is_no_way_around(api_with: Any) -> None:
    answer = api_with(allowed=ALLOWED).simulate_get("/v1/recipe", params={"gpu": "gb200"})
    problem(answer, 400, "INVALID_REQUEST")


def test_a_list_of_any_allows_everything(api_with: Any) -> None:
    own = api_with(allowed={"service": ("any",)})
    assert own.recipe(service="gke")


def test_a_value_that_is_none_does_not_start(api_with: Any) -> None:
    with pytest.raises(InvalidRequest, match="h1000"):
        api_with(allowed={"accelerator": ("h1000",)})
