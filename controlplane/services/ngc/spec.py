"""What OpenAPI says of hosted paths: what it says of the paths that they stand for, with an org."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from controlplane.http import bodies
from controlplane.http.problem_json import REFUSALS, document
from controlplane.http.problems import Dialect, Problem

PREFIXES = ("/v2/orgs", "/v2/org", "/v2/users", "/v3/orgs", "/v3/keys")
_JSON = "application/json"
_CONTENT = REFUSALS["400"]["content"]


def _refusal(text: str) -> dict[str, Any]:
    return {"description": text, "content": _CONTENT}


_REFUSALS: dict[str, Any] = {
    **REFUSALS,
    "401": _refusal("There is no valid bearer."),
    "403": _refusal("The bearer is of another org, or lacks the scope."),
    "412": _refusal("What is asked for does not fit together."),
    "431": _refusal("The token is too long."),
}


def body(problem: Problem, path: str, request_id: str) -> bytes:
    """An error as NVCF words it, with a body in any case: these clients parse whatever comes.
    About clusters they look for `error`."""
    found = document(problem, path)
    if "/sis/" in path or "/keys/" in path:
        found["error"] = found["detail"]
    return bodies.compact(found)


DIALECT = Dialect("application/problem+json", body)


def parameters(names: Iterable[str]) -> list[dict[str, Any]]:
    return [
        {"name": n, "in": "path", "required": True, "schema": {"type": "string"}} for n in names
    ]


def aliased(operation: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """An operation at a path with these parameters."""
    given = {p["name"]: p for p in operation.get("parameters", ()) if p["in"] == "path"}
    others = [p for p in operation.get("parameters", ()) if p["in"] != "path"]
    mine = [given.get(p["name"], p) for p in parameters(names)]
    good = {s: r for s, r in operation["responses"].items() if s < "300"}
    return {
        **operation,
        "tags": ["ngc"],
        "security": [{"bearer": []}],
        "parameters": [*mine, *others],
        "responses": {**_REFUSALS, **good},
    }


def option(name: str, text: str, type_: str = "string", **more: Any) -> dict[str, Any]:
    """A parameter of a query string."""
    schema = {"type": type_, **more}
    return {"name": name, "in": "query", "description": text, "required": False, "schema": schema}


def own(
    names: Iterable[str] = (),
    *,
    form: str = "",
    public: bool = False,
    sent: str = "",
    answer: str = "",
) -> dict[str, Any]:
    """An operation that answers an object; `form` is the field of a form that it takes, `sent` and
    `answer` are names of the schemas of its bodies."""
    shape = {"$ref": f"#/components/schemas/{answer}"} if answer else {"type": "object"}
    ok = {"description": "OK.", "content": {_JSON: {"schema": shape}}}
    found: dict[str, Any] = {
        "tags": ["ngc"],
        "parameters": parameters(names),
        "responses": {**_REFUSALS, "200": ok},
    }
    if not public:
        found["security"] = [{"bearer": []}]
    if form:
        fields = {form: {"type": "string"}}
        schema = {"type": "object", "properties": fields, "required": [form]}
        content = {"application/x-www-form-urlencoded": {"schema": schema}}
        found["requestBody"] = {"required": True, "content": content}
    if sent:
        ref = {"$ref": f"#/components/schemas/{sent}"}
        found["requestBody"] = {"required": True, "content": {_JSON: {"schema": ref}}}
    return found


def refused(names: Iterable[str]) -> dict[str, Any]:
    """An operation that is always refused."""
    found = own(names)
    del found["responses"]["200"]
    return found
