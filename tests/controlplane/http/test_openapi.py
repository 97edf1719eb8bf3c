"""/openapi.json: valid OpenAPI 3.1 about exactly what is served."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from tests.controlplane.conftest import Api
from tests.controlplane.routes import ALL


@pytest.fixture(scope="session")
def document(api: Api) -> Any:
    return api.simulate_get("/openapi.json").json


def test_it_is_valid(document: Any) -> None:
    assert document["openapi"].startswith("3.1")
    assert [str(e) for e in OpenAPIV31SpecValidator(document).iter_errors()] == []


def test_it_covers_every_route_and_method(document: Any) -> None:
    served = {path: sorted(m.lower() for m in methods) for path, methods in ALL.items()}
    assert {path: sorted(item) for path, item in document["paths"].items()} == served


def test_operations_have_distinct_ids_and_summaries(document: Any) -> None:
    operations = [o for item in document["paths"].values() for o in item.values()]
    assert len({o["operationId"] for o in operations}) == len(operations)
    assert all(o["summary"] for o in operations)


def _schema(document: Any, name: str) -> Draft202012Validator:
    schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
    return Draft202012Validator(schema)


@pytest.mark.parametrize(
    ("name", "query"),
    [
        ("Recipe", ""),
        ("Recipe", "service=eks&accelerator=h100&intent=training&os=ubuntu&platform=kubeflow"),
        ("RecipeResult", "kind=RecipeResult&service=eks&accelerator=gb200&intent=inference"),
        ("Problem", "service=nowhere"),
        ("Problem", "kind=Nothing"),
    ],
)
def test_answers_are_what_it_says(api: Api, document: Any, name: str, query: str) -> None:
    answer = api.simulate_get("/v1/recipe", query_string=query).json
    assert [e.message for e in _schema(document, name).iter_errors(answer)] == []


def test_the_schema_of_recipes_refuses_what_is_none(document: Any) -> None:
    assert not _schema(document, "Recipe").is_valid({"kind": "Recipe"})


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links += [v or "" for k, v in attrs if k in ("href", "src", "action", "srcset")]


def test_docs_ask_nobody_else(api: Api) -> None:
    answer = api.simulate_get("/docs")
    page = _Links()
    page.feed(answer.text)
    assert answer.headers["content-type"].startswith("text/html")
    assert page.links == ["/openapi.json"]
    assert not page.tags & {"script", "iframe", "img", "link", "object"}
    assert re.search(r"https?:|//[a-z]|@import|url\(", answer.text) is None


@pytest.mark.parametrize("path", ALL)
def test_docs_show_every_route(api: Api, path: str) -> None:
    assert f"{path}</code>" in api.simulate_get("/docs").text
