"""`aicr list`: what there is to ask for."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Any

import click

from aicr import catalog as catalogs
from aicr import jsonio
from aicr.catalog import Catalog
from aicr.cli import output
from aicr.cli.options import data_option, format_option
from aicr.criteria import ANY, Criteria, specificity
from aicr.resolve import resolve

FORMAT_VERSION = "1.0"
# What is listed -> the criteria field it is about; None for the others.
KINDS: dict[str, str | None] = {
    "services": "service",
    "accelerators": "accelerator",
    "intents": "intent",
    "os": "os",
    "platforms": "platform",
    "components": None,
    "overlays": None,
    "recipes": None,
}


@click.command("list")
@click.argument("kind", type=click.Choice(list(KINDS)), metavar="KIND")
@data_option
@format_option("table", "json", default="table")
def command(kind: str, data_dir: str | None, output_format: str) -> None:
    """List criteria values, components, overlays, or every distinct recipe.

    KIND is services, accelerators, intents, os, platforms, components, overlays or recipes.
    """
    catalog = catalogs.load(data_dir)
    rows = _rows(catalog, kind)
    if output_format == "json":
        output.emit(jsonio.pretty({"formatVersion": FORMAT_VERSION, "kind": kind, "items": rows}))
    else:
        header = list(rows[0]) if rows else ["name"]
        cells = [[_cell(row[key]) for key in header] for row in rows]
        output.emit(output.table([key.upper() for key in header], cells))


def _rows(catalog: Catalog, kind: str) -> list[dict[str, Any]]:
    field = KINDS[kind]
    if field:
        return _values(catalog, field)
    return {"components": _components, "overlays": _overlays, "recipes": _recipes}[kind](catalog)


def _values(catalog: Catalog, name: str) -> list[dict[str, Any]]:
    field = catalog.fields[name]
    rules = [r["criteria"] or {} for r in catalog.overlays.values()]
    return [
        {
            "name": value,
            "title": title,
            "aliases": sorted(a for a, v in field.aliases.items() if v == value),
            "overlays": sum(rule.get(name) == value for rule in rules),
        }
        for value, title in field.titles.items()
    ]


def _components(catalog: Catalog) -> list[dict[str, Any]]:
    rows = []
    for name, entry in sorted(catalog.components.items()):
        helm = entry.get("helm") or {}
        rows.append(
            {
                "name": name,
                "version": helm.get("defaultVersion", ""),
                "namespace": helm.get("defaultNamespace", ""),
                "description": entry.get("description") or entry.get("displayName") or "",
            }
        )
    return rows


def _overlays(catalog: Catalog) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "base": record["base"],
            "criteria": _criteria(record["criteria"]),
            "file": catalog.shown(record["file"]),
        }
        for name, record in catalog.overlays.items()
    ]


def _recipes(catalog: Catalog) -> list[dict[str, Any]]:
    """One row per distinct answer, with the shortest request that gets it."""
    rules = [r["criteria"] for r in catalog.overlays.values() if r["criteria"]]
    choices = {
        name: [ANY, *_named(rules, name, field.values)] for name, field in catalog.fields.items()
    }
    nodes = sorted({rule.get("nodes", 0) for rule in rules} | {0})
    requests = [
        Criteria(dict(zip(choices, values, strict=True)), count)
        for values in product(*choices.values())
        for count in nodes
    ]
    answers: dict[tuple[str, ...], dict[str, Any]] = {}
    for request in sorted(requests, key=lambda r: specificity(r.document())):
        recipe = resolve(catalog, request)
        row = {
            "criteria": str(request).replace(", ", ",") if not request.is_open else ANY,
            "components": len(recipe.order),
            "overlays": list(recipe.applied),
        }
        answers.setdefault(recipe.applied, row)
    return list(answers.values())


def _named(rules: list[Mapping[str, Any]], field: str, values: list[str]) -> list[str]:
    """The values of a field that some overlay names: no other changes an answer."""
    return [value for value in values if any(rule.get(field) == value for rule in rules)]


def _criteria(rule: Mapping[str, Any] | None) -> str:
    if rule is None:
        return "(parent only)"
    return ",".join(f"{k}={v}" for k, v in rule.items()) or "any"


def _cell(value: Any) -> str:
    return " ".join(value) if isinstance(value, list) else str(value)
