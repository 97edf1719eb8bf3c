"""`aicr diff`: what changes between two recipes or two catalogs."""

from __future__ import annotations

import os
from typing import Any

import click

from aicr import catalog as catalogs
from aicr import jsonio, yamlio
from aicr._version import __version__
from aicr.catalog import Catalog
from aicr.cli import output
from aicr.cli.options import FIELDS, data_option, format_option
from aicr.criteria import SYNONYMS
from aicr.diagnostics import did_you_mean
from aicr.diff import ADD, FORMAT_VERSION, REPLACE, Difference, differences
from aicr.errors import InvalidRequest, NotFound
from aicr.hydrate import component_values
from aicr.inputs import read_document
from aicr.recipefile import check
from aicr.request import Sources, recipe_for

BUILTIN = "builtin"


@click.command("diff")
@click.argument("a", metavar="A")
@click.argument("b", metavar="B")
@data_option
@format_option("text", "json", default="text")
def command(a: str, b: str, data_dir: str | None, output_format: str) -> int:
    """Show what changes from A to B, down to single Helm values.

    A and B are each a criteria string (service=eks,intent=training), a recipe file or URL, or a
    catalog directory ("builtin" is the built-in catalog). Exits 0 when they are the same, 1 when
    they differ, 2 or more on errors.

    \b
    aicr diff service=eks,accelerator=h100,intent=training recipe.yaml
    aicr diff builtin ./my-catalog
    """
    if _is_catalog(a) != _is_catalog(b):
        for operand in (a, b):
            if not (_is_catalog(operand) or _is_criteria(operand) or "://" in operand):
                _must_exist(operand)
        raise InvalidRequest(f"cannot compare a catalog with a recipe: {a} {b}")
    if _is_catalog(a):
        if data_dir:
            raise InvalidRequest("--data has no effect when A and B are catalogs")
        found = list(differences(_catalog_view(a), _catalog_view(b)))
    else:
        catalog = catalogs.load(data_dir)
        found = list(differences(_recipe_view(catalog, a), _recipe_view(catalog, b)))
    if output_format == "json":
        body = {
            "formatVersion": FORMAT_VERSION,
            "a": a,
            "b": b,
            "changes": [d.document() for d in found],
        }
        output.emit(jsonio.pretty(body))
    else:
        output.emit("".join(_text(d) for d in found))
    return 1 if found else 0


def _is_catalog(operand: str) -> bool:
    return operand == BUILTIN or os.path.isdir(operand)


def _is_criteria(operand: str) -> bool:
    return "=" in operand and not os.path.exists(operand) and "://" not in operand


def _must_exist(operand: str) -> None:
    if not os.path.exists(operand):
        raise NotFound(f"no such directory: {operand} (a catalog is compared with a catalog)")


def _catalog_view(operand: str) -> dict[str, Any]:
    data = catalogs.load(None if operand == BUILTIN else operand).data
    overlays = [data["base"], *data["overlays"]]
    return {
        "criteria": data["criteria"],
        "components": data["components"],
        "overlays": {
            o["name"]: {
                "base": o["base"],
                "criteria": o["criteria"],
                "layers": [{"layer": y["label"], "spec": y["spec"]} for y in o["layers"]],
            }
            for o in overlays
        },
        "values": {
            path: {**({"$base": v["base"]} if v["base"] else {}), **v["values"]}
            for path, v in data["values"].items()
        },
        "files": data["files"],
    }


def _recipe_view(catalog: Catalog, operand: str) -> dict[str, Any]:
    """A recipe as what it deploys: components with values, constraints, order, validation."""
    recipe = _recipe(catalog, operand)
    components = {}
    for ref in recipe["componentRefs"]:
        shown = {k: v for k, v in ref.items() if k not in ("name", "valuesFile", "overrides")}
        values = component_values(catalog, ref)
        components[ref["name"]] = {**shown, "values": values}
    keys = ("criteria", "constraints", "deploymentOrder", "validation")
    return {"components": components, **{k: recipe[k] for k in keys if k in recipe}}


def _recipe(catalog: Catalog, operand: str) -> dict[str, Any]:
    if _is_criteria(operand):
        recipe = recipe_for(catalog, _criteria(operand))
        output.warn(f"{operand}: {message}" for message in recipe.messages)
        return recipe.document(__version__)
    try:
        document, _ = read_document(operand, "diff")
    except NotFound as e:
        raise NotFound(f"{e.message} (criteria are written field=value)") from None
    if not isinstance(document, dict) or "componentRefs" not in document:
        raise InvalidRequest(f"{operand} is no recipe: it has no componentRefs")
    return check(document, operand)


def _criteria(text: str) -> Sources:
    given, nodes = {}, 0
    for part in text.split(","):
        key, _, value = part.partition("=")
        key = SYNONYMS.get(key.strip(), key.strip())
        if key in given or (key == "nodes" and nodes):
            raise InvalidRequest(f"{text!r} states {key} twice")
        if key == "nodes" and value.strip().isdecimal() and value.strip().isascii():
            nodes = int(value)
        elif key in FIELDS:
            given[key] = value
        else:
            near = did_you_mean(key, [*FIELDS, "nodes"])
            raise InvalidRequest(
                f"{part!r} in {text!r} is no criterion: {near} write field=value,… "
                f"with the fields {', '.join(FIELDS)} or nodes"
            )
    return Sources(given, nodes)


def _text(difference: Difference) -> str:
    path = ".".join(difference.path)
    if difference.kind == REPLACE:
        return f"~ {path}: {jsonio.compact(difference.old)} -> {jsonio.compact(difference.new)}\n"
    sign, value = ("+", difference.new) if difference.kind == ADD else ("-", difference.old)
    if not isinstance(value, dict | list) or not value:
        return f"{sign} {path}: {jsonio.compact(value)}\n"
    body = "".join(f"{sign}     {line}\n" for line in yamlio.dump(value).splitlines())
    return f"{sign} {path}:\n{body}"
