"""Everything that can be wrong with a catalog, beyond what stops it from compiling.

The compiler's own findings come first; these rules look at the whole: references to things that do
not exist, things that nothing uses, statements without effect, coin tosses and repetition.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import combinations
from typing import Any

from aicr import constraints, versions
from aicr.compile import link
from aicr.criteria import ANY
from aicr.diagnostics import ERROR, WARNING, Diagnostic, did_you_mean
from aicr.documents import Documents, Parsed
from aicr.errors import AicrError
from aicr.load import load
from aicr.merge import DELETE, DIRECTIVE, RECIPE, Policy, Rule, RuleBook
from aicr.mixins import PARAMETER
from aicr.order import deployment_order
from aicr.resolve import merge_layers
from aicr.snapshot import TYPES
from aicr.sources import EXTERNAL, ROOT, SourceFile

# A subtree of this many scalars that stands in two files should be a mixin or a values file.
REPEAT_LEAVES = 6

Check = Callable[["Linked"], Iterable[Diagnostic]]


class Linked:
    """A catalog that links: its documents and its compiled form."""

    def __init__(self, docs: Documents, catalog: Mapping[str, Any]) -> None:
        self.docs = docs
        self.catalog = catalog
        self.records: dict[str, Mapping[str, Any]] = {o["name"]: o for o in catalog["overlays"]}
        self._merged: dict[str, Any] = {}

    def merged(self, name: str) -> dict[str, Any]:
        """What the overlay's chain makes, from base up."""
        if name not in self._merged:
            chain = [self.catalog["base"], *(self.records[n] for n in self.chain(name))]
            layers = [layer["spec"] for record in chain for layer in record["layers"]]
            self._merged[name] = merge_layers(RuleBook(RECIPE), layers)
        result: dict[str, Any] = self._merged[name]
        return result

    def chain(self, name: str) -> list[str]:
        names: list[str] = [] if name == ROOT else self.records[name]["chain"]
        return names

    def bodies(self) -> Iterator[tuple[Parsed, Mapping[str, Any]]]:
        """Every document that states components and constraints, with its spec."""
        root = [self.docs.root] if self.docs.root else []
        for doc in (*root, *self.docs.overlays.values(), *self.docs.mixins.values()):
            yield doc, doc.value.get("spec") or {}


def lint(*layers: Mapping[str, SourceFile]) -> list[Diagnostic]:
    """Every finding, sorted by file and line."""
    docs = load(*layers)
    catalog = {} if docs.broken else link(docs)["catalog"]
    found = list(docs.diagnostics)
    if not docs.broken:
        view = Linked(docs, catalog)
        found += [d for rule in RULES for d in rule(view)]
    return sorted(set(found))


# --------------------------------------------------------------------------- references


def _dependencies(view: Linked) -> Iterator[Diagnostic]:
    """Every overlay that can be an answer must have all its dependencies, and no cycle."""
    for name, doc in _answers(view):
        try:
            deployment_order(view.merged(name).get("componentRefs", []))
        except AicrError as e:
            yield doc.diagnostic(("spec", "componentRefs"), ERROR, "dependencies", e.message)


def _answers(view: Linked) -> Iterator[tuple[str, Parsed]]:
    if view.docs.root:
        yield ROOT, view.docs.root
    yield from view.docs.overlays.items()


def _components(view: Linked) -> Iterator[Diagnostic]:
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


def _constraints(view: Linked) -> Iterator[Diagnostic]:
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


# --------------------------------------------------------------------------- without effect


def _unused(view: Linked) -> Iterator[Diagnostic]:
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


def _pointless(view: Linked) -> Iterator[Diagnostic]:
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


def _redundant(view: Linked) -> Iterator[Diagnostic]:
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


def _pins(view: Linked) -> Iterator[Diagnostic]:
    """Charts without a version float; a pin should agree with the registry's default."""
    for name, doc in _answers(view):
        for ref in view.merged(name).get("componentRefs", []):
            entry = (view.catalog["components"].get(ref["name"]) or {}).get("helm") or {}
            pinned, default = ref.get("version"), entry.get("defaultVersion")
            if (ref.get("source") or entry.get("defaultRepository")) and not (pinned or default):
                text = f"the version of {ref['name']} is not pinned: next month's answer differs"
                yield doc.diagnostic(("spec", "componentRefs"), WARNING, "floating-version", text)


# --------------------------------------------------------------------------- coin tosses


def _ambiguous(view: Linked) -> Iterator[Diagnostic]:
    """Two unrelated overlays of equal specificity that one request selects together and that set
    the same leaf differently: only their names decide which wins."""
    for a, b in combinations(view.records.values(), 2):
        if not _meet(a, b) or a["name"] in b["chain"] or b["name"] in a["chain"]:
            continue
        for path in _clashes(RECIPE, _apart(view, a, b), _apart(view, b, a)):
            doc = view.docs.overlays[b["name"]]
            text = (
                f"{a['name']} and {b['name']} answer the same requests, are equally specific, "
                f"and set {path[1:]} differently: {b['name']} wins only by its name"
            )
            hint = f"make one the base of the other, or narrow the criteria of {b['name']}"
            yield doc.diagnostic(("spec",), ERROR, "ambiguous", text, hint)


