"""References that lead nowhere: dependencies, components, files, measurements."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from aicr import constraints, versions
from aicr.diagnostics import ERROR, WARNING, Diagnostic, did_you_mean
from aicr.errors import AicrError
from aicr.lint.view import Linked
from aicr.merge import DIRECTIVE
from aicr.mixins import PARAMETER
from aicr.order import deployment_order
from aicr.snapshot import TYPES


def dependencies(view: Linked) -> Iterator[Diagnostic]:
    """Every overlay that can be an answer must have all its dependencies, and no cycle."""
    for name, doc in view.answers():
        try:
            deployment_order(view.merged(name).get("componentRefs", []))
        except AicrError as e:
            yield doc.diagnostic(("spec", "componentRefs"), ERROR, "dependencies", e.message)


def components(view: Linked) -> Iterator[Diagnostic]:
    """References to components, values files and manifests that do not exist."""
    known = view.catalog["components"]
    files = {*view.catalog["values"], *view.catalog["files"]}
    for doc, spec in view.bodies():
        for i, ref in enumerate(spec.get("componentRefs") or []):
            path = ("spec", "componentRefs", i)
            if ref["name"] not in known and DIRECTIVE not in ref:
                text = f"component {ref['name']!r} is not in registry.yaml: it gets no defaults"
                yield doc.diagnostic(
                    (*path, "name"),
                    WARNING,
                    "unknown-component",
                    text,
                    did_you_mean(ref["name"], known),
                )
            name = ref.get("valuesFile")
            if name and name not in view.catalog["values"]:
                text = f"values file {name} does not exist"
                yield doc.diagnostic(
                    (*path, "valuesFile"), ERROR, "missing-file", text, did_you_mean(name, files)
                )
            for j, manifest in enumerate(ref.get("manifestFiles") or []):
                if manifest not in view.catalog["files"] and not PARAMETER.match(manifest):
                    text = f"manifest {manifest} does not exist"
                    where = (*path, "manifestFiles", j)
                    hint = did_you_mean(manifest, files)
                    yield doc.diagnostic(where, ERROR, "missing-file", text, hint)
            if ref.get("type") not in (None, "Helm", "Kustomize"):
                text = f"type {ref['type']!r} is neither Helm nor Kustomize"
                yield doc.diagnostic((*path, "type"), ERROR, "component-type", text)


def measurements(view: Linked) -> Iterator[Diagnostic]:
    """Constraints that can never hold: bad paths and bad expressions."""
    for doc, spec in view.bodies():
        for i, constraint in enumerate(spec.get("constraints") or []):
            problem = _constraint_problem(constraint)
            if problem:
                key, text = problem
                yield doc.diagnostic(("spec", "constraints", i, key), ERROR, "constraint", text)


def _constraint_problem(constraint: Mapping[str, Any]) -> tuple[str, str] | None:
    if "value" not in constraint:
        return None
    parts = constraint["name"].split(".", 2)
    if len(parts) < 3 or parts[0] not in TYPES:
        kinds = ", ".join(TYPES)
        return "name", f"{constraint['name']!r} is no Type.Subtype.Key with a type of {kinds}"
    try:
        operator, operand = constraints.parse(constraint["value"])
        if operator in versions.ORDERINGS:
            versions.parse(operand)
        elif operand.startswith(("=", "<", ">", "!", "~", "^")):
            raise ValueError(f"operators are {', '.join(constraints.OPERATORS)}")
    except ValueError as e:
        return "value", f"{constraint['value']!r} can never be evaluated: {e}"
    return None
