"""Criteria from query strings and bodies (contract section 2.4), and the allowlists over them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qs

from aicr.catalog import Catalog
from aicr.criteria import ANY, SYNONYMS, Criteria, Field, from_document
from aicr.diagnostics import hinted
from aicr.errors import InvalidRequest
from controlplane.http.bodies import NAME
from controlplane.http.problems import Problem

NODES = "nodes"
# Whoever reads the recipe may have 64 bits for it.
_MAX_DIGITS = 18
_MAX_NODES = 10**_MAX_DIGITS
# Fields with an allowlist, in the order in which they are checked, and what errors call them.
_CHECKED = {"accelerator": "accelerator", "service": "service", "intent": "intent", "os": "OS"}


class Asked(NamedTuple):
    """Criteria, and warnings about what was said in vain."""

    criteria: Criteria
    warnings: tuple[str, ...] = ()


def parameters(query_string: str) -> dict[str, list[str]]:
    """The parameters of a query string, in order. Raises InvalidRequest for too many."""
    try:
        return parse_qs(query_string, keep_blank_values=True, max_num_fields=1000)
    except ValueError:
        raise InvalidRequest("more than 1000 query parameters") from None


def from_query(
    catalog: Catalog, given: Mapping[str, list[str]], also: tuple[str, ...] = ()
) -> Asked:
    """Criteria of query parameters; the first of several values counts. `also` are parameters
    that mean something else.

    Raises InvalidRequest.
    """
    fields = catalog.fields
    known = [*fields, *SYNONYMS, NODES, *also]
    warnings = [
        hinted(f"{name} has no effect: no such parameter", name, known)
        for name in given
        if name not in known
    ]
    for name, values in given.items():
        if name in known and len(set(values)) > 1:
            warnings.append(f"{name} is stated {len(values)} times: the first counts")
    stated = {name: given[name][0] for name in fields if name in given}
    for name, target in SYNONYMS.items():
        if name in given and not stated.get(target, "").strip():
            stated[target] = given[name][0]
    nodes = _nodes(given[NODES][0]) if NODES in given else 0
    return Asked(_criteria(fields, stated, nodes), tuple(warnings))


def _criteria(fields: Mapping[str, Field], stated: dict[str, str], nodes: int) -> Criteria:
    for name, text in stated.items():
        try:
            fields[name].parse(text)
        except InvalidRequest as e:
            words = f"invalid {name} parameter: {e.message}"
            raise InvalidRequest(words, details=e.details) from None
    return Criteria.of(fields, stated, nodes)


def _nodes(text: str) -> int:
    word = text.strip()
    if not word:
        return 0
    count = whole_number(word.removeprefix("-"))
    if count is None:
        raise InvalidRequest(f"invalid nodes value: {text[:100]}")
    if word.startswith("-") and count:
        raise InvalidRequest(f"invalid nodes count: {word} (must be >= 0)")
    return count


def whole_number(text: str) -> int | None:
    """A count in decimal digits; None for anything else, and for more than anybody counts."""
    plain = text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS
    return int(text) if plain else None


def from_body(catalog: Catalog, document: Any, fold_keys: bool) -> Asked:
    """Criteria of a RecipeCriteria document. Raises InvalidRequest."""
    criteria, found = from_document(catalog.fields, document, NAME, fold_keys=fold_keys)
    if criteria.nodes >= _MAX_NODES:
        raise InvalidRequest(f"{NAME}: invalid nodes value: {criteria.nodes}")
    return Asked(criteria, tuple(d.text for d in found))


class Query(NamedTuple):
    """The body of POST /v1/query."""

    asked: Asked
    selector: str


def query_body(catalog: Catalog, document: Any, fold_keys: bool) -> Query:
    """Criteria and selector. Raises Problem as the contract words it."""
    if not isinstance(document, dict):
        raise InvalidRequest(f"{NAME}: must be a map with criteria and selector")
    if document.get("criteria") is None:
        raise Problem(400, "Query criteria cannot be empty")
    selector = document.get("selector")
    if not isinstance(selector, str | None):
        raise InvalidRequest(f"{NAME}: selector must be text")
    asked = from_body(catalog, {"spec": document["criteria"]}, fold_keys)
    unknown = [key for key in document if key not in ("criteria", "selector")]
    said = [f"{NAME}: {key} has no effect: no such key" for key in unknown]
    renamed = tuple(w.replace("spec.", "criteria.") for w in asked.warnings)
    return Query(Asked(asked.criteria, (*renamed, *said)), selector or "")


def allowlists(catalog: Catalog, written: Mapping[str, tuple[str, ...]]) -> dict[str, list[str]]:
    """What operators allow, by field, as canonical values. Raises InvalidRequest."""
    found = {}
    for name, words in written.items():
        values = [catalog.fields[name].parse(word) for word in words]
        found[name] = [value for value in dict.fromkeys(values) if value != ANY]
    return {name: values for name, values in found.items() if values}


def check_allowed(allowed: Mapping[str, list[str]], values: Mapping[str, str]) -> None:
    """Raises Problem for the first value that is not allowed; `any` always is."""
    for name, title in _CHECKED.items():
        value = values.get(name, ANY)
        if name in allowed and value not in (ANY, *allowed[name]):
            details = {"requested": value, "allowed": allowed[name]}
            raise Problem(400, f"{title} type not allowed", details=details)
