"""`POST /v1/bundle`: a recipe and query parameters to a zip archive (contract section 14.6)."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from aicr import jsonio, recipefile
from aicr.bundle import options as parsers
from aicr.bundle.archive import zip_bytes
from aicr.bundle.assemble import assemble
from aicr.bundle.deployers import DEFAULT
from aicr.bundle.options import Options
from aicr.bundle.settings import parse_one
from aicr.catalog import Catalog
from aicr.criteria import ANY
from aicr.diagnostics import hinted
from aicr.errors import AicrError, InvalidRequest
from controlplane.http.bodies import NAME
from controlplane.http.problems import Problem, about
from controlplane.services.aicr.answers import Answer, header_of
from controlplane.services.aicr.requests import check_allowed, whole_number

FILENAME = "bundles.zip"
# What the seed promises of the API; the command line knows more.
DEPLOYERS = ("argocd", "helm")


def options_of(given: Mapping[str, list[str]]) -> Options:
    """Options of query parameters. Raises Problem, named after the parameter."""
    found = {}
    for name, parameter in PARAMETERS.items():
        if name in given:
            try:
                found[parameter.option] = parameter.parse(given[name])
            except InvalidRequest as e:
                raise about(parameter.message, e) from None
    return Options(**found)


def unknown(given: Mapping[str, list[str]]) -> list[str]:
    """Warnings about parameters that mean nothing here."""
    return [
        hinted(f"{name} has no effect: no such parameter", name, PARAMETERS)
        for name in given
        if name not in PARAMETERS
    ]


class Parameter(NamedTuple):
    """A query parameter: the option it sets, how its values are read, what its error says."""

    option: str
    parse: Callable[[list[str]], Any]
    message: str
    text: str


def _nodes(values: list[str]) -> int:
    count = whole_number(values[0].strip())
    if count is None:
        raise Problem(400, "nodes must be a non-negative integer")
    return count


def _deployer(values: list[str]) -> str:
    name = values[0].strip().lower() or DEFAULT
    if name not in DEPLOYERS:
        names = " ".join(DEPLOYERS)
        raise InvalidRequest(f'invalid deployer type "{values[0]}": must be one of [{names}]')
    return name


def _bundlers(values: list[str]) -> tuple[str, ...]:
    return tuple(word.strip() for text in values for word in text.split(",") if word.strip())


PARAMETERS = {
    "set": Parameter(
        "settings",
        lambda values: tuple(parse_one(text, "--set") for text in values),
        "Invalid set parameter",
        "COMPONENT:path.to.key=value. Repeatable.",
    ),
    "system-node-selector": Parameter(
        "system_selector",
        lambda values: parsers.selector(values, "system-node-selector"),
        "Invalid system-node-selector",
        "key=value. Repeatable.",
    ),
    "system-node-toleration": Parameter(
        "system_tolerations",
        lambda values: parsers.tolerations(values, "system-node-toleration"),
        "Invalid system-node-toleration",
        "key=value:Effect. Repeatable.",
    ),
    "accelerated-node-selector": Parameter(
        "accelerated_selector",
        lambda values: parsers.selector(values, "accelerated-node-selector"),
        "Invalid accelerated-node-selector",
        "key=value. Repeatable.",
    ),
    "accelerated-node-toleration": Parameter(
        "accelerated_tolerations",
        lambda values: parsers.tolerations(values, "accelerated-node-toleration"),
        "Invalid accelerated-node-toleration",
        "key=value:Effect. Repeatable.",
    ),
    "deployer": Parameter(
        "deployer", _deployer, "Invalid deployer parameter", f"One of {', '.join(DEPLOYERS)}."
    ),
    "workload-gate": Parameter(
        "workload_gate",
        lambda values: parsers.taint(values[0], "workload-gate") if values[0] else "",
        "Invalid workload-gate parameter",
        "Taint until a node is tuned: key=value:Effect.",
    ),
    "workload-selector": Parameter(
        "workload_selector",
        lambda values: parsers.selector(values, "workload-selector"),
        "Invalid workload-selector parameter",
        "key=value. Repeatable.",
    ),
    "nodes": Parameter("nodes", _nodes, "", "Estimated number of GPU nodes."),
    "repo": Parameter("repo", lambda values: values[0], "", "Git repository for GitOps."),
    "bundlers": Parameter(
        "bundlers", _bundlers, "Invalid bundlers parameter", "Only these components, by comma."
    ),
}


def recipe_of(catalog: Catalog, data: bytes, allowed: Mapping[str, list[str]]) -> dict[str, Any]:
    """The recipe in a body: the API's own, the command line's, or one written by hand.

    JSON whatever the content type says. Raises Problem.
    """
    if not data.strip():
        raise Problem(400, "Invalid request body", details={"error": "EOF"})
    try:
        document = jsonio.parse(data, NAME)
        if document is None:
            raise Problem(400, "Recipe is required")
        _check_size(document)
        recipe = recipefile.check(document, NAME)
        _check_criteria(catalog, recipe, allowed)
    except AicrError as e:
        raise about("Invalid request body", e) from None
    if not recipe["componentRefs"]:
        raise Problem(400, "Recipe must contain at least one component reference")
    return recipe


# More than any stack has; what is larger is only there to keep a server busy.
MAX_COMPONENTS = 256
MAX_VALUES = 20_000


def _check_size(document: Any) -> None:
    """Raises InvalidRequest for more than a bundle can be made of in a moment."""
    refs = document.get("componentRefs") if isinstance(document, dict) else None
    if isinstance(refs, list) and len(refs) > MAX_COMPONENTS:
        raise InvalidRequest(f"{NAME}: more than {MAX_COMPONENTS} components")
    stack, count = [document], 0
    while stack:
        value = stack.pop()
        count += 1
        if count > MAX_VALUES:
            raise InvalidRequest(f"{NAME}: more than {MAX_VALUES} values")
        if isinstance(value, dict | list):
            stack.extend(value.values() if isinstance(value, dict) else value)


def _check_criteria(
    catalog: Catalog, recipe: Mapping[str, Any], allowed: Mapping[str, list[str]]
) -> None:
    given = recipe.get("criteria") or {}
    if not isinstance(given, Mapping):
        raise InvalidRequest(f"{NAME}: criteria must be a map")
    values = {
        name: field.parse(given[name]) if isinstance(given.get(name), str) else ANY
        for name, field in catalog.fields.items()
        if name in allowed
    }
    check_allowed(allowed, values)


def bundle(
    catalog: Catalog, recipe: Mapping[str, Any], options: Options, said: list[str]
) -> Answer:
    """The archive. Raises InvalidRequest for settings and names that cannot be."""
    start = time.perf_counter()
    made = assemble(catalog, recipe, options)
    data = zip_bytes(made.files)
    seconds = time.perf_counter() - start
    headers = {
        "Content-Disposition": f'attachment; filename="{FILENAME}"',
        "X-Bundle-Files": str(len(made.files)),
        "X-Bundle-Size": str(sum(len(f.data) for f in made.files)),
        "X-Bundle-Duration": f"{1000 * seconds:.1f}ms",
    }
    warnings = [*said, *(note.removeprefix("Warning: ") for note in made.bundle.notes)]
    return Answer(data, "", header_of(warnings), headers)
