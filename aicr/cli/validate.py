"""`aicr validate`: a recipe against a snapshot, without a cluster."""

from __future__ import annotations

from typing import Any

import click

from aicr import clock, jsonio
from aicr._version import __version__
from aicr.bundle.options import selector, tolerations
from aicr.cli import output
from aicr.cli.options import data_option, open_catalog, single
from aicr.errors import CheckFailed, InvalidRequest, Unavailable
from aicr.inputs import read_document
from aicr.recipefile import check
from aicr.snapshot import criteria_of, readings
from aicr.validate import (
    FAILED,
    PASSED,
    PHASES,
    SKIPPED,
    Check,
    contradictions,
    offline_checks,
    phases_of,
    readiness,
    report,
    require,
)

# How the outcome of a readiness constraint is told on stderr.
_LEVELS = {PASSED: "info", SKIPPED: "warning", FAILED: "error"}


@click.command("validate")
@single("--recipe", "-r", "recipe_file", metavar="FILE", help="Recipe (required).")
@single("--snapshot", "-s", "snapshot_file", metavar="FILE", help="What was measured.")
@click.option(
    "--phase",
    multiple=True,
    metavar="PHASE",
    help="deployment, performance, conformance or all (default). Repeatable.",
)
@click.option("--no-cluster", is_flag=True, help="Only what a snapshot can tell.")
@click.option(
    "--fail-on-error", type=bool, default=True, help="Exit 8 when a check fails (default true)."
)
@single("--output", "-o", "target", metavar="FILE", help="Where the report goes (default: stdout).")
@click.option("--node-selector", multiple=True, metavar="KEY=VALUE", help="Nodes to run checks on.")
@click.option("--toleration", multiple=True, metavar="TAINT", help="Taint that checks tolerate.")
@click.option("--evidence-dir", metavar="DIR", help="Where evidence goes.")
@click.option("--cncf-submission", is_flag=True, help="Evidence for CNCF conformance.")
@click.option("--feature", multiple=True, metavar="NAME", help="Only evidence for these features.")
@data_option
def command(**params: Any) -> None:
    """Check a snapshot against a recipe and print a CTRF report.

    First the recipe's constraints (readiness; their outcome goes to stderr), then the phases.
    Without a cluster, checks that need one are reported as skipped.

    \b
    aicr validate --recipe recipe.yaml --snapshot snapshot.yaml --no-cluster
    """  # fmt: skip
    _check_flags(params)
    recipe = check(read_document(params["recipe_file"], "--recipe")[0], params["recipe_file"])
    _check_constraints(recipe, params["recipe_file"])
    _check_mode(params)
    document, _ = read_document(params["snapshot_file"], "--snapshot")
    snapshot = readings(document, params["snapshot_file"])
    catalog = open_catalog(params)
    implied, _ = criteria_of(snapshot, catalog.fields, params["snapshot_file"])
    output.warn(contradictions(recipe, implied))
    ready = readiness(recipe, snapshot)
    for outcome in ready:
        _tell(outcome)
    require(ready)
    checks = list(offline_checks(catalog.validators, recipe, snapshot, phases_of(params["phase"])))
    output.emit(jsonio.pretty(_stamped(checks)), params["target"])
    failed = [c for c in checks if c.status == FAILED]
    if failed and params["fail_on_error"]:
        raise CheckFailed(f"validation failed: {failed[0].name}: {failed[0].message}")


def _check_mode(params: dict[str, Any]) -> None:
    if not params["no_cluster"]:
        advice = "--no-cluster" if params["snapshot_file"] else "--snapshot and --no-cluster"
        raise Unavailable(f"checks in a cluster are not built yet; give {advice}")
    if params["snapshot_file"] is None:
        raise InvalidRequest("--no-cluster needs --snapshot: what else would be checked?")


def _tell(outcome: Check) -> None:
    """One line; the wording of recorded reasons (`[NOT_FOUND] …`) is for machines."""
    said = "not measured in the snapshot, not checked"
    text = said if outcome.status == SKIPPED else outcome.message
    message = f"readiness: {outcome.name} {outcome.status}" + (f": {text}" if text else "")
    details = {"constraint": outcome.name, "status": outcome.status}
    output.say(_LEVELS[outcome.status], message, details)


def _stamped(checks: list[Any]) -> dict[str, Any]:
    now = clock.now()
    return report(checks, __version__, clock.stamp(now), int(now.timestamp() * 1000))


def _check_flags(params: dict[str, Any]) -> None:
    if params["recipe_file"] is None:
        raise InvalidRequest("--recipe is required")
    for phase in params["phase"]:
        if phase not in (*PHASES, "all"):
            names = ", ".join((*PHASES, "all"))
            raise InvalidRequest(f'invalid phase "{phase}": must be one of: {names}')
    if params["feature"] and not params["cncf_submission"]:
        raise InvalidRequest("--feature requires --cncf-submission")
    if params["cncf_submission"] and not params["evidence_dir"]:
        raise InvalidRequest("--cncf-submission requires --evidence-dir")
    tolerations(params["toleration"], "toleration")
    selector(params["node_selector"], "node selector")
    unused = [f for f in ("node_selector", "toleration", "evidence_dir") if params[f]]
    if params["no_cluster"] and unused:
        flag = "--" + unused[0].replace("_", "-")
        raise InvalidRequest(f"{flag} has no effect with --no-cluster")


def _check_constraints(recipe: dict[str, Any], name: str) -> None:
    phases = recipe.get("validation") or {}
    if not isinstance(phases, dict) or not all(isinstance(p, dict | None) for p in phases.values()):
        raise InvalidRequest(f"{name}: validation must be a map of phases")
    lists = {"constraints": recipe.get("constraints")}
    lists |= {
        f"validation.{k}.constraints": (p or {}).get("constraints") for k, p in phases.items()
    }
    for where, found in lists.items():
        fits = isinstance(found, list | None) and all(
            isinstance(c, dict)
            and isinstance(c.get("name"), str)
            and isinstance(c.get("value"), str)
            for c in found or []
        )
        if not fits:
            raise InvalidRequest(f"{name}: {where} must be a list of maps with name and value")