def _meet(a: Mapping[str, Any], b: Mapping[str, Any]) -> bool:
    """Equally specific, and some request matches both."""
    left, right = _narrow(a["criteria"]), _narrow(b["criteria"])
    if left is None or right is None or len(left) != len(right):
        return False
    return all(right.get(k, v) == v for k, v in left.items())


def _narrow(rule: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if rule is None else {k: v for k, v in rule.items() if v not in (ANY, "", 0)}


def _apart(view: Linked, record: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """What an overlay brings that the other does not: its chain without what they share."""
    names = [name for name in record["chain"] if name not in other["chain"]]
    layers = [layer["spec"] for name in names for layer in view.records[name]["layers"]]
    return merge_layers(RuleBook(RECIPE), layers)


def _clashes(rule: Rule, a: Any, b: Any, path: str = "") -> Iterator[str]:
    """Paths at which one of the two would win over the other, by the merge rules."""
    if rule.policy in (Policy.APPEND, Policy.OR) or a in (None, "", []) or b in (None, "", []):
        return
    if rule.policy is Policy.BY_NAME:
        left, right = ({item["name"]: item for item in items} for items in (a, b))
        for name in sorted(set(left) & set(right)):
            yield from _clashes(rule.child("*"), left[name], right[name], f"{path}.{name}")
    elif rule.policy is Policy.MAP and isinstance(a, dict) and isinstance(b, dict):
        for key in sorted(set(a) & set(b)):
            yield from _clashes(rule.child(key), a[key], b[key], f"{path}.{key}")
    elif rule.policy is Policy.KEYS:
        yield from (f"{path}.{key}" for key in sorted(set(a) & set(b)) if a[key] != b[key])
    elif a != b:
        yield path


# --------------------------------------------------------------------------- repetition


def _repetition(view: Linked) -> Iterator[Diagnostic]:
    """The same subtree written out in several files: say it once, in a mixin or a values file."""
    places: dict[str, list[tuple[Parsed, tuple[str | int, ...]]]] = defaultdict(list)
    documents = [
        *(doc for doc, _ in view.bodies()),
        *view.docs.values.values(),
    ]
    for doc in documents:
        seen: set[str] = set()
        for path, text in _subtrees(doc.value, ()):
            if text not in seen:  # within one file an anchor would do; that is the file's business
                seen.add(text)
                places[text].append((doc, path))
    reported: set[tuple[str, tuple[str | int, ...]]] = set()
    for _, found in sorted(places.items(), key=lambda item: (-len(item[0]), item[0])):
        files = sorted({doc.file for doc, _ in found})
        if len(files) < 2:
            continue
        fresh = [(d, p) for d, p in found if not _inside(reported, d, p)]
        reported |= {(d.file, p) for d, p in found}
        if fresh:
            doc, path = fresh[-1]
            where = ".".join(str(step) for step in path)
            message = f"{where} stands in {len(files)} files: {', '.join(files)}"
            yield doc.diagnostic(path, WARNING, "repeated", message, "say it once, in a mixin")


def _inside(
    reported: set[tuple[str, tuple[str | int, ...]]], doc: Parsed, path: tuple[str | int, ...]
) -> bool:
    return any((doc.file, path[:n]) in reported for n in range(len(path)))


def _subtrees(
    value: Any, path: tuple[str | int, ...]
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Maps and lists with enough leaves to be worth naming, as canonical text."""
    if not isinstance(value, (dict, list)):
        return
    if path and _count(value) >= REPEAT_LEAVES:
        yield path, json.dumps(value, sort_keys=True)
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, below in items:
        yield from _subtrees(below, (*path, key))


def _count(value: Any) -> int:
    if isinstance(value, dict):
        return sum(_count(v) for v in value.values())
    return sum(_count(v) for v in value) if isinstance(value, list) else 1


# --------------------------------------------------------------------------- registry


def _registry(view: Linked) -> Iterator[Diagnostic]:
    owners: dict[str, str] = {}
    for doc in view.docs.registries:
        for i, component in enumerate(doc.value.get("components") or []):
            name, path = component["name"], ("components", i)
            if not component.get("displayName"):
                text = f"component {name!r} has no displayName"
                yield doc.diagnostic(path, WARNING, "registry", text)
            for key in component.get("valueOverrideKeys") or []:
                owner = owners.setdefault(key, name)
                taken = owner if owner != name else key if key in view.catalog["components"] else ""
                if taken and taken != name:
                    text = f"override key {key!r} already belongs to {taken}"
                    yield doc.diagnostic((*path, "valueOverrideKeys"), ERROR, "registry", text)


def _foreign(view: Linked) -> Iterator[Diagnostic]:
    """YAML files of an external catalog that are of no kind we read."""
    for path in view.docs.others:
        inside = "components/" in path or "checks/" in path or path == "data-v1.yaml"
        if path.endswith((".yaml", ".yml")) and not inside and not path.startswith("templates/"):
            text = "neither RecipeMetadata nor RecipeMixin: nothing reads this file"
            yield Diagnostic(EXTERNAL + path, 0, 0, WARNING, "unused", text)


RULES: tuple[Check, ...] = (
    _dependencies,
    _components,
    _constraints,
    _unused,
    _pointless,
    _redundant,
    _pins,
    _ambiguous,
    _repetition,
    _registry,
    _foreign,
)
