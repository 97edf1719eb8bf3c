"""Statements without effect: what nothing uses, repeats, or can be told from a default."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from aicr.diagnostics import WARNING, Diagnostic, did_you_mean
from aicr.lint.view import Linked
from aicr.merge import DELETE, DIRECTIVE
from aicr.mixins import PARAMETER
from aicr.sources import ROOT


def unused(view: Linked) -> Iterator[Diagnostic]:
    """Mixins, values files and overlays that no answer can come to."""
    used = {
        use if isinstance(use, str) else use["name"]
        for _, spec in view.bodies()
        for use in spec.get("mixins") or []
    }
    for name, doc in view.docs.mixins.items():
        if name not in used:
            yield doc.diagnostic((), WARNING, "unused", f"no overlay uses the mixin {name!r}")
    parents = {record["base"] for record in view.records.values()}
    for name, record in view.records.items():
        if record["criteria"] is None and name not in parents:
            text = f"overlay {name!r} has no criteria and no children: nothing selects it"
            yield view.docs.overlays[name].diagnostic((), WARNING, "unused", text)
    named = {
        ref.get("valuesFile")
        for _, spec in view.bodies()
        for ref in spec.get("componentRefs") or []
    }
    components = {path.split("/")[1] for path in named if path}
    below = {entry["base"] for entry in view.catalog["values"].values()}
    for path, doc in view.docs.values.items():
        implied = path.endswith("/values.yaml") and path.split("/")[1] in components
        if path not in named and path not in below and not implied:
            text = f"no component names {path} as its valuesFile"
            yield doc.diagnostic((), WARNING, "unused", text)


def pointless(view: Linked) -> Iterator[Diagnostic]:
    """Deletions of components that no lower layer has, and parameters outside of mixins."""
    for name, doc in view.docs.overlays.items():
        chain = view.chain(name)
        below = view.merged(chain[-2] if len(chain) > 1 else ROOT)
        known = {ref["name"] for ref in below.get("componentRefs", [])}
        for i, ref in enumerate((doc.value.get("spec") or {}).get("componentRefs") or []):
            path = ("spec", "componentRefs", i)
            if ref.get(DIRECTIVE) == DELETE and ref["name"] not in known:
                text = f"there is no component {ref['name']!r} to delete below {name}"
                hint = did_you_mean(ref["name"], known)
                yield doc.diagnostic(path, WARNING, "no-effect", text, hint)
        for at, text in _scalars(doc.value, ()):
            if PARAMETER.match(text):
                note = f"{text} stays as it is: parameters are for mixins"
                yield doc.diagnostic(at, WARNING, "no-effect", note)


def _scalars(
    value: Any, path: tuple[str | int, ...]
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, below in items:
            yield from _scalars(below, (*path, key))


def redundant(view: Linked) -> Iterator[Diagnostic]:
    """Statements of an overlay that repeat what its parents already say."""
    for name, doc in view.docs.overlays.items():
        chain = view.chain(name)
        below = view.merged(chain[-2] if len(chain) > 1 else ROOT)
        spec = doc.value.get("spec") or {}
        if spec.get("mixins"):
            continue  # what a mixin says is said for every overlay that uses it
        for path, text in _repeats(spec, below):
            yield doc.diagnostic(("spec", *path), WARNING, "redundant", text)


def _repeats(
    spec: Mapping[str, Any], below: Mapping[str, Any]
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    stated = {c["name"]: c for c in below.get("constraints", [])}
    for i, constraint in enumerate(spec.get("constraints") or []):
        if stated.get(constraint["name"]) == constraint:
            yield ("constraints", i), f"the parents already state {constraint['name']}"
    refs = {c["name"]: c for c in below.get("componentRefs", [])}
    for i, ref in enumerate(spec.get("componentRefs") or []):
        for key, value in ref.items():
            same = refs.get(ref["name"], {}).get(key) == value
            if key != "name" and same:
                text = f"the parents already give {ref['name']} this {key}"
                yield ("componentRefs", i, key), text


def pins(view: Linked) -> Iterator[Diagnostic]:
    """Charts without a version float; a pin should agree with the registry's default."""
    for name, doc in view.answers():
        for ref in view.merged(name).get("componentRefs", []):
            entry = (view.catalog["components"].get(ref["name"]) or {}).get("helm") or {}
            pinned, default = ref.get("version"), entry.get("defaultVersion")
            if (ref.get("source") or entry.get("defaultRepository")) and not (pinned or default):
                text = f"the version of {ref['name']} is not pinned: next month's answer differs"
                yield doc.diagnostic(("spec", "componentRefs"), WARNING, "floating-version", text)
