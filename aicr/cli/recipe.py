"""`aicr recipe`: criteria to a recipe."""

from __future__ import annotations

from typing import Any

import click

from aicr._version import __version__
from aicr.cli import output
from aicr.cli.options import criteria_options, format_option, open_catalog, single, sources_of
from aicr.cli.suffix import format_for, misnamed
from aicr.request import recipe_for
from aicr.resolve import Recipe

DEFAULT = "yaml"


@click.command("recipe")
@criteria_options
@single("--output", "-o", metavar="FILE", help="File or cm://namespace/name (default: stdout).")
@format_option("yaml", "json", "table", default=DEFAULT, by_name=True)
def command(strict: bool, output_format: str | None, **params: Any) -> None:
    """Compile criteria into a recipe: components, versions, values, constraints and order.

    \b
    aicr recipe --service eks --accelerator h100 --intent training
    aicr recipe --criteria cluster.yaml --platform kubeflow -o recipe.yaml
    aicr recipe --snapshot snapshot.yaml --intent training
    """
    target = params.pop("output")
    output_format = format_for(target, output_format, DEFAULT)
    kubeconfig = _kubeconfig_for_target(params, target)
    recipe = recipe_for(open_catalog(params), sources_of(params))
    output.warn([*recipe.messages, *misnamed(target, output_format)], strict)
    document = recipe.document(__version__)
    text = (
        _table(recipe, document)
        if output_format == "table"
        else output.document(document, output_format)
    )
    if target and target.startswith("cm://"):
        from aicr import configmap

        suffix = "txt" if output_format == "table" else output_format
        configmap.write(target, text, suffix, kubeconfig, "recipe")
    else:
        output.emit(text, target)


def _kubeconfig_for_target(params: dict[str, Any], target: str | None) -> Any:
    """`--kubeconfig` may serve the output alone; then the inputs must not complain about it."""
    if not (target and target.startswith("cm://")):
        return None
    from aicr import configmap

    configmap.address(target)  # refuse a bad address before any work
    kubeconfig = params["kubeconfig"]
    if not str(params["snapshot_file"] or params["criteria_file"] or "").startswith("cm://"):
        params["kubeconfig"] = None
    return kubeconfig


def _table(recipe: Recipe, document: dict[str, Any]) -> str:
    order = {name: str(i) for i, name in enumerate(recipe.order, 1)}
    refs = sorted(document["componentRefs"], key=lambda c: int(order[c["name"]]))
    rows = [
        (
            order[c["name"]],
            c["name"],
            c.get("version", "-"),
            c.get("namespace", "-"),
            c["source"] or "-",
        )
        for c in refs
    ]
    facts = [
        ("criteria", ", ".join(f"{k}={v}" for k, v in document["criteria"].items())),
        ("overlays", ", ".join(recipe.applied)),
        *(
            ("left out", f"{', '.join(overlays)} ({why})")
            for why, overlays in recipe.left_out.items()
        ),
        *((c["name"], c["value"]) for c in document.get("constraints", [])),
    ]
    return (
        output.table(("FACT", "VALUE"), facts)
        + "\n"
        + output.table(("ORDER", "COMPONENT", "VERSION", "NAMESPACE", "SOURCE"), rows)
    )
