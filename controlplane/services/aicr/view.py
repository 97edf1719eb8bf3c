"""A recipe as the API shows it: the seed's document over what the command line prints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aicr.catalog import Catalog
from aicr.hydrate import component_values

KIND = "Recipe"
_OPERATOR = "gpu-operator"


def api_recipe(catalog: Catalog, result: Mapping[str, Any], created: str) -> dict[str, Any]:
    """The API's Recipe of a RecipeResult; `created` is when it was compiled (RFC 3339).

    Everything the result says stays. Components gain `order` and `repository`; constraints become
    a map from name to expression (to an object when there is more to say), with `driver` in it.
    """
    order = {name: place for place, name in enumerate(result["deploymentOrder"], 1)}
    metadata = result["metadata"]
    document = {
        "apiVersion": result["apiVersion"],
        "kind": KIND,
        "metadata": {"version": metadata["version"], "created": created, **metadata},
        "criteria": result["criteria"],
        "componentRefs": [_component(ref, order) for ref in result["componentRefs"]],
        "constraints": _constraints(catalog, result),
        "deploymentOrder": result["deploymentOrder"],
    }
    if "validation" in result:
        document["validation"] = result["validation"]
    return document


def _component(ref: Mapping[str, Any], order: Mapping[str, int]) -> dict[str, Any]:
    added = {"order": order[ref["name"]], "repository": ref.get("source") or ""}
    head = {key: ref[key] for key in ("name", "version") if key in ref}
    return {**head, **added, **ref}


def _constraints(catalog: Catalog, result: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    driver = _driver(catalog, result)
    if driver:
        found["driver"] = driver
    for constraint in result.get("constraints") or []:
        more = {k: v for k, v in constraint.items() if k != "name"}
        found[constraint["name"]] = more["value"] if set(more) == {"value"} else more
    return found


def _driver(catalog: Catalog, result: Mapping[str, Any]) -> dict[str, str]:
    """The driver that the GPU operator installs, and the newest CUDA that runs on its branch."""
    refs = [ref for ref in result["componentRefs"] if ref["name"] == _OPERATOR]
    if not refs:
        return {}
    driver = component_values(catalog, refs[0]).get("driver")
    if not isinstance(driver, Mapping) or driver.get("enabled") is False:
        return {}
    version = str(driver.get("version") or "")
    cuda = catalog.driver_branches.get(version.partition(".")[0])
    said = {"version": version, "cudaVersion": cuda}
    return {key: value for key, value in said.items() if value}
